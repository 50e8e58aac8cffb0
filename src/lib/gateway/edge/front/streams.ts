// Our CLI's connection to an edge: each stream of it is one request, and after its answer a channel.
import type { TLSSocket } from 'node:tls';
import { TunnelError } from '../../../base/errors.ts';
import { LIMITS } from '../../../base/limits.ts';
import type { SocketAddress, World } from '../../../base/world.ts';
import { FirstBytes } from '../../../link/first-bytes.ts';
import { grantRequest, hearRequest, refuseRequest, sendNotice } from '../../../link/operator-request.ts';
import type { LinkStream } from '../../../transport/link.ts';
import { LIVENESS } from '../../../transport/liveness.ts';
import { MuxLink } from '../../../transport/mux/link.ts';
import type { Carrier } from '../carry.ts';
import { understandFailure } from './request.ts';

/** One for all streams: each of them ends, and a stack for each costs more than the rest of it. */
const LEFT = new TunnelError('interrupted', 'the operator left');

/** A question costs control the same when nobody waits for its answer any more: an operator that has given up so many waits for so long, for each, before another is asked. */
const MOST_GIVEN_UP = 100;
const GIVEN_UP_PAUSE_MS = 10;

/** What an operator's requests become. */
export type Asking = Pick<Carrier, 'connect' | 'attach' | 'detach' | 'notices'>;

/** Serves one connection until it ends, `onRequest` with each request; control is told then, which ends the sessions that only it used. */
export function serveStreams(socket: TLSSocket, remote: SocketAddress, carrier: Asking, world: World, onRequest: () => void): void {
  const { clock, log, random } = world;
  const alpn = socket.alpnProtocol || '';
  const parts = { socket, role: 'listener', transport: 'tls', alpn, remote, peerCertificate: new Uint8Array(0), liveness: LIVENESS } as const;
  const link = new MuxLink({ ...parts, incomingStreams: LIMITS.streamsPerAgentV2 }, clock);
  const connection = random.uuid();
  const asking = new Set<Promise<unknown>>();
  const lost = new AbortController();
  let givenUp = 0;
  let listeningOn: LinkStream | undefined;
  const asked = async <Value>(question: Promise<Value>, gone: AbortSignal): Promise<Value> => {
    asking.add(question);
    try {
      return await question;
    } finally {
      asking.delete(question);
      if (gone.aborted) givenUp += 1;
    }
  };

  /** An attach stays open, until the next one: on it the program hears why its sessions end. */
  const listenOn = (stream: LinkStream, gone: AbortSignal): void => {
    listeningOn?.end();
    listeningOn = stream;
    const listening = carrier.notices.listen(connection, (notice) => {
      sendNotice(stream, notice, clock, gone).catch((error: unknown) => log.info({ error, remote }, 'an operator did not take a notice'));
    });
    stream
      .resume()
      .once('finish', () => listening[Symbol.dispose]())
      .once('close', () => listening[Symbol.dispose]());
    if (stream.destroyed) listening[Symbol.dispose]();
  };

  const answer = async (stream: LinkStream): Promise<void> => {
    const gone = new AbortController();
    stream.once('close', () => gone.abort(LEFT));
    try {
      const request = await hearRequest(stream, clock, gone.signal);
      if (request.kind === 'operator-attach') {
        await asked(carrier.attach({ sessionToken: request.token, connection, active: request.active }), gone.signal);
        await grantRequest(stream, {}, clock, gone.signal);
        listenOn(stream, gone.signal);
        return;
      }
      const wanted = { sessionToken: request.token, target: request.target, remote, connection };
      const connected = await asked(carrier.connect(wanted, gone.signal, new FirstBytes(stream)), gone.signal);
      await grantRequest(stream, { agent: connected.agent, ...connected.said }, clock, gone.signal).catch(() => {}); // carrying a stream that is gone reports its end
      await connected.carry(stream);
    } catch (thrown) {
      const error = understandFailure(thrown, remote, log);
      if (!stream.destroyed) await refuseRequest(stream, error, clock, gone.signal);
    }
  };
  const serve = async (): Promise<void> => {
    const { reason } = await link.closed;
    lost.abort(new TunnelError('link.lost', reason));
    await Promise.allSettled(asking);
    carrier.detach(connection);
  };
  const accept = async (): Promise<void> => {
    for (;;) {
      const stream = await link.acceptStream(lost.signal);
      if (givenUp >= MOST_GIVEN_UP) {
        await clock.sleep(givenUp * GIVEN_UP_PAUSE_MS, lost.signal);
        givenUp = 0;
      }
      onRequest();
      answer(stream).catch((error: unknown) => {
        if (!stream.destroyed) log.warn({ error, remote }, 'answering an operator failed');
        stream.destroy();
      });
    }
  };
  accept().catch(() => link.closed); // the link has ended: `serve` sees to what is left
  serve().catch((error: unknown) => log.error({ error, remote }, 'the end of a connection was not heard'));
}
