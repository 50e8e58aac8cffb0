// Targets as an agent dials them: real sockets on loopback behind a resolver that says what the test wants.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { quietWorld } from '../../../test/support/quiet-world.ts';
import { startTarget } from '../../../test/support/tcp.ts';
import { TunnelError } from '../base/errors.ts';
import type { SocketAddress, World } from '../base/world.ts';
import { parseRoute } from '../routing/route.ts';
import { parseTarget } from '../routing/target.ts';
import { realWorld } from '../system/real-world.ts';
import { dialTarget } from './dial-target.ts';

const never = new AbortController().signal;
const routes = (...texts: string[]) => texts.map((text) => parseRoute(text));

/** Records what is resolved and connected to. Addresses outside loopback are a black hole. */
function watched(names: Record<string, readonly string[]>, base: World = realWorld({ level: 'silent' })) {
  const lookups: string[] = [];
  const connects: string[] = [];
  const world: World = {
    ...base,
    net: {
      ...base.net,
      async resolve(host) {
        lookups.push(host);
        const found = names[host];
        if (found === undefined) throw new TunnelError('dns.failed', `cannot resolve ${host}`);
        return found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
      },
      async connect(to, signal) {
        const { address } = to as SocketAddress;
        connects.push(address);
        if (address.startsWith('127.') || address === '::1') return await base.net.connect(to, signal);
        return await new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
      },
    },
  };
  return { world, lookups, connects };
}

async function echo(t: TestContext): Promise<number> {
  return await startTarget(t, (socket) => socket.pipe(socket));
}

test('a name is resolved once, and the judged address is the one that is dialled', async (t) => {
  const port = await echo(t);
  const { world, lookups, connects } = watched({ 'db.corp.example': ['10.9.9.9', '127.0.0.1'] });
  const { socket, to } = await dialTarget(parseTarget(`db.corp.example:${port}`), routes('127.0.0.0/8'), world, never);
  t.after(() => socket.destroy());
  assert.deepEqual(to, { address: '127.0.0.1', port });
  assert.deepEqual(lookups, ['db.corp.example']);
  assert.deepEqual(connects, ['127.0.0.1'], '10.9.9.9 is in no subnet and was not dialled');
});

for (const [target, carried, names] of [
  ['evil.corp.example:80', ['*.corp.example'], { 'evil.corp.example': ['127.0.0.1', '::1', '169.254.169.254', '0.0.0.0', '::ffff:127.0.0.1', 'fe80::1%lo'] }],
  ['evil.corp.example:80', ['*.corp.example', '0.0.0.0/0', '::/0'], { 'evil.corp.example': ['127.0.0.1', '::1'] }],
  ['other.example:80', ['*.corp.example'], { 'other.example': ['10.0.0.5'] }],
  ['corp.example:80', ['*.corp.example'], { 'corp.example': ['10.0.0.5'] }],
  ['10.0.1.5:80', ['10.0.0.0/24', '*.corp.example'], {}],
  ['127.0.0.1:80', ['0.0.0.0/0'], {}],
  ['[::ffff:127.0.0.1]:80', ['0.0.0.0/0', '::/0'], {}],
  ['10.0.0.5:80', [], {}],
  ['empty.corp.example:80', ['*.corp.example'], { 'empty.corp.example': [] }],
] as const) {
  test(`${target} with ${carried.join(' ') || 'no routes'} is not carried, and nothing is dialled`, async () => {
    const { world, connects } = watched(names);
    await assert.rejects(dialTarget(parseTarget(target), routes(...carried), world, never), { code: 'route.none' });
    assert.deepEqual(connects, []);
  });
}

test('a name that resolves to loopback is dialled where that very network is advertised', async (t) => {
  const port = await echo(t);
  const { world } = watched({ 'self.corp.example': ['127.0.0.1'] });
  const { socket } = await dialTarget(parseTarget(`self.corp.example:${port}`), routes('*.corp.example', '127.0.0.0/8'), world, never);
  socket.destroy();
});

test('a black hole beside an address that answers costs a quarter of a second, not the target', async (t) => {
  const port = await echo(t);
  const { world } = watched({ 'two.corp.example': ['10.0.0.5', '127.0.0.1'] });
  const { socket, to } = await dialTarget(parseTarget(`two.corp.example:${port}`), routes('10.0.0.0/8', '127.0.0.0/8'), world, never);
  socket.destroy();
  assert.equal(to.address, '127.0.0.1');
});

test('a black hole is timed out after 10 s, naming the target', async () => {
  const clock = new ManualClock();
  const { world, connects } = watched({}, { ...quietWorld(), clock });
  const dialled = assert.rejects(dialTarget(parseTarget('10.0.0.5:80'), routes('10.0.0.0/8'), world, never), {
    code: 'target.timed-out',
    message: /10\.0\.0\.5:80/,
  });
  await clock.advance(9_999);
  assert.deepEqual(connects, ['10.0.0.5']);
  await clock.advance(1);
  await dialled;
  assert.equal(clock.pending, 0);
});

test('a refused connection and a name that does not resolve keep their codes', async (t) => {
  const port = await echo(t);
  const free = await new Promise<number>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      resolve(socket.localPort ?? 0);
      socket.destroy();
    });
  });
  const { world } = watched({});
  await assert.rejects(dialTarget(parseTarget(`127.0.0.1:${free}`), routes('127.0.0.0/8'), world, never), { code: 'target.refused' });
  await assert.rejects(dialTarget(parseTarget('none.corp.example:80'), routes('*.corp.example'), world, never), { code: 'dns.failed' });
});

test('an abort ends it with the reason of the signal', async () => {
  const { world } = watched({});
  const reason = new TunnelError('interrupted', 'given up');
  const giveUp = new AbortController();
  const dialled = assert.rejects(
    dialTarget(parseTarget('10.0.0.5:80'), routes('10.0.0.0/8'), world, giveUp.signal),
    (error: unknown) => (error as TunnelError).code === 'interrupted',
  );
  giveUp.abort(reason);
  await dialled;
});
