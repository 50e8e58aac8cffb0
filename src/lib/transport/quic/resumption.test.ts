// A saved QUIC session brings nobody back (security.md, G): driven by hand on the engine, because our own client saves none.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { credentials, listening } from '../../../../test/contract/quic-pair.ts';
import type { LinkCredentials } from '../link.ts';
import { makeConfig } from './config.ts';
import { PATH } from './loop.ts';
import { loadQuiche, type NativeConnection } from './native.ts';

type Listening = Awaited<ReturnType<typeof listening>>;

/** A client that does all it can to resume. Resolves with bytes of the gateway that lie behind everything that the handshake sent. */
async function dialRaw(t: TestContext, { listener, nextLink }: Listening, keys: LinkCredentials, session?: Uint8Array): Promise<NativeConnection> {
  const quiche = await loadQuiche();
  const config = makeConfig(quiche, { credentials: keys, incomingStreams: 1, packetBytes: 1200 });
  config.enableEarlyData();
  const native = quiche.Connection.connect(null, crypto.getRandomValues(new Uint8Array(20)), PATH.here, PATH.there, config);
  if (session) native.setSession(session);
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  const packet = Buffer.alloc(1350);
  const flush = () => {
    for (let sent = native.send(packet); sent; sent = native.send(packet))
      socket.send(Buffer.from(packet.subarray(0, sent[0])), listener.at.port, listener.at.address);
  };
  socket.on('message', (datagram) => {
    native.recv(datagram, { from: PATH.there, to: PATH.here });
    flush();
  });
  flush();
  const link = await nextLink();
  const stream = await link.openStream(t.signal);
  stream.write('x');
  while ([...native.readable()].length === 0) await once(socket, 'message');
  return native;
}

test('what a client can save of a session resumes nothing', async (t) => {
  const stand = await listening(t);
  const keys = await credentials(await stand.ca.agent());
  const first = await dialRaw(t, stand, keys);
  const saved = first.session();
  t.diagnostic(saved === null ? 'no session was given' : `a session of ${saved.length} bytes was given`);
  const again = await dialRaw(t, stand, keys, saved ?? undefined);
  assert.deepEqual([first.isResumed(), again.isResumed(), again.isInEarlyData()], [false, false, false]);
});
