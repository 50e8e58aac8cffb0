import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CONNECTION_ID_BYTES, idKey, readHeader, readInitialToken, versionNegotiation } from './packet.ts';

const bytes = (...parts: (number[] | Uint8Array)[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
const ids = [[8], [1, 2, 3, 4, 5, 6, 7, 8], [3], [9, 9, 9]] as const;
const initial = (token: number[]) => bytes([0xc0, 0, 0, 0, 1], ...ids.map((part) => [...part]), token, [0, 0]);

test('an Initial is read up to its token', () => {
  const datagram = initial([2, 77, 78]);
  const header = readHeader(datagram);
  assert.ok(header?.form === 'long');
  assert.deepEqual([header.version, header.initial, [...header.destination], [...header.source]], [1, true, [1, 2, 3, 4, 5, 6, 7, 8], [9, 9, 9]]);
  assert.deepEqual([...(readInitialToken(datagram, header) ?? [])], [77, 78]);
});

for (const [what, token, expected] of [
  ['empty', [0], []],
  ['of two length bytes', [0x40, 1, 5], [5]],
  ['that runs past the end', [20], undefined],
  ['with a length of four bytes', [0x80, 0, 0, 1, 5], undefined],
  ['with half a length', [0x40], undefined],
] as const) {
  test(`a token ${what}`, () => {
    const datagram = initial([...token]).subarray(0, what === 'with half a length' ? -2 : undefined);
    const header = readHeader(datagram);
    assert.ok(header?.form === 'long');
    const read = readInitialToken(datagram, header);
    assert.deepEqual(read && [...read], expected);
  });
}

test('the types of long header are told apart', () => {
  for (const [first, isInitial] of [
    [0xc0, true],
    [0xcf, true],
    [0xd0, false], // 0-RTT
    [0xe0, false], // Handshake
    [0xf0, false], // Retry
    [0x80, false], // fixed bit missing
  ] as const) {
    const header = readHeader(bytes([first], initial([0]).subarray(1)));
    assert.ok(header?.form === 'long');
    assert.equal(header.initial, isInitial, first.toString(16));
  }
});

test('a short header has its id where we put ours, and the fixed bit', () => {
  const header = readHeader(bytes([0x40], new Uint8Array(CONNECTION_ID_BYTES).fill(3), [0]));
  assert.ok(header?.form === 'short');
  assert.equal(idKey(header.destination), '\u0003'.repeat(CONNECTION_ID_BYTES));
  assert.equal(readHeader(bytes([0x40], new Uint8Array(CONNECTION_ID_BYTES - 1))), undefined);
  assert.equal(readHeader(bytes([0x00], new Uint8Array(40))), undefined);
});

test('the probe of the reference is answered with our version and its id (reference.md, 7)', () => {
  const probe = bytes([0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8, 0xde, 0xad, 0xbe, 0xef, 0xca, 0xfe, 0xba, 0xbe, 0], new Uint8Array(1185));
  const header = readHeader(probe);
  assert.ok(header?.form === 'long');
  assert.equal(Buffer.from(versionNegotiation(header, 0)).toString('hex'), 'c0000000000008deadbeefcafebabe00000001');
});

test('whatever comes, reading never throws, and an answer is never longer than 1200 bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700 }), (datagram) => {
      const header = readHeader(datagram);
      if (header?.form !== 'long') return;
      readInitialToken(datagram, header);
      assert.ok(versionNegotiation(header, 255).length <= 1200);
    }),
  );
});
