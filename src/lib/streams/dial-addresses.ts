// A TCP connection to the first of some addresses that answers: addresses that were judged before, and no others.
import type { SocketAddress, TcpSocket, World } from '../base/world.ts';
import { connectFirst } from './happy-eyeballs.ts';

export interface Dialled {
  readonly socket: TcpSocket;
  /** The one that answered. */
  readonly to: SocketAddress;
}

/** A target that stays silent holds its socket no longer than this and a few probes. */
const TCP_KEEP_ALIVE_MS = 30_000;

/** `signal` is the deadline. Errors as `connectFirst`. */
export async function dialAddresses(addresses: readonly SocketAddress[], world: World, signal: AbortSignal): Promise<Dialled> {
  const connect = async (to: SocketAddress, signal: AbortSignal) => {
    const socket = await world.net.connect(to, signal);
    return { socket, to, destroy: () => socket.destroy() };
  };
  const { socket, to } = await connectFirst(addresses, connect, world, signal);
  socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
  return { socket, to };
}
