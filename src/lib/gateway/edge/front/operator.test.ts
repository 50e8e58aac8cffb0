// CONNECT over HTTP/2 through a real edge: bytes, half-close, resets that stay resets, refusals with their codes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientHttp2Stream } from 'node:http2';
import { buffer, text } from 'node:stream/consumers';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { dialOperator, type Operator, startStand, TOKEN } from '../../../../../test/support/edge-stand.ts';
import { dial, startTarget } from '../../../../../test/support/tcp.ts';
import { TunnelError } from '../../../base/errors.ts';
import { ATTACH_PATH, readAgent, readRefusal } from '../../../streams/http-connect.ts';

test('half-close: the answer still arrives after the question has ended, and all is reported', async (t) => {
  const stand = await startStand(t);
  await stand.agent();
  const port = await startTarget(t, (socket) => void text(socket).then((said) => socket.end(`you said ${said}`)));
  const operator = await stand.operator();
  const { stream, status, headers } = await operator.connect(`127.0.0.1:${port}`);
  assert.equal(status, 200);
  assert.equal(readAgent(headers), 'web1');
  stream.end('hello');
  assert.equal(await text(stream), 'you said hello');
  await stand.control.until(() => stand.control.events.length === 2);
  const [opened, ended] = stand.control.events;
  assert.deepEqual([opened?.kind, opened?.kind === 'opened' && opened.address], ['opened', `127.0.0.1:${port}`]);
  assert.deepEqual(ended, { kind: 'ended', channelId: opened?.channelId, sessionId: opened?.sessionId, bytesUp: 5, bytesDown: 14, reason: 'ended' });
});

test('half-close by the target: it has said all, the operator goes on', async (t) => {
  const stand = await startStand(t);
  await stand.agent();
  const { promise: heard, resolve } = Promise.withResolvers<string>();
  const port = await startTarget(t, (socket) => {
    socket.end('banner');
    void text(socket).then(resolve);
  });
  const { stream } = await (await stand.operator()).connect(`127.0.0.1:${port}`);
  assert.equal(await text(stream), 'banner');
  stream.end('late words');
  assert.equal(await heard, 'late words');
});

for (const [when, prepare] of [
  ['before any byte', 'nothing'],
  ['after some bytes', 'bytes'],
  ['after the operator has ended its side', 'ended'],
] as const) {
  test(`a reset of the target ${when} is a reset at the operator and never an end`, async (t) => {
    const stand = await startStand(t);
    await stand.agent();
    const port = await startTarget(t, (socket) => {
      if (prepare === 'bytes') socket.write('part of the answer');
      socket.resume().once(prepare === 'ended' ? 'end' : 'data', () => socket.resetAndDestroy());
    });
    const { stream } = await (await stand.operator()).connect(`127.0.0.1:${port}`);
    let ended = false;
    stream.on('end', () => (ended = true));
    const failed = once(stream, 'error');
    stream.resume();
    if (prepare === 'ended') stream.end('all');
    else stream.write('go');
    await failed.catch(() => {});
    await (stream.closed ? undefined : once(stream, 'close'));
    assert.equal(ended, false);
    assert.equal(stream.rstCode, 2);
    await stand.control.until(() => stand.control.events.some(({ kind }) => kind === 'ended'));
    const event = stand.control.events.find(({ kind }) => kind === 'ended');
    assert.ok(event?.kind === 'ended' && event.reason !== 'ended');
  });
}

