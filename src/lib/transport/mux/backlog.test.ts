// What waits for a reader: the same bytes in the same order, and memory in proportion to them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Backlog } from './backlog.ts';

test('bytes come out as they went in, whatever the pieces', () => {
  const piece = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 20 }),
    fc.integer({ min: 4000, max: 9000 }).map((size) => new Uint8Array(size).fill(size)),
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.constant('take' as const)), { maxLength: 60 }), (steps) => {
      const backlog = new Backlog();
      const [put, got]: [Uint8Array[], Uint8Array[]] = [[], []];
      const take = () => {
        const taken = backlog.take();
        if (taken !== undefined) got.push(taken);
        return taken !== undefined;
      };
      for (const step of steps) {
        if (step === 'take') take();
        else {
          put.push(step);
          backlog.add(Buffer.from(step));
        }
        assert.equal(backlog.bytes, length(put) - length(got));
      }
      while (take());
      assert.deepEqual(Buffer.concat(got), Buffer.concat(put));
    }),
  );
});

test('small pieces are joined, and a small view of a large buffer does not keep it', () => {
  const backlog = new Backlog();
  const read = Buffer.alloc(64 * 1024);
  for (let piece = 0; piece < 100_000; piece += 1) backlog.add(read.subarray(piece % 1000, (piece % 1000) + 1));
  backlog.add(read.subarray(0, 5000));
  let [pieces, held] = [0, 0];
  for (let taken = backlog.take(); taken !== undefined; taken = backlog.take()) {
    pieces += 1;
    held += Math.min(taken.buffer.byteLength, 64 * 1024);
  }
  assert.ok(pieces <= 27, `${pieces} pieces`);
  assert.ok(held < 2 * 105_000, `${held} bytes are held`);
});

function length(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
