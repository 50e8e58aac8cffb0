// Links over real QUIC: who is let in, what the control stream carries both ways, how sessions, replacement, drain and stop end channels.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type Stand, startStand } from '../../../../test/support/edge-stand.ts';
import { startTarget } from '../../../../test/support/tcp.ts';
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { agentControl } from '../../link/control.ts';
import { readRefusal } from '../../streams/http-connect.ts';
import { dialQuic } from '../../transport/quic/dial.ts';

const V1 = ['gw-agent-tunnel/1'];

/** A target that answers each piece with itself, and one open channel to it. */
async function openEcho(t: TestContext, stand: Stand) {
  const port = await startTarget(t, (socket) => void socket.pipe(socket));
  const operator = await stand.operator();
  const { stream } = await operator.connect(`127.0.0.1:${port}`);
  const echo = async (said: string) => {
    stream.write(said);
    const [heard] = await once(stream, 'data');
    assert.equal(String(heard), said);
  };
  await echo('first');
  return { operator, stream, port, echo };
}

/** Resolves when the stream has closed; was it a reset, with no end before it? */
async function endOf(stream: { closed: boolean; rstCode?: number | undefined; on(event: string, listener: () => void): unknown; resume(): unknown }) {
  let ended = false;
  stream.on('end', () => (ended = true));
  stream.resume();
  if (!stream.closed) await new Promise<void>((resolve) => stream.on('close', resolve));
  return ended ? 'end' : `reset ${stream.rstCode}`;
}

test('version 2: hello, assignment, advertisement, heartbeats, renewal', async (t) => {
  const stand = await startStand(t);
  const agent = await stand.agent();
  assert.equal(agent.control.peer?.software, 'tunnel');
  await agent.control.send({ kind: 'heartbeat', sentAtMs: 77n, streams: 0 });
  await stand.control.until(() => stand.control.alives > 0);
  await agent.control.send({ kind: 'cert-renewal-request', csrPem: 'csr' });
  await agent.until(() => agent.heard.some(({ kind }) => kind === 'cert-renewal-granted'));
  assert.deepEqual(
    agent.heard.map(({ kind }) => kind),
    ['assignment', 'heartbeat-ack', 'cert-renewal-granted'],
  );
  assert.deepEqual(agent.heard[0], { kind: 'assignment', subnets: ['127.0.0.0/8'], names: [], ports: [[1, 65535]], channels: ['tcp'], renew: undefined });
  assert.deepEqual(agent.heard[1], { kind: 'heartbeat-ack', sentAtMs: 77n });
  assert.deepEqual(stand.control.advertised, [{ epoch: 1n, subnets: ['127.0.0.0/8'], names: [] }]);

  await stand.edge.assign('link-1', { subnets: [], names: ['db.example'], ports: [[22, 22]], kinds: [] });
  await agent.until(() => agent.heard.length === 4);
  assert.deepEqual(agent.heard[3], { kind: 'assignment', subnets: [], names: ['db.example'], ports: [[22, 22]], channels: [], renew: undefined });
});

test('version 1: nothing is sent that it does not know, and channels work', async (t) => {
  const stand = await startStand(t);
  const agent = await stand.agent({ alpn: V1 });
  assert.equal(stand.control.linked[0]?.presented.protocol, 1);
  const { stream, echo } = await openEcho(t, stand);
  await stand.edge.assign('link-1', { subnets: [], names: [], ports: [], kinds: [] });
  await echo('second');
  await agent.control.send({ kind: 'heartbeat', sentAtMs: 1n, streams: 0 });
  await agent.until(() => agent.heard.length > 0);
  assert.deepEqual(
    agent.heard.map(({ kind }) => kind),
    ['heartbeat-ack'],
  );
  await stand.edge.endSession(stand.control.way('x').session.sessionId, 'idle');
  assert.equal(await endOf(stream), 'reset 2');
});

