// Frames as bytes: golden vectors for other implementations, any split gives the same frames, and a header that no frame may have is refused before anything is kept.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  closeFrame,
  endFrame,
  FRAME,
  FrameReader,
  header,
  LARGEST_DATA_BYTES,
  pingFrame,
  readClose,
  readNumber,
  readSettings,
  resetFrame,
  settingsFrame,
  windowFrame,
} from './frame.ts';

interface Frame {
  readonly type: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** docs/protocol.md, 11, shows the same bytes. */
const GOLDEN: readonly (readonly [what: string, hex: string, frame: Buffer])[] = [
  ['settings', '00000000 00 00000a 0001 00010000 00001000', settingsFrame({ version: 1, window: 65_536, streams: 4096 })],
  ['data', '00000001 01 000002 6869', Buffer.concat([header(FRAME.data, 1, 2), Buffer.from('hi')])],
  ['end', '00000001 02 000000', endFrame(1)],
  ['reset', '00000002 03 000004 0000002a', resetFrame(2, 42)],
  ['window', 'fffffffe 04 000004 00008000', windowFrame(0xfffffffe, 32_768)],
  ['ping', '00000000 05 000000', pingFrame(FRAME.ping)],
  ['pong', '00000000 06 000000', pingFrame(FRAME.pong)],
  ['close', '00000000 07 000009 00000004 647261696e', closeFrame(4, 'drain')],
];

for (const [what, hex, frame] of GOLDEN) test(`${what} is ${hex}`, () => assert.equal(frame.toString('hex'), hex.replaceAll(' ', '')));

test('what is read is what was written', () => {
  const settings = { version: 1, window: 2 ** 31 - 1, streams: 2 ** 32 - 1 };
  const [settled, reset, closed] = [settingsFrame(settings), resetFrame(9, 2 ** 32 - 1), closeFrame(2 ** 32 - 1, 'gründlich')].flatMap((frame) =>
    read([frame]),
  );
  assert.ok(settled && reset && closed);
  assert.deepEqual(readSettings(settled.payload), settings);
  assert.equal(readNumber(reset.payload), 2 ** 32 - 1);
  assert.deepEqual(readClose(closed.payload), { code: 2 ** 32 - 1, reason: 'gründlich' });
});

const id = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array));
const anyFrame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    type: fc.constant(FRAME.data),
    id,
    payload: fc.oneof(
      bytes(1, 40),
      fc.integer({ min: 1, max: LARGEST_DATA_BYTES }).map((size) => Buffer.alloc(size, size)),
    ),
  }),
  fc.record({ type: fc.constant(FRAME.end), id, payload: bytes(0, 0) }),
  fc.record({ type: fc.constantFrom(FRAME.reset, FRAME.window), id, payload: bytes(4, 4) }),
  fc.record({ type: fc.constantFrom(FRAME.ping, FRAME.pong), id: fc.constant(0), payload: bytes(0, 0) }),
  fc.record({ type: fc.constant(FRAME.settings), id: fc.constant(0), payload: bytes(10, 60) }),
  fc.record({ type: fc.constant(FRAME.close), id: fc.constant(0), payload: bytes(4, 1024) }),
  fc.record({ type: fc.integer({ min: 8, max: 255 }), id: fc.oneof(fc.constant(0), id), payload: bytes(0, 1024) }),
);

test('any split of any frames gives the same frames', () => {
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 40 }), (frames, cuts) => {
      const whole = Buffer.concat(frames.map(bytesOf));
      const at = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].sort((a, b) => a - b);
      const pieces = [0, ...at].map((from, index) => whole.subarray(from, at[index]));
      assert.deepEqual(joined(read(pieces)), joined(frames));
    }),
    { numRuns: 500 },
  );
});

test('byte by byte too', () => {
  const frames = GOLDEN.flatMap(([, , frame]) => read([frame]));
  const whole = Buffer.concat(frames.map(bytesOf));
  assert.deepEqual(joined(read(Array.from(whole, (byte) => Buffer.of(byte)))), joined(frames));
});

test('junk is frames or a violation', () => {
  fc.assert(
    fc.property(fc.array(bytes(0, 200), { maxLength: 10 }), (pieces) => {
      try {
        read(pieces);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'protocol.violation');
      }
    }),
    { numRuns: 2000 },
  );
});