for (const [how, cut] of [
  ['resets its stream', (_operator: Operator, stream: ClientHttp2Stream) => stream.destroy(new Error('enough'))],
  ['resets its stream after the target has ended', (_operator: Operator, stream: ClientHttp2Stream) => stream.destroy(new Error('enough'))],
  ['closes its connection in good order', (operator: Operator) => operator.session.destroy()],
  ['closes its TLS', (operator: Operator) => operator.tls.destroy()],
  ['closes its connection after the target has ended', (operator: Operator) => operator.tls.destroy()],
] as const) {
  test(`an operator that ${how} is a reset at the target`, async (t) => {
    const stand = await startStand(t);
    await stand.agent();
    const { promise: outcome, resolve } = Promise.withResolvers<string>();
    const port = await startTarget(t, (socket) => {
      if (how.includes('target has ended')) socket.end('bye');
      socket.on('error', (error) => resolve(`error ${'code' in error ? error.code : ''}`));
      socket.on('end', () => resolve('end'));
      socket.resume();
    });
    const operator = await stand.operator();
    const { stream } = await operator.connect(`127.0.0.1:${port}`);
    if (how.includes('target has ended')) await text(stream);
    stream.write('partial');
    await new Promise<void>((ponged) => operator.session.ping(() => ponged()));
    cut(operator, stream);
    assert.equal(await outcome, 'error ECONNRESET');
    await stand.control.until(() => stand.control.events.some(({ kind }) => kind === 'ended'));
  });
}

test('200 connections at once on one session all carry the right bytes', async (t) => {
  const stand = await startStand(t);
  await stand.agent();
  const port = await startTarget(t, (socket) => void socket.pipe(socket));
  const operator = await stand.operator();
  await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const { stream, status } = await operator.connect(`127.0.0.1:${port}`);
      assert.equal(status, 200);
      const sent = Buffer.alloc(20_000 + index, index);
      stream.end(sent);
      assert.ok((await buffer(stream)).equals(sent), `connection ${index}`);
    }),
  );
  await stand.control.until(() => stand.control.events.filter(({ kind }) => kind === 'ended').length === 200);
  assert.ok(stand.control.events.every((event) => event.kind !== 'ended' || event.reason === 'ended'));
});

test('refusals: no token, a wrong one, a target that refuses, a method that is none', async (t) => {
  const stand = await startStand(t);
  await stand.agent();
  const operator = await stand.operator();
  const none = await operator.connect('127.0.0.1:1', {});
  assert.equal(none.status, 407);
  assert.equal(none.headers['proxy-authenticate'], 'Basic realm="tunnel"');
  assert.equal(readRefusal(none.status, none.headers).code, 'session.refused');

  const wrong = await operator.connect('127.0.0.1:1', { 'proxy-authorization': 'Bearer other' });
  const refusal = readRefusal(wrong.status, wrong.headers);
  assert.deepEqual([wrong.status, refusal.code, refusal.message, refusal.hint], [407, 'session.refused', 'the session token is not good', 'Log in again.']);

  const dead = await operator.connect('127.0.0.1:1');
  assert.deepEqual([dead.status, readRefusal(dead.status, dead.headers).code], [502, 'target.refused']);
  assert.match(readRefusal(dead.status, dead.headers).message, /^127\.0\.0\.1:1 through web1: /);
  const event = stand.control.events.at(-1);
  assert.ok(event?.kind === 'refused' && event.code === 'target.refused' && event.last);

  const get = operator.session.request({ ':method': 'GET', ':path': '/', 'proxy-authorization': `Bearer ${TOKEN}` });
  const [answer] = await once(get, 'response');
  assert.equal(answer[':status'], 405);
});