test('a link that control does not admit is closed with the reason, and is never heard of again', async (t) => {
  const stand = await startStand(t);
  stand.control.admitError = new TunnelError('certificate.refused', 'revoked');
  const leaf = await stand.ca.agent();
  const credentials = { ...leaf, trustedCaPem: stand.ca.caPem, alpn: ['gw-agent-tunnel/2'] };
  const link = await dialQuic({ to: stand.edge.udp, serverName: '127.0.0.1', credentials, signal: t.signal }, stand.world);
  assert.deepEqual(await link.closed, { by: 'peer', code: 2, reason: 'revoked' });
  assert.deepEqual([stand.control.linked, stand.control.unlinked], [[], []]);
});

test('advertisements and signs of life that come too often are heard at most once a second, the last of them', async (t) => {
  const stand = await startStand(t);
  const agent = await stand.agent();
  for (let epoch = 2n; epoch <= 200n; epoch += 1n) await agent.control.send({ kind: 'route-advertise', epoch, subnets: [], names: [] });
  await stand.control.until(() => stand.control.advertised.some(({ epoch }) => epoch === 200n));
  assert.ok(stand.control.advertised.length <= 3, `${stand.control.advertised.length} advertisements reached control`);
  assert.ok(stand.control.alives <= 3);
});

test('a heartbeat is acknowledged when control has taken what was advertised before it', async (t) => {
  const stand = await startStand(t);
  const agent = await stand.agent();
  const taken = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  stand.control.advertise = async () => {
    asked.resolve();
    await taken.promise;
  };
  const acknowledged = () => agent.heard.flatMap((message) => (message.kind === 'heartbeat-ack' ? [message.sentAtMs] : []));
  await agent.control.send({ kind: 'heartbeat', sentAtMs: 1n, streams: 0 });
  await agent.until(() => acknowledged().length === 1);
  await agent.control.send({ kind: 'route-advertise', epoch: 2n, subnets: [], names: [] });
  await agent.control.send({ kind: 'heartbeat', sentAtMs: 2n, streams: 0 });
  await asked.promise;
  await stand.edge.assign('link-1', { subnets: [], names: [], ports: [], kinds: [] });
  await agent.until(() => agent.heard.at(-1)?.kind === 'assignment');
  assert.deepEqual(acknowledged(), [1n]);
  taken.resolve();
  await agent.until(() => acknowledged().length === 2);

  stand.control.advertise = () => new Promise(() => {});
  await agent.control.send({ kind: 'route-advertise', epoch: 3n, subnets: [], names: [] });
  await agent.control.send({ kind: 'heartbeat', sentAtMs: 3n, streams: 0 });
  await agent.link.close(0, 'gone');
  await stand.control.until(() => stand.control.unlinked.length === 1);
});

test('an agent that is lost resets its channels at the operators, and control hears it once', async (t) => {
  const stand = await startStand(t);
  const agent = await stand.agent();
  const { stream, operator, port } = await openEcho(t, stand);
  await agent.link.close(0, 'shutting down');
  assert.equal(await endOf(stream), 'reset 2');
  await stand.control.until(() => stand.control.unlinked.length > 0);
  assert.deepEqual(stand.control.unlinked, [{ linkId: 'link-1', reason: 'shutting down' }]);
  const again = await operator.connect(`127.0.0.1:${port}`);
  assert.equal(readRefusal(again.status, again.headers).code, 'agent.offline');
});

test('a session is opened once, updated when its material changes, and its end resets its channels and tells the agent', async (t) => {
  const stand = await startStand(t);
  const agent = await stand.agent();
  const { stream, operator, port } = await openEcho(t, stand);
  await Promise.all([1, 2, 3].map(() => operator.connect(`127.0.0.1:${port}`)));
  stand.control.material = 'material-2';
  await Promise.all([1, 2, 3].map(() => operator.connect(`127.0.0.1:${port}`)));
  const { sessionId } = stand.control.way('x').session;
  await stand.edge.endSession(sessionId, 'idle');
  assert.equal(await endOf(stream), 'reset 2');
  await agent.until(() => agent.heard.some(({ kind }) => kind === 'session-close'));
  assert.deepEqual(agent.heard.slice(1), [
    { kind: 'session-open', sessionId, revision: 1, operator: 'alice', idleLimitMs: 900_000, material: 'material-1' },
    { kind: 'session-update', sessionId, revision: 2, idleLimitMs: 900_000, material: 'material-2' },
    { kind: 'session-close', sessionId, reason: 'idle' },
  ]);
  await stand.control.until(() => stand.control.events.filter(({ kind }) => kind === 'ended').length === 7);
  assert.ok(stand.control.events.every((event) => event.kind !== 'ended' || event.reason === 'idle'));
});

