import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ControlForEdge } from './contract.ts';
import { callControl, FromEdgeMessage } from './contract-schema.ts';

const ID = '11111111-0000-4000-8000-000000000001';
const REMOTE = { address: '192.0.2.1', port: 4433 };

/** Keeps what it was called with. */
function listening(): { control: ControlForEdge; heard: unknown[] } {
  const heard: unknown[] = [];
  const note = async (...args: unknown[]) => void heard.push(args);
  const control = Object.fromEntries(Object.keys(GOOD).map((method) => [method, note])) as unknown as ControlForEdge;
  return { control, heard };
}

const GOOD: { readonly [Method in keyof ControlForEdge]: readonly Parameters<ControlForEdge[Method]>[] } = {
  admit: [[{ certificate: Uint8Array.of(1, 2), protocol: 2, transport: 'tls', remote: REMOTE }]],
  refused: [[{ transport: 'quic', remote: REMOTE, reason: 'expired' }]],
  introduce: [[ID, { software: 'tunnel/1', os: 'linux', arch: 'x64', hostname: 'web1', transportReason: 'QUIC first', instance: ID }]],
  advertise: [[ID, { epoch: 2n ** 64n - 1n, subnets: ['10.0.0.0/8'], names: [{ name: 'db.example', autoDetected: true }] }]],
  alive: [[ID]],
  unlink: [[ID, 'ended']],
  authorise: [[{ sessionToken: 'a.b.c', target: '10.0.0.1:22', remote: REMOTE, connection: ID }], [{ sessionToken: '', target: '', remote: REMOTE }]],
  attach: [[{ sessionToken: 'a.b.c', connection: ID }]],
  detach: [[ID]],
  renew: [[ID, { csrPem: '-----BEGIN CERTIFICATE REQUEST-----', newKey: false }]],
  report: [
    [{ kind: 'opened', channelId: ID, sessionId: ID, agent: 'web1', target: '10.0.0.1:22', address: null }],
    [{ kind: 'refused', channelId: ID, sessionId: ID, agent: 'web1', target: '10.0.0.1:22', code: 'target.refused', reason: 'no', last: true }],
    [{ kind: 'ended', channelId: ID, sessionId: ID, bytesUp: 2 ** 40, bytesDown: 0, reason: 'ended' }],
  ],
};

const METHODS = Object.keys(GOOD) as (keyof ControlForEdge)[];

test('what an edge may say arrives as it was said, every field of it', async () => {
  for (const method of METHODS) {
    for (const args of GOOD[method]) {
      const { control, heard } = listening();
      await callControl(control, method, args);
      assert.deepEqual(heard, [args], method);
    }
  }
});

test('anything else is a violation and reaches nobody', async () => {
  const wrong: readonly [keyof ControlForEdge, readonly unknown[]][] = [
    ['alive', []],
    ['alive', [1]],
    ['alive', [ID, ID]],
    ['alive', ['x'.repeat(101)]],
    ['admit', [{ certificate: [1, 2], protocol: 2, transport: 'quic', remote: REMOTE }]],
    ['admit', [{ certificate: Uint8Array.of(1), protocol: 3, transport: 'quic', remote: REMOTE }]],
    ['refused', [{ transport: 'quic', remote: REMOTE }]],
    ['advertise', [ID, { epoch: 1, subnets: [], names: [] }]],
    ['advertise', [ID, { epoch: 1n, subnets: Array(1001).fill('10.0.0.0/8'), names: [] }]],
    ['authorise', [{ sessionToken: 'x'.repeat(20_000), target: '', remote: REMOTE }]],
    ['report', [{ kind: 'ended', channelId: ID, sessionId: ID, bytesUp: -1, bytesDown: 0, reason: '' }]],
    ['report', [{ kind: 'refused', channelId: ID, sessionId: ID, agent: 'web1', target: '', code: 'made-up', reason: '', last: true }]],
  ];
  for (const [method, args] of wrong) {
    const { control, heard } = listening();
    await assert.rejects(
      callControl(control, method, args),
      { code: 'protocol.violation' },
      JSON.stringify([method, args], (_key, value) => String(value)).slice(0, 100),
    );
    assert.deepEqual(heard, []);
  }
});

test('no message whatever is more than refused', () => {
  fc.assert(fc.property(fc.anything({ withBigInt: true, withMap: true, withTypedArray: true }), (message) => void FromEdgeMessage.safeParse(message)));
  for (const message of [
    { kind: 'call', id: 1, method: 'constructor', arguments: [] },
    { kind: 'call', id: 1, method: 'lost', arguments: [] },
    { kind: 'beat', rssBytes: -1, lateMs: 0 },
    { kind: 'tell', method: 'unlink', arguments: [] },
  ])
    assert.equal(FromEdgeMessage.safeParse(message).success, false);
});
