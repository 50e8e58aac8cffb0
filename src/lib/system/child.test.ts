import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startChild } from './child.ts';

const PROGRAM = new URL('../../../test/support/child-program.ts', import.meta.url);

function program(t: TestContext) {
  const said: unknown[] = [];
  let waiting = Promise.withResolvers<void>();
  const child = startChild(PROGRAM, (message) => {
    said.push(message);
    waiting.resolve();
    waiting = Promise.withResolvers();
  });
  t.after(async () => {
    child.kill();
    await child.ended;
  });
  const next = async (): Promise<unknown> => {
    while (said.length === 0) await waiting.promise;
    return said.shift();
  };
  return { child, next };
}

/** Both ends of a TCP connection on loopback, the accepted one as control's door has it: first bytes read and put back. */
async function accepted(t: TestContext, first: string): Promise<{ client: Socket; socket: Socket }> {
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const client = connect({ port: address.port, host: '127.0.0.1', allowHalfOpen: true });
  client.on('error', () => {});
  client.write(first);
  const [socket] = (await once(server, 'connection')) as [Socket];
  await once(socket, 'readable');
  const read: unknown = socket.read();
  socket.unshift(read);
  t.after(() => {
    server.close();
    client.destroy();
    socket.destroy();
  });
  return { client, socket };
}

test('messages arrive in order and whole, bigints and bytes too', async (t) => {
  const { child, next } = program(t);
  const messages = [{ epoch: 2n ** 63n }, { bytes: Uint8Array.of(1, 2, 3) }, { nothing: undefined, deep: [{ a: null }] }];
  for (const message of messages) child.send(message);
  for (const message of messages) assert.deepEqual(JSON.stringify(plain(await next())), JSON.stringify(plain(message)));
});

test('nothing of our environment but what a process needs', async (t) => {
  process.env['TUNNEL_SECRET'] = 'secret';
  process.env['NODE_OPTIONS'] = '--no-warnings';
  t.after(() => {
    delete process.env['TUNNEL_SECRET'];
    delete process.env['NODE_OPTIONS'];
  });
  const { child, next } = program(t);
  child.send({ surroundings: true });
  const { environment, arguments: args } = (await next()) as { environment: string[]; arguments: string[] };
  assert.deepEqual(
    environment.filter((name) => /^(TUNNEL|NODE_OPTIONS|HOME|PATH$)/.test(name)),
    [],
  );
  assert.deepEqual(args, ['--max-semi-space-size=1', '--no-opt', '--no-maglev', '--disable-sigusr1']); // its own, and nothing of ours
});

test('sockets are handed over with what was read of them, half-close included', async (t) => {
  const { child } = program(t);
  const pairs = await Promise.all(Array.from({ length: 50 }, (_, index) => accepted(t, `first ${index} `)));
  const answers = pairs.map(({ client }) => text(client));
  await Promise.all(pairs.map(({ socket }) => child.sendSocket((received) => ({ received }), socket)));
  for (const { client } of pairs) client.end('then');
  const all = await Promise.all(answers);
  for (const [index, answer] of all.entries()) assert.equal(answer, `first ${index} thenthe end came through`);
});

test('what was on its way to a child that froze and died is closed, and whatever comes later', async (t) => {
  const { child, next } = program(t);
  child.send({ up: true });
  await next();
  process.kill(child.pid, 'SIGSTOP');
  const pairs = await Promise.all(Array.from({ length: 5 }, () => accepted(t, 'hello')));
  const closed = pairs.map(({ client }) => whenClosed(client));
  for (const { client } of pairs) client.on('end', () => client.end());
  const handed = pairs.map(({ socket }) => child.sendSocket((received) => ({ received }), socket));
  child.kill();
  assert.equal(await child.ended, 'signal SIGKILL');
  await Promise.all(closed);
  await Promise.all(handed.slice(1));
  const late = await accepted(t, 'late');
  const reset = whenClosed(late.client);
  await child.sendSocket((received) => ({ received }), late.socket);
  await reset;
});

test('it ends with the channel, not by signals to its group; a crash is said before', async (t) => {
  const { child, next } = program(t);
  child.send({ up: true });
  await next();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.kill(child.pid, signal);
  child.send({ up: true });
  assert.deepEqual(await next(), { up: true });
  child.disconnect();
  assert.equal(await child.ended, 'exit code 0');
  const other = program(t);
  other.child.send({ crash: true });
  assert.deepEqual(await other.next(), { crashed: true });
  assert.equal(await other.child.ended, 'exit code 1');
});

test('a child without a parent does not even begin', () => {
  const { status, stderr } = spawnSync(process.execPath, [fileURLToPath(PROGRAM)], { encoding: 'utf8', timeout: 10_000 });
  assert.equal(status, 1);
  assert.match(stderr, /as a child of a program only/);
});

/** By an end or by a reset. */
function whenClosed(client: Socket): Promise<void> {
  return new Promise((resolve) => client.resume().once('close', () => resolve()));
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part instanceof Uint8Array ? [...part] : part)));
}
