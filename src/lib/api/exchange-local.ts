// The API of a gateway on this machine, over the socket in its data folder; whoever may open it is admin.
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { type Exchange, httpExchange } from './exchange.ts';

/** `path` of `control.sock`. Error `gateway.unreachable` where no gateway runs. */
export function localExchange(path: string, world: Pick<World, 'clock' | 'net'>): Exchange {
  const connect = async (signal: AbortSignal) => {
    try {
      return await world.net.connect({ path }, signal);
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      throw new TunnelError('gateway.unreachable', `no gateway answers at ${path}`, { hint: 'Start it: tunnel gateway start --data-dir DIR', cause });
    }
  };
  return httpExchange({ host: 'localhost', prefix: '', called: path, connect }, world);
}
