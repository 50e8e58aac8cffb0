// The one TCP port: reads only the ClientHello and decides by its ALPN who gets the connection: the edge, for an operator or an agent, or the API (architecture.md, decision 5).
import { LIMITS } from '../../base/limits.ts';
import type { SocketAddress, TcpSocket, World } from '../../base/world.ts';
import { readClientHello } from './client-hello.ts';

/** The CLI's own CONNECT, which the edge terminates. */
const OPERATOR_ALPN = /^tunnel-connect\//;
/** An agent's link over TLS, which the edge terminates as well. */
const LINK_ALPN = /^gw-agent-tunnel\//;
/** A TCP connection that says nothing costs little; above this the oldest silent one goes. */
const MOST_SILENT = LIMITS.halfOpenHandshakes * 4;

export interface BehindTheDoor {
  readonly operator: (socket: TcpSocket) => void;
  readonly agent: (socket: TcpSocket) => void;
  readonly api: (socket: TcpSocket) => void;
}

export interface FrontDoor extends AsyncDisposable {
  readonly at: SocketAddress;
  /** Stops accepting and drops who has not said its ClientHello; what was handed on lives on. */
  close(): Promise<void>;
}

/** Errors `port.in-use`, `address.not-here`. */
export async function openFrontDoor(at: SocketAddress, behind: BehindTheDoor, world: Pick<World, 'net' | 'clock'>): Promise<FrontDoor> {
  const silent = new Set<TcpSocket>();
  const listener = await world.net.listen(at, (socket) => {
    silent.add(socket);
    if (silent.size > MOST_SILENT) for (const oldest of silent.values().take(1)) oldest.destroy();
    awaitHello(socket, world, (alpn) => {
      silent.delete(socket);
      if (alpn === undefined) socket.destroy();
      else if (alpn.some((name) => LINK_ALPN.test(name))) behind.agent(socket);
      else if (alpn.some((name) => OPERATOR_ALPN.test(name))) behind.operator(socket);
      else behind.api(socket);
    });
  });
  if ('path' in listener.at) throw new TypeError('a TCP listener has a port');
  const close = async () => {
    await listener.close();
    for (const socket of silent) socket.destroy();
  };
  return { at: listener.at, close, [Symbol.asyncDispose]: close };
}

/** Calls `decided` once: with what the client offers, its bytes back in the socket, or with undefined when it is no TLS client, says too much or takes too long. */
function awaitHello(socket: TcpSocket, world: Pick<World, 'clock'>, decided: (alpn: readonly string[] | undefined) => void): void {
  const parts: Buffer[] = [];
  let size = 0;
  const finish = (alpn?: readonly string[]) => {
    deadline.cancel();
    socket.off('readable', read).off('end', finish0).off('close', finish0).off('error', finish0);
    decided(alpn);
  };
  const finish0 = () => finish();
  const read = () => {
    for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) {
      parts.push(chunk);
      size += chunk.length;
    }
    if (size === 0) return;
    const bytes = Buffer.concat(parts);
    const verdict = readClientHello(bytes, LIMITS.clientHelloBytes);
    if (verdict.state === 'complete') {
      socket.unshift(bytes);
      finish(verdict.alpn);
    } else if (verdict.state === 'not-tls' || size > 2 * LIMITS.clientHelloBytes) finish();
  };
  const deadline = world.clock.after(LIMITS.clientHelloMs, finish0);
  socket.on('error', () => {}); // a reset in the first second is nobody's business
  socket.on('readable', read).on('end', finish0).on('close', finish0).on('error', finish0);
}