for (const [what, type, streamId, length] of [
  ['data of 65537 bytes', FRAME.data, 1, 65_537],
  ['data of 2^24 - 1 bytes', FRAME.data, 1, 2 ** 24 - 1],
  ['data of no bytes', FRAME.data, 1, 0],
  ['data on stream 0', FRAME.data, 0, 1],
  ['an end with a payload', FRAME.end, 1, 1],
  ['an end of stream 0', FRAME.end, 0, 0],
  ['a reset of 3 bytes', FRAME.reset, 1, 3],
  ['a window of 5 bytes', FRAME.window, 1, 5],
  ['settings of 9 bytes', FRAME.settings, 0, 9],
  ['settings of 1025 bytes', FRAME.settings, 0, 1025],
  ['settings of a stream', FRAME.settings, 1, 10],
  ['a ping with a payload', FRAME.ping, 0, 1],
  ['a ping of a stream', FRAME.ping, 3, 0],
  ['a close of 3 bytes', FRAME.close, 0, 3],
  ['a close of 1025 bytes', FRAME.close, 0, 1025],
  ['an unknown type of 1025 bytes', 200, 1, 1025],
  ['an unknown type of 2^24 - 1 bytes', 255, 0, 2 ** 24 - 1],
] as const) {
  test(`${what} is refused by its header`, () => {
    assert.throws(() => read([header(type, streamId, length)]), { code: 'protocol.violation' });
  });
}

for (const [what, settings] of [
  ['version 0', { version: 0, window: 1, streams: 1 }],
  ['a window of 2^31', { version: 1, window: 2 ** 31, streams: 1 }],
] as const) {
  test(`settings with ${what} are refused`, () => assert.throws(() => readSettings(settingsFrame(settings).subarray(8)), { code: 'protocol.violation' }));
}

test('what later settings say more is passed over', () => {
  const longer = Buffer.concat([settingsFrame({ version: 2, window: 5, streams: 6 }).subarray(8), Buffer.from('more')]);
  assert.deepEqual(readSettings(longer), { version: 2, window: 5, streams: 6 });
});

test('a reason that is too long keeps whole characters, one that is no UTF-8 becomes readable', () => {
  const [long] = read([closeFrame(0, `${'a'.repeat(1019)}ü`)]);
  assert.ok(long);
  assert.deepEqual(readClose(long.payload), { code: 0, reason: 'a'.repeat(1019) });
  assert.deepEqual(readClose(Buffer.from('00000001fffe41', 'hex')), { code: 1, reason: '\ufffd\ufffdA' });
});

test('a frame that is a part is told by its number, the rest of data is not', () => {
  const reader = new FrameReader({ data() {}, frame() {} });
  assert.equal(reader.unfinished, undefined);
  reader.feed(Buffer.alloc(3));
  assert.equal(reader.unfinished, 0);
  reader.feed(Buffer.from('00 05 000000'.replaceAll(' ', ''), 'hex'));
  assert.equal(reader.unfinished, undefined);
  reader.feed(closeFrame(1, 'x').subarray(0, 10));
  assert.equal(reader.unfinished, 1);
  reader.feed(Buffer.concat([closeFrame(1, 'x').subarray(10), header(FRAME.data, 1, 9), Buffer.of(1)]));
  assert.equal(reader.unfinished, undefined);
});

function bytesOf({ type, id, payload }: Frame): Buffer {
  return Buffer.concat([header(type, id, payload.length), payload]);
}

function read(pieces: readonly Buffer[]): Frame[] {
  const frames: Frame[] = [];
  const reader = new FrameReader({
    data: (id, payload) => void frames.push({ type: FRAME.data, id, payload }),
    frame: (type, id, payload) => void frames.push({ type, id, payload }),
  });
  for (const piece of pieces) reader.feed(piece);
  return frames;
}

/** Data arrives in pieces: what counts is their sum. */
function joined(frames: readonly Frame[]): string[] {
  const said: { type: number; id: number; hex: string }[] = [];
  for (const { type, id, payload } of frames) {
    const last = said.at(-1);
    if (type === FRAME.data && last?.type === FRAME.data && last.id === id) last.hex += payload.toString('hex');
    else said.push({ type, id, hex: payload.toString('hex') });
  }
  return said.map(({ type, id, hex }) => `${type} ${id} ${hex}`);
}
