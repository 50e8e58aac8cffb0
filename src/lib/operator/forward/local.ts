// A local listener: each of its connections is served on its own, and none of them outlives it.
import { TunnelError } from '../../base/errors.ts';
import type { TcpSocket, World } from '../../base/world.ts';
import { FirstBytes } from '../../link/first-bytes.ts';
import { reset } from '../../streams/reset.ts';
import type { Channel } from '../open-channel.ts';
import { carry, type Traffic } from './carry.ts';
import type { Listen } from './spec.ts';

/** One for all connections: each of them ends. */
const GONE = new TunnelError('interrupted', 'the local client has gone');

/** A channel to a canonical target; `first` is on its way by then. */
export type ConnectTarget = (target: string, signal: AbortSignal, first?: FirstBytes) => Promise<Channel>;

/** What becomes of one connection. `gone` aborts when the client leaves. A rejection resets the client. */
export type Serve = (client: TcpSocket, gone: AbortSignal) => Promise<void>;

export interface LocalListener extends AsyncDisposable {
  /** Where it listens: the port that was chosen when 0 was asked for. */
  readonly listen: Listen;
}

export interface LocalListenerOptions {
  readonly listen: Listen;
  readonly serve: Serve;
  /** Told of each connection that got no channel, and of each channel that was cut from the far side. */
  readonly onFailure: (error: unknown) => void;
}

/** Errors `port.in-use`, `address.not-here`. */
export async function listenLocally({ listen, serve, onFailure }: LocalListenerOptions, world: World): Promise<LocalListener> {
  const open = new Map<TcpSocket, AbortController>();

  const take = async (socket: TcpSocket): Promise<void> => {
    const leaving = new AbortController();
    const left = () => leaving.abort(GONE);
    socket.once('error', left).once('close', left);
    open.set(socket, leaving);
    try {
      await serve(socket, leaving.signal);
    } catch (error) {
      const ours = leaving.signal.aborted;
      reset(socket, error instanceof Error ? error : new Error(String(error)));
      if (!ours) onFailure(error);
    } finally {
      open.delete(socket);
    }
  };

  const listener = await world.net.listen(listen, (socket) => void take(socket));
  return {
    listen: listener.at,
    async [Symbol.asyncDispose]() {
      await listener.close();
      for (const [socket, leaving] of open) {
        leaving.abort(new TunnelError('interrupted', 'the forward was closed'));
        reset(socket, new Error('the forward was closed'));
      }
    },
  };
}

/** Every connection is a channel to the one target. */
export function toTarget(target: string, connect: ConnectTarget, traffic: Traffic): Serve {
  return async (client, gone) => {
    const first = new FirstBytes(client);
    await carry(client, await connect(target, gone, first), target, traffic, first.length);
  };
}
