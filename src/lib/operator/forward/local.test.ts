// Local forwards over a real connection to an edge written by hand: what a client of the local port sees of each ending.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { type Answer, accept, startConnectEdge } from '../../../../test/support/connect-edge.ts';
import { dial, echoAtOnce, readToEnd } from '../../../../test/support/tcp.ts';
import { firstUnread } from '../../../../test/support/unread.ts';
import { TunnelError } from '../../base/errors.ts';
import { refuseRequest } from '../../link/operator-request.ts';
import { realWorld } from '../../system/real-world.ts';
import type { LinkStream } from '../../transport/link.ts';
import { connectEdge } from '../edge-connection.ts';
import { startLease } from '../start-lease.ts';
import { Traffic } from './carry.ts';
import { listenLocally, toTarget } from './local.ts';

const TARGET = '10.0.0.5:80';
const world = realWorld({ level: 'silent' });

async function forward(t: TestContext, answerConnect: Answer) {
  const answer: Answer = async (stream, request) => (request.kind === 'operator-attach' ? void (await accept(stream)) : await answerConnect(stream, request));
  const edge = await startConnectEdge(t, answer);
  const grant = {
    token: 'session-token',
    expires_at: new Date(Date.now() + 300_000).toISOString(),
    connect: edge.connect,
    proxy: null,
    ca_pem: edge.caPem,
    idle_seconds: 900,
    targets: [{ target: TARGET, agent: 'web1', session_id: '00000000-0000-4000-8000-000000000001', longest_ends_at: null }],
    refused: [],
  };
  const lease = await startLease({ api: { openSession: async () => grant }, request: { targets: [TARGET] }, waitMs: 0 }, world, t.signal);
  t.after(() => lease[Symbol.asyncDispose]());
  const failures: unknown[] = [];
  const serve = toTarget(TARGET, lease.connect, new Traffic());
  const local = await listenLocally({ listen: { address: '127.0.0.1', port: 0 }, serve, onFailure: (error) => failures.push(error) }, world);
  t.after(() => local[Symbol.asyncDispose]());
  assert.ok('port' in local.listen);
  return { edge, port: local.listen.port, failures };
}

async function ask(t: TestContext, port: number): Promise<string> {
  return await text((await dial(t, port)).end());
}

/** Accepts, then does this. */
function accepting(act: (stream: LinkStream) => unknown): Answer {
  return async (stream) => void act(await accept(stream));
}

test('each connection is a request with the session token, all on one connection', async (t) => {
  const { edge, port } = await forward(
    t,
    accepting((stream) => stream.end('hello')),
  );
  assert.equal(await ask(t, port), 'hello');
  assert.equal(await ask(t, port), 'hello');
  const request = { kind: 'operator-connect', target: TARGET, token: 'session-token' };
  assert.deepEqual(edge.seen.slice(1), [request, request]);
  assert.equal(edge.connections(), 1);
});

test('a client that half-closes gets its answer', async (t) => {
  const { port } = await forward(
    t,
    accepting((stream) => text(stream).then((question) => stream.end(`you said ${question}`))),
  );
  const socket = await dial(t, port);
  socket.end('hello');
  assert.equal(await text(socket), 'you said hello');
});

test('a target that half-closes still hears what follows', async (t) => {
  const heard = Promise.withResolvers<string>();
  const { port } = await forward(
    t,
    accepting((stream) => {
      stream.end('first');
      text(stream).then(heard.resolve, heard.reject);
    }),
  );
  const socket = await dial(t, port);
  assert.equal(await text(socket), 'first');
  socket.end('second');
  assert.equal(await heard.promise, 'second');
});

test('a reset by the edge is a reset for the client, and is reported', async (t) => {
  const { port, failures } = await forward(
    t,
    accepting((stream) => stream.once('data', () => stream.write('some', () => stream.destroy(new Error('reset'))))),
  );
  const socket = await dial(t, port);
  socket.write('go');
  assert.equal((await readToEnd(socket)).end, 'reset');
  assert.deepEqual(
    failures.map((error) => error instanceof TunnelError && error.code),
    ['link.reset'],
  );
});

test('a lost connection to the edge is a reset for the client', async (t) => {
  const { edge, port } = await forward(
    t,
    accepting((stream) => stream.write('some')),
  );
  const socket = await dial(t, port);
  await once(socket, 'data');
  edge.cut();
  assert.equal((await readToEnd(socket)).end, 'reset');
});