test('TLS for another ALPN, or none, gets nowhere', async (t) => {
  const { operatorPort, ca } = await startStand(t);
  await assert.rejects(dialOperator(t, operatorPort, ca.caPem, 'h2'), { code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' });
  const silent = connectTls({ host: '127.0.0.1', port: operatorPort, ca: ca.caPem, servername: 'localhost' });
  silent.on('error', () => {});
  await once(silent, 'close');
  const plain = await dial(t, operatorPort);
  plain.on('error', () => {});
  plain.write('GET / HTTP/1.1\r\n\r\n');
  plain.end().resume();
  await once(plain, 'close');
});

test('a refused session is told with its code, and the next connect asks again', async (t) => {
  const stand = await startStand(t);
  const agent = await stand.agent({ refuses: true });
  const operator = await stand.operator();
  for (const attempt of [1, 2]) {
    const { status, headers } = await operator.connect('127.0.0.1:9');
    assert.deepEqual([status, readRefusal(status, headers).code], [407, 'session.refused']);
    assert.equal(agent.heard.filter(({ kind }) => kind === 'session-open').length, attempt);
  }
});

test('the ways of a plan are tried in order, and the first that connects wins', async (t) => {
  const stand = await startStand(t);
  await stand.agent();
  const port = await startTarget(t, (socket) => void socket.end('second'));
  const gone = { linkId: 'gone', agentId: 'x', presented: {} as never };
  stand.control.ways = (target) => [stand.control.way(target, gone), stand.control.way('127.0.0.1:1'), stand.control.way(target)];
  const { stream, status } = await (await stand.operator()).connect(`127.0.0.1:${port}`);
  assert.equal(status, 200);
  assert.equal(await text(stream), 'second');
  assert.deepEqual(
    stand.control.events.slice(0, 3).map((event) => (event.kind === 'refused' ? [event.code, event.last] : event.kind)),
    [['agent.offline', false], ['target.refused', false], 'opened'],
  );
});

test('a failure of control is told as internal, without its text', async (t) => {
  const stand = await startStand(t);
  stand.control.ways = () => {
    throw new Error('secret detail');
  };
  const operator = await stand.operator();
  const { status, headers } = await operator.connect('127.0.0.1:1');
  assert.deepEqual([status, readRefusal(status, headers).message], [500, 'the gateway failed']);
  stand.control.ways = () => {
    throw new TunnelError('route.none', 'no agent carries it');
  };
  const none = await operator.connect('127.0.0.1:1');
  assert.deepEqual([none.status, readRefusal(none.status, none.headers).code], [404, 'route.none']);
});

test('1500 requests that are given up at once end neither the session nor leave anything open', async (t) => {
  const stand = await startStand(t);
  const agent = await stand.agent();
  const port = await startTarget(t, (socket) => void socket.pipe(socket));
  const operator = await stand.operator();
  const request = { ':method': 'CONNECT', ':authority': `127.0.0.1:${port}`, 'proxy-authorization': `Bearer ${TOKEN}` };
  for (let batch = 0; batch < 15; batch += 1) {
    const streams = Array.from({ length: 100 }, () => operator.session.request(request).on('error', () => {}));
    await new Promise<void>((ponged) => operator.session.ping(() => ponged()));
    const closed = streams.map((stream) => (stream.closed ? undefined : once(stream, 'close').catch(() => {})));
    for (const stream of streams) stream.destroy(new Error('never mind'));
    await Promise.all(closed);
  }
  const { stream, status } = await operator.connect(`127.0.0.1:${port}`);
  assert.equal(status, 200);
  stream.end('still here');
  assert.equal(await text(stream), 'still here');
  const over = () => stand.control.events.filter((event) => event.kind === 'ended' || (event.kind === 'refused' && event.last)).length;
  await stand.control.until(() => over() === stand.control.asked.length);
  assert.equal(agent.link.streams, 1);
});

test('control hears which connection shows a token, with or without a channel, and its end: a reset, an end, a killed process', async (t) => {
  const stand = await startStand(t);
  await stand.agent();
  const port = await startTarget(t, (socket) => void socket.pipe(socket));
  const post = async ({ session }: Operator, headers: Record<string, string>) => {
    const [answer] = await once(session.request({ ':method': 'POST', ':path': ATTACH_PATH, ...headers }, { endStream: true }), 'response');
    return Number(answer[':status']);
  };
  const good = { 'proxy-authorization': `Bearer ${TOKEN}` };
  for (const [turn, leave] of [
    ({ session }: Operator) => session.close(),
    ({ session }: Operator) => session.destroy(),
    ({ tls }: Operator) => tls.destroy(),
  ].entries()) {
    const operator = await stand.operator();
    assert.equal(await post(operator, good), 204);
    assert.equal(await post(operator, {}), 407);
    assert.equal(await post(operator, { 'proxy-authorization': 'Bearer another' }), 407);
    if (turn > 0) await operator.connect(`127.0.0.1:${port}`);
    leave(operator);
    await stand.control.until(() => stand.control.detached.length === turn + 1);
  }
  assert.deepEqual(stand.control.detached, stand.control.attached);
  assert.equal(new Set(stand.control.attached).size, 3);
  assert.deepEqual(
    stand.control.asked.map(({ connection }) => connection),
    stand.control.attached.slice(1),
  );
});
