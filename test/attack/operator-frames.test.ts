// An operator who writes the frames of its requests by hand: whatever is in them, nothing that policy forbids is reached, and the gateway goes on.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { readFrame } from '../../src/lib/link/frames.ts';
import { dialEdge } from '../../src/lib/operator/dial-edge.ts';
import { encodeFrame } from '../../src/lib/protocol/frame.ts';
import { decodeEdgeAnswer, encodeOperatorRequest } from '../../src/lib/protocol/operator.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { networkStand } from '../support/network-stand.ts';
import { startTarget } from '../support/tcp.ts';

const world = realWorld({ level: 'silent' });
const CARRIED = '127.99.0.1';
const [CONNECT, TOKEN, TARGET, CRITICAL] = [0x30, 1, 2, 0x80];

/** One field as it is on the wire; `length` where it shall lie. */
function field(id: number, value: string | Uint8Array, length = Buffer.from(value).length): Buffer {
  const head = Buffer.of(id, 0, 0, 0, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, Buffer.from(value)]);
}

const message = (tag: number, ...fields: Buffer[]) => Buffer.concat([Buffer.of(tag), ...fields]);

test('frames of an operator by hand open nothing that is forbidden', async (t) => {
  let [canary, good] = [0, 0];
  const bait = await startTarget(t, (socket) => socket.end(`${++canary}`), '::');
  const port = await startTarget(t, (socket) => socket.once('data', () => socket.end(`${++good}`)), CARRIED);
  const stand = await networkStand(t);
  await stand.agent('web1', ['127.99.0.0/16']);
  const { token: text, connect, ca_pem } = await stand.operator.openSession({ targets: ['*'] }, t.signal);
  const [token, allowed, forbidden] = [field(TOKEN, text), field(TARGET, `${CARRIED}:${port}`), `127.0.0.1:${bait}`];
  const bad = field(TARGET, forbidden);
  const overlong = Buffer.concat([Buffer.from('127'), Buffer.of(0xc0, 0xae), Buffer.from(`0.0.1:${bait}`)]);

  const payloads: Readonly<Record<string, Uint8Array>> = {
    forbidden: message(CONNECT, token, bad),
    'allowed, then forbidden': message(CONNECT, token, allowed, bad),
    'forbidden, then allowed': message(CONNECT, token, bad, allowed),
    'the target before the token': message(CONNECT, bad, token),
    'without a token': message(CONNECT, bad),
    'without a target': message(CONNECT, token),
    'the target in a critical field of its own': message(CONNECT, token, allowed, field(CRITICAL | 3, forbidden)),
    'a critical target': message(CONNECT, token, field(CRITICAL | TARGET, forbidden)),
    'a field of a later version': message(CONNECT, token, bad, field(9, 'web1')),
    'an empty target': message(CONNECT, token, field(TARGET, '')),
    'NUL behind the host': message(CONNECT, token, field(TARGET, `127.0.0.1\0${CARRIED}:${bait}`)),
    'NUL before the port': message(CONNECT, token, field(TARGET, `${CARRIED}\0:${bait}`)),
    'bytes that are no UTF-8': message(CONNECT, token, field(TARGET, Buffer.concat([Buffer.from(forbidden), Buffer.of(0xff)]))),
    'a dot in two bytes': message(CONNECT, token, field(TARGET, overlong)),
    'a line break and a header': message(CONNECT, token, field(TARGET, `${forbidden}\r\nX-Tunnel-Agent: web1`)),
    'a target that is too long': message(CONNECT, token, field(TARGET, `${'0'.repeat(400)}${forbidden}`)),
    'a length beyond the frame': message(CONNECT, token, field(TARGET, forbidden, 4096)),
    'a length of 2^32 - 1': message(CONNECT, token, field(TARGET, forbidden, 0xffffffff)),
    'a length that ends within the target': message(CONNECT, token, field(TARGET, forbidden, 5)),
    'bytes behind the last field': Buffer.concat([message(CONNECT, token, bad), Buffer.of(0)]),
    'an answer instead of a question': message(0x32, field(1, 'web1'), field(2, forbidden)),
    'an unknown tag': message(0x3f, token, bad),
    'nothing at all': Buffer.of(),
  };
  const link = await dialEdge(connect, ca_pem, world, t.signal);
  t.after(() => link.close());
  const ask = async (frames: Uint8Array) => {
    const stream = await link.openStream(t.signal);
    stream.on('error', () => {}).write(frames);
    const payload = await readFrame(stream, 16_384, world.clock, t.signal).catch(() => undefined);
    return { stream, answer: payload === undefined ? 'reset' : decodeEdgeAnswer(payload).kind };
  };
  for (const [what, payload] of Object.entries(payloads)) {
    const { stream, answer } = await ask(encodeFrame(payload, 16_384));
    stream.destroy();
    assert.notEqual(answer, 'edge-granted', what);
  }

  // What follows a request that was granted is the target's, whatever it looks like.
  const second = encodeFrame(message(CONNECT, token, bad), 16_384);
  const granted = encodeFrame(encodeOperatorRequest({ kind: 'operator-connect', token: text, target: `${CARRIED}:${port}` }), 16_384);
  const { stream, answer } = await ask(Buffer.concat([granted, second]));
  assert.equal(answer, 'edge-granted');
  await once(stream.resume(), 'end');
  stream.destroy();
  assert.deepEqual([canary, good], [0, 1]);
});