test('after a lost connection the next client gets a new one', async (t) => {
  const { edge, port } = await forward(
    t,
    accepting((stream) => stream.end('hello')),
  );
  assert.equal(await ask(t, port), 'hello');
  edge.cut();
  assert.equal(await ask(t, port), 'hello');
});

test('a reset by the client is a reset at the edge, and nobody is told', async (t) => {
  const ended = Promise.withResolvers<string>();
  const { port, failures } = await forward(
    t,
    accepting((stream) => {
      stream.write('x');
      stream.once('error', () => ended.resolve('reset')).once('end', () => ended.resolve('end'));
      stream.resume();
    }),
  );
  const socket = await dial(t, port);
  await once(socket, 'data');
  socket.resetAndDestroy();
  assert.equal(await ended.promise, 'reset');
  assert.deepEqual(failures, []);
});

test('a refusal resets the client and carries code, reason and hint', async (t) => {
  const refused = new TunnelError('target.refused', '10.0.0.5:80 refused the connection', { hint: 'Is the service running?' });
  const { port, failures } = await forward(t, (stream) => refuseRequest(stream, refused, realWorld().clock, t.signal));
  assert.equal((await readToEnd(await dial(t, port))).end, 'reset');
  const [failure] = failures;
  assert.ok(failure instanceof TunnelError);
  assert.deepEqual(failure.toJSON(), refused.toJSON());
});

test('200 connections at once all finish with the right bytes', async (t) => {
  const { port } = await forward(
    t,
    accepting((stream) => stream.pipe(stream)),
  );
  await echoAtOnce(t, port, 200);
});

test('an edge with a certificate of another CA is refused', async (t) => {
  const world = realWorld({ level: 'silent' });
  const [edge, other] = await Promise.all([
    startConnectEdge(
      t,
      accepting(() => {}),
    ),
    startConnectEdge(
      t,
      accepting(() => {}),
    ),
  ]);
  await assert.rejects(connectEdge(edge.connect, other.caPem, world, t.signal), { code: 'certificate.refused' });
});

test('nobody at the gateway is gateway.unreachable', async (t) => {
  const world = realWorld({ level: 'silent' });
  const edge = await startConnectEdge(
    t,
    accepting(() => {}),
  );
  await assert.rejects(connectEdge('127.0.0.1:1', edge.caPem, world, t.signal), { code: 'gateway.unreachable', kind: 'unreachable' });
});

test('what a client says first is at the edge before its answer; a refusal that may pass brings it again, and it arrives once', async (t) => {
  const heard: string[] = [];
  const again = Promise.withResolvers<void>();
  const { port, failures } = await forward(t, async (stream) => {
    heard.push(await firstUnread(stream));
    if (heard.length === 2) again.resolve();
    if (heard.length === 1) return await refuseRequest(stream, new TunnelError('gateway.stopping', 'not now'), world.clock, t.signal);
    const accepted = await accept(stream);
    void text(accepted).then((question) => accepted.end(`you said ${question}`));
  });
  const socket = await dial(t, port);
  socket.write('hello');
  await again.promise;
  socket.end(' and more');
  assert.equal(await text(socket), 'you said hello and more');
  assert.deepEqual([heard, failures], [['hello', 'hello'], []]);
});

test('where the connection goes after it left, the client is cut and nobody asks a second time; one that has said nothing is carried later', async (t) => {
  let asked = 0;
  const asking = Promise.withResolvers<void>();
  const { edge, port, failures } = await forward(t, async (stream) => {
    asked += 1;
    if (asked > 2) return void (await accept(stream)).end('hello');
    if (asked === 1) await firstUnread(stream);
    else asking.resolve();
  });
  const [talker, listener] = [await dial(t, port), dial(t, port)];
  talker.write('pay 5 EUR');
  const silent = await listener;
  await asking.promise;
  edge.cut();
  assert.equal((await readToEnd(talker)).end, 'reset');
  assert.equal(await text(silent), 'hello');
  assert.equal(asked, 3);
  assert.deepEqual(
    failures.map((error) => error instanceof TunnelError && error.code),
    ['link.reset'],
  );
});