test('a session that the agent closes ends its channels', async (t) => {
  const stand = await startStand(t);
  const agent = await stand.agent();
  const { stream } = await openEcho(t, stand);
  await agent.control.send({ kind: 'session-close', sessionId: stand.control.way('x').session.sessionId, reason: 'stopping' });
  assert.equal(await endOf(stream), 'reset 2');
});

test('a newer link of the same agent leaves the old one its running channels, and it ends with the last of them', async (t) => {
  const stand = await startStand(t);
  const older = await stand.agent();
  const { stream, echo } = await openEcho(t, stand);
  const newer = await stand.agent({ agentId: stand.control.linked[0]?.agentId ?? '' });
  await echo('still here');
  stream.end();
  assert.equal(await text(stream), '');
  assert.deepEqual(await older.link.closed, { by: 'peer', code: 3, reason: 'replaced by a newer link' });
  await openEcho(t, stand);
  assert.equal(newer.link.streams, 2);
});

test('a version 1 agent that is to dial again: not while it carries something, then at once, and requests wait for its next link', async (t) => {
  const stand = await startStand(t);
  const agent = await stand.agent({ alpn: V1 });
  const [linked] = stand.control.linked;
  const { stream, operator, port, echo } = await openEcho(t, stand);
  await stand.edge.endWhenIdle(linked?.linkId ?? '', 'dial again');
  await echo('still here');
  const second = await operator.connect(`127.0.0.1:${port}`);
  assert.equal(second.status, 200, 'and takes what is new meanwhile');
  for (const open of [stream, second.stream]) {
    open.end();
    await text(open);
  }
  assert.deepEqual(await agent.link.closed, { by: 'peer', code: 0, reason: 'dial again' });
  const waiting = operator.connect(`127.0.0.1:${port}`);
  await stand.agent({ alpn: V1, agentId: linked?.agentId ?? '' });
  assert.equal((await waiting).status, 200);
});

test('when the newer link ends, the older one that still carries a channel takes new ones again', async (t) => {
  const stand = await startStand(t);
  const older = await stand.agent();
  const { stream, operator, port } = await openEcho(t, stand);
  const newer = await stand.agent({ agentId: stand.control.linked[0]?.agentId ?? '' });
  await newer.link.close(0, 'gone');
  await stand.control.until(() => stand.control.unlinked.length === 1);
  const again = await operator.connect(`127.0.0.1:${port}`);
  assert.equal(again.status, 200, 'a plan that still names the newer one');
  assert.equal(older.link.streams, 3);
  stream.end();
  again.stream.end();
  assert.deepEqual([await text(stream), await text(again.stream)], ['', '']);
  await openEcho(t, stand); // and it does not end with its last channel any more
});

test('a newer link replaces nothing before it has advertised', async (t) => {
  const stand = await startStand(t);
  const older = await stand.agent();
  const leaf = await stand.ca.agent('web1', stand.control.linked[0]?.agentId ?? '');
  stand.control.knows(leaf);
  const credentials = { ...leaf, trustedCaPem: stand.ca.caPem, alpn: ['gw-agent-tunnel/2'] };
  const link = await dialQuic({ to: stand.edge.udp, serverName: '127.0.0.1', credentials, signal: t.signal }, stand.world);
  t.after(() => link.close());
  const newer = await agentControl(link, { kind: 'hello', software: '', os: '', arch: '', hostname: '', capabilities: [] }, stand.world, t.signal);
  stand.control.ways = (target) => [stand.control.way(target, stand.control.linked[0])];
  await openEcho(t, stand);
  assert.equal(older.link.streams, 2);
  await newer.send({ kind: 'route-advertise', epoch: 1n, subnets: [], names: [] });
  await stand.control.until(() => stand.control.advertised.length === 2);
});

