// The probe against our own listener's answer, and against datagrams that are none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readHeader, versionNegotiation } from './packet.ts';
import { answersProbe, probePacket } from './probe.ts';

const ids = Uint8Array.from({ length: 16 }, (_, index) => index + 1);

test('a packet of 1200 bytes, answered by Version Negotiation with its ids swapped', () => {
  const packet = probePacket(ids);
  assert.equal(packet.length, 1200);
  const header = readHeader(packet);
  assert.ok(header?.form === 'long' && header.version === 0x1a2a3a4a);
  const answer = versionNegotiation(header, 0);
  assert.ok(answersProbe(answer, ids));
  assert.ok(!answersProbe(answer, ids.toReversed()), 'the answer to another packet');
  assert.ok(!answersProbe(packet, ids), 'our own packet, sent back');
  for (let length = 0; length < answer.length; length += 1) assert.ok(length >= 23 || !answersProbe(answer.subarray(0, length), ids));
});
