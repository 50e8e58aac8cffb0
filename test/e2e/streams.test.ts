// What a forwarded connection owes its two ends: half-close, resets, many at once, and a bounded price for a reader that stops.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { connectTo, sharedChain } from '../support/chain.ts';
import { tunnel } from '../support/cli.ts';
import { residentBytes } from '../support/memory.ts';
import { dial, echoAtOnce, pattern, patternSha256, readToEnd, startTarget } from '../support/tcp.ts';

const MIB = 1024 * 1024;
/** A sender that could not write for so long is stuck, not slow. */
const STANDS_STILL_MS = 1500;

describe('through one chain', () => {
  const chain = sharedChain();

  test('a half-closed connection gets its answer', async (t) => {
    const target = await startTarget(t, (socket) => void text(socket).then((question) => socket.end(`you said ${question}`)));
    const { port } = await connectTo(t, chain(), `127.0.0.1:${target}`);
    const socket = await dial(t, port);
    socket.end('hello');
    assert.equal(await text(socket), 'you said hello');
  });

  test('the target may end first and still hear what follows', async (t) => {
    const heard = Promise.withResolvers<string>();
    const target = await startTarget(t, (socket) => {
      socket.end('first');
      text(socket).then(heard.resolve, heard.reject);
    });
    const { port } = await connectTo(t, chain(), `127.0.0.1:${target}`);
    const socket = await dial(t, port);
    assert.equal(await text(socket), 'first');
    socket.end('second');
    assert.equal(await heard.promise, 'second');
  });

  test('a reset of the target is a reset here, not an end', async (t) => {
    const target = await startTarget(t, (socket) => socket.once('data', () => socket.write('some', () => socket.resetAndDestroy())));
    const { port } = await connectTo(t, chain(), `127.0.0.1:${target}`);
    const socket = await dial(t, port);
    socket.write('go');
    assert.equal((await readToEnd(socket)).end, 'reset');
  });

  test('a reset here is a reset at the target', async (t) => {
    const ended = Promise.withResolvers<string>();
    const target = await startTarget(t, (socket) => {
      socket.write('x');
      readToEnd(socket).then(({ end }) => ended.resolve(end), ended.reject);
    });
    const { port } = await connectTo(t, chain(), `127.0.0.1:${target}`);
    const socket = await dial(t, port);
    await once(socket, 'data');
    socket.resetAndDestroy();
    assert.equal(await ended.promise, 'reset');
  });

  test('a target that refuses is a reset for the client, and its reason is on standard error', async (t) => {
    const { port, running } = await connectTo(t, chain(), '127.0.0.1:1');
    assert.deepEqual({ ...(await readToEnd(await dial(t, port))), sha256: '' }, { bytes: 0, sha256: '', end: 'reset' });
    assert.equal(running.child.exitCode, null);
    await running.stop();
    assert.match(running.stderr(), /127\.0\.0\.1:1.*refused/);
  });

  test('an alternate is tried when the target refuses', async (t) => {
    const target = await startTarget(t, (socket) => socket.end('the other one'));
    const { port } = await connectTo(t, chain(), '127.0.0.1:1', '--alternate', `127.0.0.1:${target}`);
    assert.equal(await text(await dial(t, port)), 'the other one');
  });

  test('--stdio carries both directions and ends with the target', async (t) => {
    const target = await startTarget(t, (socket) => void text(socket).then((question) => socket.end(question.toUpperCase())));
    const { code, stdout, stderr } = await tunnel(['connect', '--stdio', `127.0.0.1:${target}`, '--config-dir', chain().operatorFolder], { input: 'shout' });
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'SHOUT');
  });

  test('--stdio to a target that resets exits non-zero', async (t) => {
    const target = await startTarget(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
    const { code } = await tunnel(['connect', '--stdio', `127.0.0.1:${target}`, '--config-dir', chain().operatorFolder], { input: 'x' });
    assert.notEqual(code, 0);
  });

  test('-- COMMAND gets the address and passes its exit code on', async (t) => {
    const target = await startTarget(t, (socket) => socket.end('hi'));
    const script = 'process.stdout.write([process.argv[1], process.env.TUNNEL_ADDR].join()); process.exit(7)';
    const { code, stdout } = await tunnel([
      'connect',
      `127.0.0.1:${target}`,
      '--config-dir',
      chain().operatorFolder,
      '--',
      process.execPath,
      '-e',
      script,
      '{addr}',
    ]);
    assert.equal(code, 7);
    const [first, second] = stdout.split(',');
    assert.match(first ?? '', /^127\.0\.0\.1:\d+$/);
    assert.equal(first, second);
  });

  test('200 connections at once all finish with the right bytes', async (t) => {
    const target = await startTarget(t, (socket) => socket.pipe(socket));
    const { port } = await connectTo(t, chain(), `127.0.0.1:${target}`);
    await echoAtOnce(t, port, 200);
  });

  test('a reader that stops costs a bounded buffer, and the right bytes follow', { skip: process.platform !== 'linux' && 'reads /proc' }, async (t) => {
    const size = 1024 * MIB;
    let offered = 0;
    const stalled = Promise.withResolvers<void>();
    const offer = async (socket: Socket) => {
      for (const part of pattern(size)) {
        offered += part.length;
        if (socket.write(part)) continue;
        const stuck = setTimeout(() => stalled.resolve(), STANDS_STILL_MS);
        await once(socket, 'drain');
        clearTimeout(stuck);
      }
      socket.end();
    };
    const target = await startTarget(t, (socket) => {
      offer(socket).catch(stalled.reject);
    });
    const { port } = await connectTo(t, chain(), `127.0.0.1:${target}`);
    const pids = [chain().gateway.child.pid ?? 0, chain().agent.child.pid ?? 0];
    const before = pids.reduce((sum, pid) => sum + residentBytes(pid), 0);
    const socket = await dial(t, port);
    socket.write('go');
    await stalled.promise;
    const growth = pids.reduce((sum, pid) => sum + residentBytes(pid), 0) - before;
    assert.ok(offered < 128 * MIB, `${offered} bytes left the target with nobody reading`);
    assert.ok(growth < 64 * MIB, `gateway and agent grew by ${(growth / MIB).toFixed(1)} MiB`);
    t.diagnostic(`offered ${(offered / MIB).toFixed(1)} MiB before it stood still; gateway and agent grew by ${(growth / MIB).toFixed(1)} MiB`);
    assert.deepEqual(await readToEnd(socket), { bytes: size, sha256: patternSha256(size), end: 'fin' });
  });
});
