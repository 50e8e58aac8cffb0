import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls, createServer, type Server } from 'node:tls';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { makeTestCa } from '../../../../test/support/test-ca.ts';
import { LIMITS } from '../../base/limits.ts';
import { realWorld } from '../../system/real-world.ts';
import { openFrontDoor } from './front-door.ts';

async function door(t: TestContext) {
  const ca = await makeTestCa();
  const clock = new ManualClock();
  const behind = (name: string): Server => {
    const server = createServer(
      { cert: ca.server.certificatePem, key: ca.server.privateKeyPem, ALPNProtocols: ['gw-agent-tunnel/2', 'tunnel-connect/1', 'http/1.1'] },
      (socket) => socket.end(name),
    );
    server.on('tlsClientError', () => {});
    return server;
  };
  const [operator, agent, api] = [behind('operator'), behind('agent'), behind('api')];
  const opened = await openFrontDoor(
    { address: '127.0.0.1', port: 0 },
    {
      operator: (socket) => operator.emit('connection', socket),
      agent: (socket) => agent.emit('connection', socket),
      api: (socket) => api.emit('connection', socket),
    },
    { ...realWorld(), clock },
  );
  t.after(() => opened.close());
  const { port } = opened.at;
  const say = async (alpn: string[] | undefined): Promise<string> => {
    const socket = connectTls({ port, host: '127.0.0.1', ca: ca.caPem, ...(alpn && { ALPNProtocols: alpn }) });
    socket.setEncoding('utf8');
    const [text] = await once(socket, 'data');
    socket.destroy();
    return text;
  };
  const raw = async (): Promise<Socket> => {
    const socket = connectTcp(port, '127.0.0.1');
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  };
  return { clock, say, raw, ca };
}

test('ALPN decides who gets the connection', async (t) => {
  const { say } = await door(t);
  assert.equal(await say(['tunnel-connect/1']), 'operator');
  assert.equal(await say(['gw-agent-tunnel/2', 'gw-agent-tunnel/1']), 'agent');
  assert.equal(await say(['h2', 'http/1.1']), 'api');
  assert.equal(await say(undefined), 'api');
});

test('a hundred handshakes at once, each whole', async (t) => {
  const { say } = await door(t);
  const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => say([index % 2 === 0 ? 'tunnel-connect/1' : 'http/1.1'])));
  assert.ok(answers.every((answer, index) => answer === (index % 2 === 0 ? 'operator' : 'api')));
});

test('a ClientHello that comes byte by byte is handed on whole', async (t) => {
  const { raw, ca } = await door(t);
  const wire = await raw();
  wire.setNoDelay(true);
  const { Duplex } = await import('node:stream');
  const slow = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      for (const byte of chunk) wire.write(Buffer.of(byte));
      done();
    },
  });
  wire.on('data', (chunk) => slow.push(chunk)).on('end', () => slow.push(null));
  const socket = connectTls({ socket: slow, host: '127.0.0.1', ca: ca.caPem, ALPNProtocols: ['tunnel-connect/1'] });
  socket.setEncoding('utf8');
  const [text] = await once(socket, 'data');
  assert.equal(text, 'operator');
  socket.destroy();
});

test('plain HTTP and nonsense are closed at once', async (t) => {
  const { raw } = await door(t);
  for (const bytes of ['GET /livez HTTP/1.1\r\nHost: a\r\n\r\n', '\x16\x03\x01\xff\xff', '\0'.repeat(100)]) {
    const socket = await raw();
    socket.write(bytes, 'latin1');
    const answered: Buffer[] = [];
    socket.on('data', (chunk) => answered.push(chunk));
    await once(socket, 'close');
    assert.equal(answered.length, 0);
  }
});

test('whoever says nothing in time is dropped', async (t) => {
  const { raw, clock } = await door(t);
  const silent = await raw();
  await clock.timerSet();
  const closed = once(silent, 'close');
  silent.resume();
  await clock.advance(LIMITS.clientHelloMs);
  await closed;
});