test('links that say nothing cannot push out the one that carries', async (t) => {
  const stand = await startStand(t);
  const first = await stand.agent();
  const { echo } = await openEcho(t, stand);
  const leaf = await stand.ca.agent('web1', stand.control.linked[0]?.agentId ?? '');
  stand.control.knows(leaf);
  const credentials = { ...leaf, trustedCaPem: stand.ca.caPem, alpn: ['gw-agent-tunnel/2'] };
  const silent = [];
  for (let count = 0; count < LIMITS.linksPerAgent + 2; count += 1) {
    const link = await dialQuic({ to: stand.edge.udp, serverName: '127.0.0.1', credentials, signal: t.signal }, stand.world);
    t.after(() => link.close());
    silent.push(link);
    await stand.control.until(() => stand.control.linked.length === count + 2);
  }
  for (const pushed of silent.slice(0, 3)) assert.deepEqual(await pushed.closed, { by: 'peer', code: 3, reason: 'too many links of one agent' });
  await echo('still here');
  assert.equal(first.link.streams, 2);
});

test('a plan for a link that was replaced meanwhile is carried by the newer one', async (t) => {
  const stand = await startStand(t);
  const older = await stand.agent();
  await openEcho(t, stand);
  const newer = await stand.agent({ agentId: stand.control.linked[0]?.agentId ?? '' });
  stand.control.ways = (target) => [stand.control.way(target, stand.control.linked[0])];
  await openEcho(t, stand);
  assert.deepEqual([older.link.streams, newer.link.streams], [2, 2]);
});

test('an agent whose newer process is not welcome is told so', async (t) => {
  const stand = await startStand(t);
  stand.control.introduce = async () => {
    throw new TunnelError('agent.flapping', 'flapping: another process is linked');
  };
  const leaf = await stand.ca.agent();
  stand.control.knows(leaf);
  const credentials = { ...leaf, trustedCaPem: stand.ca.caPem, alpn: ['gw-agent-tunnel/2'] };
  const link = await dialQuic({ to: stand.edge.udp, serverName: '127.0.0.1', credentials, signal: t.signal }, stand.world);
  await Promise.allSettled([agentControl(link, { kind: 'hello', software: '', os: '', arch: '', hostname: '', capabilities: [] }, stand.world, t.signal)]);
  assert.deepEqual(await link.closed, { by: 'peer', code: 3, reason: 'flapping: another process is linked' });
});

test('a revoked agent is cut off', async (t) => {
  const stand = await startStand(t);
  const agent = await stand.agent();
  const { stream } = await openEcho(t, stand);
  await stand.edge.closeLink('link-1', 'revoked');
  assert.deepEqual(await agent.link.closed, { by: 'peer', code: 2, reason: 'revoked' });
  assert.equal(await endOf(stream), 'reset 2');
});

test('drain: new requests are refused, agents are told, running channels end by themselves', async (t) => {
  const stand = await startStand(t);
  const agent = await stand.agent();
  const { stream, operator, port, echo } = await openEcho(t, stand);
  let drained = false;
  const draining = stand.edge.drain(60_000).then(() => (drained = true));
  await agent.until(() => agent.heard.some(({ kind }) => kind === 'drain'));
  const refused = await operator.connect(`127.0.0.1:${port}`);
  assert.equal(readRefusal(refused.status, refused.headers).code, 'gateway.stopping');
  await echo('still here');
  assert.equal(drained, false);
  const leaf = await stand.ca.agent('web2');
  stand.control.knows(leaf);
  const credentials = { ...leaf, trustedCaPem: stand.ca.caPem, alpn: ['gw-agent-tunnel/2'] };
  const late = await dialQuic({ to: stand.edge.udp, serverName: '127.0.0.1', credentials, signal: t.signal }, stand.world);
  assert.deepEqual(await late.closed, { by: 'peer', code: 4, reason: 'the gateway is stopping' });
  await echo('and still');
  stream.end();
  await draining;
  assert.deepEqual(await agent.link.closed, { by: 'peer', code: 4, reason: 'the gateway is stopping' });
});

