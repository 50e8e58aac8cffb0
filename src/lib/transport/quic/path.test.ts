import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LARGEST_PACKET_BYTES } from './packet.ts';
import { canonical, packetBytesFor } from './path.ts';

const own = [{ address: '198.51.100.7', family: 4 }] as const;
for (const [address, bytes] of [
  ['127.0.0.1', LARGEST_PACKET_BYTES],
  ['::1', LARGEST_PACKET_BYTES],
  ['::ffff:127.0.0.5', LARGEST_PACKET_BYTES],
  ['198.51.100.7', LARGEST_PACKET_BYTES],
  ['198.51.100.8', 1350],
  ['2001:db8::1', 1350],
] as const) {
  test(`packets to ${address} have ${bytes} bytes`, () => assert.equal(packetBytesFor({ address, port: 1 }, own), bytes));
}

test('addresses are spelt as sockets report them', () => {
  assert.equal(canonical({ address: '2001:DB8:0::0:1', port: 1 }).address, '2001:db8::1');
  assert.equal(canonical({ address: 'fe80::1%eth0', port: 1 }).address, 'fe80::1%eth0');
});
