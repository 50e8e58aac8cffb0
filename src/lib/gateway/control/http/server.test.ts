import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { controlStand } from '../../../../../test/support/control-stand.ts';
import { makeTestCa } from '../../../../../test/support/test-ca.ts';
import { ERROR_KINDS, isErrorCode, TunnelError } from '../../../base/errors.ts';
import { buildApi } from './server.ts';
import { statusOf } from './status.ts';
import { bearerCalls } from './who-calls.ts';

async function serve(t: TestContext) {
  const { control } = await controlStand(t);
  const ca = await makeTestCa();
  const api = await buildApi(control.context, {
    whoCalls: bearerCalls(control.context),
    certificate: { cert: ca.server.certificatePem, key: ca.server.privateKeyPem },
  });
  const listener = createServer({ allowHalfOpen: true }, api.take).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  assert.ok(address && typeof address === 'object');
  t.after(async () => {
    listener.close();
    await api[Symbol.asyncDispose]();
  });
  return async (bytes: string): Promise<string> => {
    const socket = connect({ port: address.port, host: '127.0.0.1', ca: ca.caPem, ALPNProtocols: ['http/1.1'] });
    socket.write(bytes);
    return await text(socket);
  };
}

test('what never becomes a request gets its status and no more', async (t) => {
  const say = await serve(t);
  const head = 'HTTP/1.1\r\nHost: a\r\nConnection: close\r\n';
  for (const [bytes, status] of [
    [`GET /livez ${head}\r\n`, 200],
    [`GET /nowhere ${head}\r\n`, 404],
    [`GET /livez ${head}X: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['nonsense\r\n\r\n', 400],
    [`POST /api/v1/login ${head}Content-Type: application/json\r\nContent-Length: 70000\r\n\r\n`, 413],
    [`POST /api/v1/login ${head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${`10000\r\n${'a'.repeat(65_536)}\r\n`.repeat(2)}`, 413],
    [`POST /api/v1/login ${head}Content-Type: text/plain\r\nContent-Length: 1\r\n\r\na`, 415],
    [`GET /api/v1/whoami ${head}\r\n`, 401],
    [`GET /api/v1/agents/%zz ${head}\r\n`, 400],
    [`GET /api/v1/agents/${'%C3%A9'.repeat(255)} ${head}\r\n`, 401],
  ] as const) {
    const answer = await say(bytes);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), bytes.slice(0, 60));
    assert.doesNotMatch(answer, /fastify|FST_|node_modules|\.ts:/i);
  }
});

test('a path that cannot be read is refused as everything else is', async (t) => {
  const say = await serve(t);
  const answer = await say('GET /api/v1/agents/%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  assert.match(answer, /\{"error":\{"code":"request.malformed","message":"the path cannot be read"\}\}/);
});

test('a hundred requests at once on sockets of their own', async (t) => {
  const say = await serve(t);
  const answers = await Promise.all(Array.from({ length: 100 }, () => say('GET /api/v1/ca HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')));
  assert.ok(answers.every((answer) => answer.includes('BEGIN CERTIFICATE')));
});

test('every code has a status that a client can act on', () => {
  for (const code of Object.keys(ERROR_KINDS)) {
    assert.ok(isErrorCode(code));
    const status = statusOf(new TunnelError(code, ''));
    assert.ok(status >= 400 && status < 600, code);
  }
  assert.equal(statusOf(new TunnelError('store.busy', '')), 503);
  assert.equal(statusOf(new TunnelError('limit.reached', '')), 429);
});