test('drain: an idle agent is let go at once, also one of version 1, and what runs at the end of the grace is cut', async (t) => {
  const stand = await startStand(t);
  const [idle, old, busy] = [await stand.agent(), await stand.agent({ alpn: V1 }), await stand.agent()];
  const { stream } = await openEcho(t, stand);
  const begun = performance.now();
  const draining = stand.edge.drain(400);
  assert.equal((await idle.link.closed).code, 4);
  assert.equal((await old.link.closed).code, 0);
  assert.ok(performance.now() - begun < 400, 'they waited for the busy one');
  assert.equal(await endOf(stream), 'reset 2');
  assert.ok(performance.now() - begun >= 390);
  assert.equal((await busy.link.closed).code, 4);
  await draining;
});

test('close: operators see a reset, agents the reason, control the end of each', async (t) => {
  const stand = await startStand(t);
  const agent = await stand.agent();
  const { stream } = await openEcho(t, stand);
  await stand.edge.close();
  assert.notEqual(await endOf(stream), 'end');
  assert.deepEqual(await agent.link.closed, { by: 'peer', code: 4, reason: 'the gateway is stopping' });
  assert.deepEqual(stand.control.unlinked, [{ linkId: 'link-1', reason: 'the gateway is stopping' }]);
  assert.equal(stand.control.events.at(-1)?.kind, 'ended');
});

test('an agent that breaks the protocol loses its link, and control hears why', async (t) => {
  const stand = await startStand(t);
  const agent = await stand.agent();
  await agent.control.send({ kind: 'hello', software: 'again', os: '', arch: '', hostname: '', capabilities: [] });
  const { by, code, reason } = await agent.link.closed;
  assert.deepEqual([by, code, reason], ['peer', 1, 'a second hello']);
  await stand.control.until(() => stand.control.unlinked.length > 0);
});

test('a new certificate is shown from the next handshake on', async (t) => {
  const stand = await startStand(t);
  const { issueServerLeaf } = await import('../../pki/leaf.ts');
  const { publicSpki } = await import('../../pki/keys.ts');
  const next = await issueServerLeaf(stand.ca.authority, {
    spki: publicSpki(stand.ca.server.privateKeyPem),
    names: ['localhost', '127.0.0.1', 'new.example'],
    now: Date.now(),
    lifetimeMs: 86_400_000,
  });
  await stand.edge.useCertificate(next.certificatePem, stand.ca.caPem);
  const tls = connectTls({ host: '127.0.0.1', port: stand.operatorPort, ca: stand.ca.caPem, servername: 'new.example', ALPNProtocols: ['tunnel-connect/1'] });
  await once(tls, 'secureConnect');
  tls.destroy();
  await stand.agent();
});

test('an agent that does not read holds up neither drain nor what others are told', async (t) => {
  const stand = await startStand(t);
  stand.control.renew = async () => ({ certificatePem: 'x'.repeat(60_000), caPem: 'ca', sessionKeys: '{}' });
  const leaf = await stand.ca.agent('deaf');
  stand.control.knows(leaf);
  const { signal } = new AbortController();
  const credentials = { ...leaf, trustedCaPem: stand.ca.caPem, alpn: ['gw-agent-tunnel/2'] };
  const link = await dialQuic({ to: stand.edge.udp, serverName: '127.0.0.1', credentials, signal }, stand.world);
  t.after(() => link.close());
  const deaf = await agentControl(link, { kind: 'hello', software: '', os: '', arch: '', hostname: '', capabilities: [] }, stand.world, signal);
  for (let sent = 0; sent < 100; sent += 1) await deaf.send({ kind: 'cert-renewal-request', csrPem: 'csr' });
  await deaf.send({ kind: 'route-advertise', epoch: 1n, subnets: [], names: [] });
  const agent = await stand.agent();
  const begun = performance.now();
  const drained = stand.edge.drain(100);
  assert.equal((await agent.link.closed).code, 4);
  await drained;
  await link.closed;
  assert.ok(performance.now() - begun < 5000, 'it waited for the one that does not read');
});
