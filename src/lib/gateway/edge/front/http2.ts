// CONNECT over HTTP/2 (RFC 9113, 8.5): each stream of a session is one operator's request. For our CLI, and for any proxy client that speaks it.
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { TunnelError } from '../../../base/errors.ts';
import { LIMITS } from '../../../base/limits.ts';
import type { Log, SocketAddress } from '../../../base/world.ts';
import { ATTACH_PATH, refusalAnswer, successHeaders } from '../../../streams/http-connect.ts';
import type { Carrier } from '../carry.ts';
import { admitRequest, requireToken, understandFailure } from './request.ts';

const STREAM_WINDOW_BYTES = LIMITS.streamBufferBytes;
/** The defaults end the whole session after about 1000 resets; connections that fail come in heaps. */
const RESETS = { streamResetBurst: LIMITS.http2ResetBurst, streamResetRate: LIMITS.http2ResetsPerSecond } as const;

/** In MB. At the default of 10, about 200 stopped readers make Node refuse new streams with ENHANCE_YOUR_CALM; streams times their buffers is the bound. */
const SESSION_MEMORY = LIMITS.http2SessionMemoryBytes / 1024 ** 2;

/** Who is at the other end, and what of theirs is not answered yet. */
interface Peer {
  readonly remote: SocketAddress;
  /** Known to control, which ends sessions with it; undefined for plain clients, whose connections come and go. */
  readonly connection: string | undefined;
  readonly asking: Set<Promise<unknown>>;
}

/** Serves one connection until it ends. A target's reset arrives as RST_STREAM and never as END_STREAM: see streams/reset.ts. */
export function serveHttp2(socket: TLSSocket, remote: SocketAddress, carrier: Carrier, log: Log, connection?: string): ServerHttp2Session {
  const { performServerHandshake } = process.getBuiltinModule('node:http2'); // costs 5 MB, which an edge with our own CLI alone does not need
  const session = performServerHandshake(socket, {
    settings: { initialWindowSize: STREAM_WINDOW_BYTES, maxConcurrentStreams: LIMITS.streamsPerAgentV2, maxHeaderListSize: LIMITS.httpHeaderBytes },
    maxSessionMemory: SESSION_MEMORY,
    ...RESETS,
  });
  session.setLocalWindowSize(LIMITS.http2SessionWindowBytes); // below this, throughput is a third (architecture.md, decision 3)
  session.on('error', (error) => log.debug({ error, remote }, 'operator session cut'));
  socket.on('error', (error) => log.debug({ error, remote }, 'operator connection cut'));
  socket.on('end', () => socket.destroy()); // HTTP/2 knows no half-closed connection, and on a socket that allows it Node would leave every stream hanging.
  const peer: Peer = { remote, connection, asking: new Set() };
  session.on('close', async () => {
    await Promise.allSettled(peer.asking);
    if (connection !== undefined) carrier.detach(connection);
  });
  session.on('stream', (stream, headers) => {
    stream.on('error', (error) => log.debug({ error, remote }, 'operator stream cut'));
    answer(stream, headers, peer, carrier, log).catch((error: unknown) => {
      log.error({ error, remote }, 'answering a CONNECT failed');
      stream.destroy(new Error('the gateway failed'));
    });
  });
  return session;
}

async function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, peer: Peer, carrier: Carrier, log: Log): Promise<void> {
  const { remote, connection } = peer;
  const attaches = connection !== undefined && headers[':method'] === 'POST' && headers[':path'] === ATTACH_PATH;
  if (headers[':method'] !== 'CONNECT' && !attaches) return finish(stream, { ':status': 405, allow: 'CONNECT' });
  const gone = new AbortController();
  stream.once('close', () => gone.abort(new TunnelError('interrupted', 'the operator left')));
  try {
    if (attaches) {
      await answered(peer, carrier.attach({ sessionToken: requireToken(headers['proxy-authorization']), connection }));
      return finish(stream, { ':status': 204 });
    }
    const request = { ...admitRequest(headers[':authority'], headers['proxy-authorization'], remote), connection };
    const connected = await answered(peer, carrier.connect(request, gone.signal));
    if (!stream.destroyed) stream.respond({ ':status': 200, ...successHeaders(connected.agent) });
    await connected.carry(stream);
  } catch (thrown) {
    const { status, headers: told } = refusalAnswer(understandFailure(thrown, remote, log));
    finish(stream, { ':status': status, ...told });
  }
}

async function answered<Value>({ asking }: Peer, question: Promise<Value>): Promise<Value> {
  asking.add(question);
  try {
    return await question;
  } finally {
    asking.delete(question);
  }
}

/** A complete answer, and the rest of the request is not wanted (RFC 9113, 8.1). */
function finish(stream: ServerHttp2Stream, headers: Record<string, string | number>): void {
  if (stream.destroyed) return;
  stream.respond(headers, { endStream: true });
  stream.close();
}
