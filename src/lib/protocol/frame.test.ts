// Frames split anywhere, of any length, honest or not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isViolation } from '../../../test/support/codec-laws.ts';
import { encodeFrame, FrameDecoder } from './frame.ts';

function decodeAll(decoder: FrameDecoder, chunks: readonly Uint8Array[]): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const { taken, payload } = decoder.take(chunk.subarray(at));
      assert.ok(taken > 0, 'every call makes progress');
      at += taken;
      if (payload !== undefined) payloads.push(Uint8Array.from(payload));
    }
  }
  return payloads;
}

test('frames come back whole, split at every byte', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 4 }), (payloads) => {
      const wire = Buffer.concat(payloads.map((payload) => encodeFrame(payload, 50)));
      for (let cut = 0; cut <= wire.length; cut += 1) {
        const decoder = new FrameDecoder(50);
        assert.deepEqual(decodeAll(decoder, [wire.subarray(0, cut), wire.subarray(cut)]), payloads);
        assert.equal(decoder.partial, false);
      }
      assert.deepEqual(
        decodeAll(
          new FrameDecoder(50),
          Array.from(wire, (byte) => Uint8Array.of(byte)),
        ),
        payloads,
      );
    }),
    { numRuns: 50 },
  );
});

test('bytes after a frame are left to whoever reads next', () => {
  const wire = Buffer.concat([encodeFrame(Buffer.from('request'), 100), Buffer.from('raw bytes')]);
  const { taken, payload } = new FrameDecoder(100).take(wire);
  assert.equal(Buffer.from(payload ?? []).toString(), 'request');
  assert.equal(wire.subarray(taken).toString(), 'raw bytes');
});

for (const [length, fits] of [
  [0, true],
  [99, true],
  [100, true],
  [101, false],
  [2 ** 31, false],
  [2 ** 32 - 1, false],
] as const) {
  test(`a length of ${length} against a limit of 100 ${fits ? 'passes' : 'is refused with its header'}`, () => {
    const header = Buffer.alloc(4);
    header.writeUInt32BE(length);
    const decoder = new FrameDecoder(100);
    if (fits) assert.equal(decoder.take(header).payload?.length, length === 0 ? 0 : undefined);
    else assert.throws(() => decoder.take(header), isViolation);
  });
}

test('a promised length takes no memory: only bytes that came are kept', () => {
  const before = process.memoryUsage().arrayBuffers;
  const decoders = Array.from({ length: 1000 }, () => new FrameDecoder(2 ** 20));
  for (const decoder of decoders) decoder.take(Buffer.from('000fffff41', 'hex'));
  assert.ok(process.memoryUsage().arrayBuffers - before < 4 * 2 ** 20);
  assert.ok(decoders.every((decoder) => decoder.partial));
});

test('we send nothing above the limit', () => {
  assert.throws(() => encodeFrame(new Uint8Array(101), 100), isViolation);
});
