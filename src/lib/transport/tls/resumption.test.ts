// A saved TLS session brings nobody back: the listener resumes none (security.md, G). Written by hand, because our own client asks for none.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { credentials } from '../../../../test/contract/quic-pair.ts';
import { listeningTls } from '../../../../test/contract/tls-pair.ts';

type Listening = Awaited<ReturnType<typeof listeningTls>>;

/** The default settings of a client that wants to resume. */
async function dialRaw(
  t: TestContext,
  { ca, at }: Pick<Listening, 'ca'> & { readonly at: { readonly address: string; readonly port: number } },
  identity: { cert: string; key: string } | undefined,
  session?: Buffer,
) {
  const options = { ca: ca.caPem, ...identity, ALPNProtocols: ['gw-agent-tunnel/2'], checkServerIdentity: () => undefined, ...(session && { session }) };
  const socket: TLSSocket = connect({ socket: connectTcp(at.port, at.address), ...options });
  t.after(() => socket.destroy());
  const sessions: Buffer[] = [];
  socket.on('session', (saved: Buffer) => sessions.push(saved)).on('error', () => {});
  await once(socket, 'secureConnect');
  return { socket, sessions, bytes: () => once(socket, 'data') };
}

test('what a client can save of a session resumes nothing: each handshake shows its certificate', async (t) => {
  const listening = await listeningTls(t);
  const { certificatePem: cert, privateKeyPem: key } = await credentials(await listening.ca.agent());
  const first = await dialRaw(t, listening, { cert, key });
  await first.bytes(); // the link's first frame: whatever tickets there are have come before it
  const own = first.socket.getSession();
  const saved = [...first.sessions, ...(own ? [own] : [])];
  assert.ok(saved.length > 0, 'this client does save sessions');
  for (const session of saved) {
    const again = await dialRaw(t, listening, { cert, key }, session);
    assert.equal(again.socket.isSessionReused(), false);
    // Without the certificate, as who was revoked might hope: refused in words.
    const bare = await dialRaw(t, listening, undefined, session);
    assert.equal(bare.socket.isSessionReused(), false);
    const [said] = await bare.bytes();
    assert.match(String(said), /no certificate/);
  }
  t.diagnostic(`${saved.length} saved sessions tried`);
});

test('the same client does resume where a server lets it', async (t) => {
  const { ca } = await listeningTls(t);
  const keys = ca.server;
  const server = createServer({ cert: keys.certificatePem, key: keys.privateKeyPem, ALPNProtocols: ['gw-agent-tunnel/2'] }, (socket) => {
    socket.on('error', () => {}).write('x');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const at = server.address();
  assert.ok(at !== null && typeof at === 'object');
  const first = await dialRaw(t, { ca, at }, undefined);
  await first.bytes();
  if (first.sessions.length === 0) await once(first.socket, 'session');
  const again = await dialRaw(t, { ca, at }, undefined, first.sessions[0]);
  assert.equal(again.socket.isSessionReused(), true);
});
