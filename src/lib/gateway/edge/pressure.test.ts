// A reader that stops: what the gateway and the agent hold for it is bounded, others are not held up, and nothing is lost when it reads on.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { startStand } from '../../../../test/support/edge-stand.ts';
import { pattern, patternSha256, startTarget } from '../../../../test/support/tcp.ts';

const MIB = 1024 * 1024;
const OFFERED = 128 * MIB;

test('an operator that stops reading stops the target within a few MiB, and gets the right bytes in the end', async (t) => {
  const stand = await startStand(t);
  await stand.agent();
  let taken = 0;
  const port = await startTarget(t, (socket) => {
    const parts = pattern(OFFERED);
    const offer = () => {
      for (let part = parts.next(); !part.done; part = parts.next()) {
        taken += part.value.length;
        if (!socket.write(part.value)) return void socket.once('drain', offer);
      }
      socket.end();
    };
    offer();
  });
  const operator = await stand.operator();
  const { stream } = await operator.connect(`127.0.0.1:${port}`);
  let seen = -1;
  while (seen !== taken) {
    seen = taken;
    for (let turn = 0; turn < 20; turn += 1) await new Promise<void>((ponged) => operator.session.ping(() => ponged()));
  }
  t.diagnostic(`${(taken / MIB).toFixed(1)} MiB were taken`);
  assert.ok(taken < 24 * MIB, `${taken} bytes were taken for a reader that reads nothing`);

  const other = await operator.connect(`127.0.0.1:${await startTarget(t, (socket) => void socket.end('alive'))}`);
  const [alive] = await once(other.stream, 'data');
  assert.equal(String(alive), 'alive');

  const hash = createHash('sha256');
  for await (const part of stream) hash.update(part);
  assert.equal(hash.digest('hex'), patternSha256(OFFERED));
});

test('hundreds of stopped readers on one session do not keep new streams from opening', async (t) => {
  const stand = await startStand(t);
  await stand.agent();
  const port = await startTarget(t, (socket) => void socket.end(Buffer.alloc(100_000)));
  const operator = await stand.operator(16 * 1024);
  const ping = () => new Promise<void>((ponged) => operator.session.ping(() => ponged()));
  for (let opened = 0; opened < 300; opened += 1) {
    assert.equal((await operator.connect(`127.0.0.1:${port}`)).status, 200);
    await ping(); // so that what the target sent lies in the gateway
    await ping();
  }
});
