// A local port whose every connection becomes a channel to one target.
import { TunnelError } from '../../base/errors.ts';
import type { SocketAddress, TcpSocket, World } from '../../base/world.ts';
import { reset } from '../../streams/reset.ts';
import { splice } from '../../streams/splice.ts';
import type { Channel } from '../open-channel.ts';
import type { ForwardSpec } from './spec.ts';

/** One for all connections: each of them ends. */
const GONE = new TunnelError('interrupted', 'the local client has gone');

export type ConnectTarget = (target: string, signal: AbortSignal) => Promise<Channel>;

export interface LocalForward extends AsyncDisposable {
  /** Where it listens: the port that was chosen when 0 was asked for. */
  readonly listen: SocketAddress;
  readonly target: string;
}

export interface LocalForwardOptions {
  readonly spec: ForwardSpec;
  readonly connect: ConnectTarget;
  /** Told of each connection that got no channel, and of each channel that was cut from the far side. */
  readonly onFailure: (error: unknown) => void;
}

/** Binds at once; the first connections may wait inside `connect` until there is a session. A failed connect resets the client. Errors `port.in-use`, `address.not-here`. */
export async function forwardLocal({ spec, connect, onFailure }: LocalForwardOptions, world: World): Promise<LocalForward> {
  const open = new Map<TcpSocket, AbortController>();

  const serve = async (socket: TcpSocket): Promise<void> => {
    const leaving = new AbortController();
    const left = () => leaving.abort(GONE);
    socket.once('error', left).once('close', left);
    open.set(socket, leaving);
    try {
      const channel = await connect(spec.target, leaving.signal);
      await carry(socket, channel, spec.target);
    } catch (error) {
      const ours = leaving.signal.aborted;
      reset(socket, error instanceof Error ? error : new Error(String(error)));
      if (!ours) onFailure(error);
    } finally {
      open.delete(socket);
    }
  };

  const listener = await world.net.listen(spec.listen, (socket) => void serve(socket));
  if ('path' in listener.at) throw new TunnelError('internal', 'a forward listens on a path');
  return {
    listen: listener.at,
    target: spec.target,
    async [Symbol.asyncDispose]() {
      await listener.close();
      for (const [socket, leaving] of open) {
        leaving.abort(new TunnelError('interrupted', 'the forward was closed'));
        reset(socket, new Error('the forward was closed'));
      }
    },
  };
}

async function carry(socket: TcpSocket, channel: Channel, target: string): Promise<void> {
  try {
    await splice(socket, channel);
  } catch (cause) {
    throw new TunnelError('link.reset', `${target}: the connection was reset`, {
      hint: 'By the target, or because the agent or the gateway went away.',
      cause,
    });
  }
}
