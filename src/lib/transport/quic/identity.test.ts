// Who may link with whom: certificates and application protocols, with real handshakes.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { credentials, listening } from '../../../../test/contract/quic-pair.ts';
import { WRONG_SERVERS } from '../../../../test/support/test-ca.ts';
import { PATH } from './loop.ts';
import { loadQuiche } from './native.ts';

for (const kind of ['other CA', 'expired', 'not yet valid', 'serverAuth only', 'no key usage', 'CN only'] as const) {
  test(`an agent's certificate is refused: ${kind}`, async (t) => {
    let arrived = 0;
    const { ca, dial } = await listening(t, { onLink: () => (arrived += 1) });
    // The agent's side of the handshake is complete before the gateway has judged, so the refusal is the end of a link.
    const link = await dial({ credentials: await credentials(await ca.wrongAgent(kind)) });
    const { by, reason } = await link.closed;
    assert.equal(by, 'peer');
    assert.match(reason, /unknown_ca|certificate_expired|bad_certificate|unsupported_certificate|TLS alert/);
    assert.equal(arrived, 0);
  });
}

for (const kind of WRONG_SERVERS) {
  test(`a gateway's certificate is refused: ${kind}`, async (t) => {
    const { ca, listener, dial } = await listening(t);
    const wrong = await ca.wrongServer(kind);
    listener.useCredentials(await credentials(wrong));
    await assert.rejects(dial(), { code: 'certificate.refused' });
    await assert.rejects(dial({ serverName: '127.0.0.1' }), { code: 'certificate.refused' });
    listener.useCredentials(await credentials(ca.server));
    assert.equal((await dial()).alpn, 'gw-agent-tunnel/2');
  });
}

test('an agent without a certificate gets no link', async (t) => {
  const { ca, listener } = await listening(t, { onLink: () => assert.fail('a link without a certificate') });
  const quiche = await loadQuiche();
  const config = quiche.Config.withBoringSslCtx(true, false, Buffer.from(ca.caPem));
  config.setApplicationProtos(['gw-agent-tunnel/2']);
  config.setMaxIdleTimeout(5000);
  const native = quiche.Connection.connect(null, new Uint8Array(20).fill(1), PATH.here, PATH.there, config);
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  const packet = Buffer.alloc(1350);
  const flush = () => {
    for (let sent = native.send(packet); sent; sent = native.send(packet))
      socket.send(Buffer.from(packet.subarray(0, sent[0])), listener.at.port, listener.at.address);
  };
  flush();
  while (!native.peerError()) {
    const [datagram] = await once(socket, 'message');
    native.recv(datagram, { from: PATH.there, to: PATH.here });
    flush();
  }
  assert.equal(native.peerError()?.errorCode, 0x100 + 116); // certificate_required
});

test('an address is a name too, and only the one in the certificate', async (t) => {
  const { dial } = await listening(t);
  assert.equal((await dial({ serverName: '127.0.0.1' })).alpn, 'gw-agent-tunnel/2');
  assert.equal((await dial({ serverName: '::1' })).alpn, 'gw-agent-tunnel/2');
  await assert.rejects(dial({ serverName: '127.0.0.2' }), { code: 'certificate.refused', message: /not 127\.0\.0\.2/ });
});

test('a pin stands beside the chain, and can stand for the name', async (t) => {
  const { ca, dial } = await listening(t);
  const pinnedSpki = ca.server.spkiSha256;
  assert.equal((await dial({ pinnedSpki })).alpn, 'gw-agent-tunnel/2');
  assert.equal((await dial({ pinnedSpki, serverName: null })).alpn, 'gw-agent-tunnel/2');
  await assert.rejects(dial({ pinnedSpki: '0'.repeat(64) }), { code: 'pin.mismatch' });
  await assert.rejects(dial({ serverName: null }), { code: 'internal' });
});

for (const [offered, spoken, chosen] of [
  [['gw-agent-tunnel/2', 'gw-agent-tunnel/1'], ['gw-agent-tunnel/1'], 'gw-agent-tunnel/1'],
  [['gw-agent-tunnel/1'], ['gw-agent-tunnel/2', 'gw-agent-tunnel/1'], 'gw-agent-tunnel/1'],
  [['gw-agent-tunnel/2', 'gw-agent-tunnel/1'], ['gw-agent-tunnel/2', 'gw-agent-tunnel/1'], 'gw-agent-tunnel/2'],
] as const) {
  test(`an agent of ${offered} and a gateway of ${spoken} speak ${chosen}`, async (t) => {
    const { ca, listener, dial, nextLink } = await listening(t);
    listener.useCredentials(await credentials(ca.server, spoken));
    const link = await dial({ credentials: await credentials(await ca.agent(), offered) });
    assert.deepEqual([link.alpn, (await nextLink()).alpn], [chosen, chosen]);
    (await link.openStream(t.signal)).end('x');
  });
}

test('no version in common is an error of its own', async (t) => {
  const { ca, dial } = await listening(t);
  await assert.rejects(dial({ credentials: await credentials(await ca.agent(), ['gw-agent-tunnel/9']) }), { code: 'protocol.unsupported' });
});

test('credentials that do not fit together are refused at once, and the old ones stay', async (t) => {
  const { ca, listener, dial, nextLink } = await listening(t);
  const other = await ca.agent();
  const mixed = { ...(await credentials(ca.server)), privateKeyPem: other.privateKeyPem };
  assert.throws(() => listener.useCredentials(mixed), { code: 'config.invalid' });
  const stream = await (await dial()).openStream(t.signal);
  stream.end('still here');
  assert.equal(await text(await (await nextLink()).acceptStream(t.signal)), 'still here');
});

test('a stream sent with the end of the handshake is not lost', async (t) => {
  const { dial, nextLink } = await listening(t);
  const link = await dial();
  (await link.openStream(t.signal)).end('first words'); // before the gateway can have finished
  assert.equal(await text(await (await nextLink()).acceptStream(t.signal)), 'first words');
});
