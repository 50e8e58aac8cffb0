// Who may link with whom over TLS: certificates, versions and application protocols, with real handshakes. The same rows as over QUIC.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls, createServer, type TLSSocket } from 'node:tls';
import { credentials, world } from '../../../../test/contract/quic-pair.ts';
import { listeningTls, type TlsListening } from '../../../../test/contract/tls-pair.ts';
import { dial as dialTcp } from '../../../../test/support/tcp.ts';
import { type KeyedCertificate, WRONG_SERVERS } from '../../../../test/support/test-ca.ts';
import { TunnelError } from '../../base/errors.ts';
import type { Log } from '../../base/world.ts';
import { readClose } from '../mux/frame.ts';
import { secureContext } from './context.ts';

for (const kind of ['other CA', 'expired', 'not yet valid', 'serverAuth only', 'no key usage', 'CN only'] as const) {
  test(`an agent's certificate is refused: ${kind}`, async (t) => {
    const refused: unknown[] = [];
    const log: Log = { ...world.log, info: ({ error }: { error?: unknown }) => void refused.push(error) };
    const { ca, listener, dial, nextLink } = await listeningTls(t, {}, { ...world, log });
    const wrong = await credentials(await ca.wrongAgent(kind));
    await assert.rejects(dial({ credentials: wrong }), { code: 'certificate.refused', message: /^the peer refused our certificate: / });
    assert.deepEqual(
      refused.map((error) => error instanceof TunnelError && error.code),
      ['certificate.refused'],
    );
    const honest = await dial();
    assert.equal((await nextLink()).alpn, honest.alpn);
    assert.equal(listener.halfOpen, 0);
  });
}

for (const kind of WRONG_SERVERS) {
  test(`a gateway's certificate is refused: ${kind}`, async (t) => {
    const { ca, listener, dial } = await listeningTls(t);
    listener.useCredentials(await credentials(await ca.wrongServer(kind)));
    await assert.rejects(dial(), { code: 'certificate.refused' });
    await assert.rejects(dial({ serverName: '127.0.0.1' }), { code: 'certificate.refused' });
    listener.useCredentials(await credentials(ca.server));
    assert.equal((await dial()).alpn, 'gw-agent-tunnel/2');
  });
}

test('two leaves are refused, whichever side shows them; a CA may be behind one', async (t) => {
  const { ca, listener, dial } = await listeningTls(t);
  const [one, other] = [await ca.agent(), await ca.agent()];
  const before = async (identity: KeyedCertificate, ...behind: readonly string[]) =>
    await credentials({ ...identity, certificatePem: [identity.certificatePem, ...behind].join('') });
  await assert.rejects(dial({ credentials: await before(one, other.certificatePem) }), { code: 'certificate.refused', message: /another leaf/ });
  await assert.rejects(dial({ credentials: await before(one, ca.caPem, other.certificatePem) }), { code: 'certificate.refused', message: /another leaf/ });
  assert.equal((await dial({ credentials: await before(one, ca.caPem) })).transport, 'tls');
  listener.useCredentials(await before(ca.server, one.certificatePem));
  await assert.rejects(dial(), { code: 'certificate.refused', message: /another leaf/ });
  listener.useCredentials(await before(ca.server, ca.caPem));
  assert.equal((await dial()).transport, 'tls');
});

test('an address is a name too, and only the one in the certificate', async (t) => {
  const { dial } = await listeningTls(t);
  assert.equal((await dial({ serverName: '127.0.0.1' })).alpn, 'gw-agent-tunnel/2');
  assert.equal((await dial({ serverName: '::1' })).alpn, 'gw-agent-tunnel/2');
  await assert.rejects(dial({ serverName: '127.0.0.2' }), { code: 'certificate.refused', message: /not 127\.0\.0\.2/ });
});

test('a pin stands beside the chain, and can stand for the name', async (t) => {
  const { ca, dial } = await listeningTls(t);
  const pinnedSpki = ca.server.spkiSha256;
  assert.equal((await dial({ pinnedSpki })).alpn, 'gw-agent-tunnel/2');
  assert.equal((await dial({ pinnedSpki, serverName: null })).alpn, 'gw-agent-tunnel/2');
  await assert.rejects(dial({ pinnedSpki: '0'.repeat(64) }), { code: 'pin.mismatch' });
  await assert.rejects(dial({ serverName: null }), { code: 'internal' });
});

test('no version in common is an error of its own', async (t) => {
  const { ca, dial } = await listeningTls(t, { onLink: () => assert.fail('a link') });
  await assert.rejects(dial({ credentials: await credentials(await ca.agent(), ['gw-agent-tunnel/9']) }), { code: 'protocol.unsupported' });
});

test('a gateway that speaks no protocol of ours, but good TLS, is told apart', async (t) => {
  const { ca, dial } = await listeningTls(t);
  const context = secureContext(await credentials(ca.server));
  const plain = createServer({ ...context, requestCert: true }, (socket) => void socket.on('error', () => {}).resume());
  plain.listen(0, '127.0.0.1');
  await once(plain, 'listening');
  t.after(() => plain.close());
  const at = plain.address();
  assert.ok(at !== null && typeof at === 'object');
  const connect = async () => await dialTcp(t, at.port);
  await assert.rejects(dial({ connect }), { code: 'protocol.unsupported' });
});

for (const [what, options] of [
  ['without a certificate', { cert: undefined, key: undefined }],
  ['with TLS 1.2', { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: undefined }],
  ['without ALPN', { ALPNProtocols: undefined }],
  ['with another ALPN', { ALPNProtocols: ['h2'] }],
] as const) {
  test(`a stranger ${what} gets no link`, async (t) => {
    const there = await listeningTls(t, { onLink: () => assert.fail('a link') });
    const socket = await stranger(t, there, options);
    await new Promise((resolve) =>
      socket
        .on('error', () => {})
        .once('close', resolve)
        .resume(),
    );
    assert.equal(there.listener.halfOpen, 0);
  });
}

test('a session that is shown again is not resumed: without the certificate it is worth nothing', async (t) => {
  const there = await listeningTls(t);
  const first = await stranger(t, there, {});
  const [session] = await once(first, 'session'); // SSL_OP_NO_TICKET leaves tickets in TLS 1.3 that stand for state which nobody keeps
  const again = await stranger(t, there, { session });
  await once(again, 'secureConnect');
  assert.equal(again.isSessionReused(), false);
  const bare = await stranger(t, there, { session, cert: undefined, key: undefined });
  await once(bare, 'data').then(([word]) => assert.equal(readClose(word.subarray(8)).reason, 'the peer showed no certificate'));
});

test('credentials that do not fit together are refused at once, and the old ones stay', async (t) => {
  const { ca, listener, dial, nextLink } = await listeningTls(t);
  const mixed = { ...(await credentials(ca.server)), privateKeyPem: (await ca.agent()).privateKeyPem };
  assert.throws(() => listener.useCredentials(mixed), /mismatch/);
  const stream = await (await dial()).openStream(t.signal);
  stream.end('still here');
  assert.equal(await text(await (await nextLink()).acceptStream(t.signal)), 'still here');
});

/** A client by hand, with an agent's certificate unless `options` say otherwise. */
async function stranger(t: TestContext, { ca, at }: TlsListening, options: ConnectionOptions): Promise<TLSSocket> {
  const agent = await credentials(await ca.agent());
  const socket = connectTls({ ...secureContext(agent), host: at.address, port: at.port, servername: 'localhost', ALPNProtocols: [...agent.alpn], ...options });
  t.after(() => socket.destroy());
  return socket;
}
