import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatRoute, parseRoute } from '../routing/route.ts';
import { advertisementOf, offeredTexts, offerToV1, offerWithin } from './advertisement.ts';

const own = (...texts: string[]) => texts.map((text) => parseRoute(text));

for (const [what, subnets, names, wishes, offered, detected] of [
  [
    'without routes of its own: all that is assigned',
    ['10.0.0.0/24', 'fd00::/64'],
    ['*.corp.example'],
    { own: [], domain: undefined },
    ['10.0.0.0/24', 'fd00::/64', '*.corp.example'],
    null,
  ],
  [
    'with its own: what is in both',
    ['10.0.0.0/8'],
    ['*.corp.example'],
    { own: own('10.1.0.0/16', '192.168.0.0/16', 'db.corp.example'), domain: undefined },
    ['10.1.0.0/16', 'db.corp.example'],
    null,
  ],
  ['a wider wish gives the narrower allowance', ['10.1.0.0/16'], [], { own: own('10.0.0.0/8'), domain: undefined }, ['10.1.0.0/16'], null],
  ['a found domain that is not allowed is left out', ['10.0.0.0/8'], [], { own: own('10.1.0.0/16'), domain: 'corp.example' }, ['10.1.0.0/16'], null],
  [
    'a found domain that is allowed is offered',
    ['10.0.0.0/8'],
    ['*.corp.example'],
    { own: own('10.1.0.0/16'), domain: 'corp.example' },
    ['10.1.0.0/16', '*.corp.example'],
    '*.corp.example',
  ],
  ['a found domain below what is assigned anyway adds nothing', [], ['*.corp.example'], { own: [], domain: 'eu.corp.example' }, ['*.corp.example'], null],
  ['nothing assigned, nothing offered', [], [], { own: own('10.0.0.0/8'), domain: 'corp.example' }, [], null],
] as const) {
  test(`version 2, ${what}`, () => {
    const offer = offerWithin({ subnets, names }, wishes);
    assert.deepEqual(offer.routes.map(formatRoute), offered);
    assert.equal(offer.detected === undefined ? null : formatRoute(offer.detected), detected);
  });
}

test('version 1: a wildcard goes out beside its bare name, for released gateways', () => {
  const offer = offerToV1({ own: own('10.0.0.0/8', '*.corp.example', 'db.other.example'), domain: undefined });
  assert.deepEqual(advertisementOf(offer, 1n), {
    kind: 'route-advertise',
    epoch: 1n,
    subnets: ['10.0.0.0/8'],
    names: [
      { name: '*.corp.example', autoDetected: false },
      { name: 'corp.example', autoDetected: false },
      { name: 'db.other.example', autoDetected: false },
    ],
  });
});

test('version 1: a found domain goes out marked, in both forms, only without configured names', () => {
  const found = advertisementOf(offerToV1({ own: own('10.0.0.0/8'), domain: 'corp.example' }), 1n);
  assert.deepEqual(found.names, [
    { name: '*.corp.example', autoDetected: true },
    { name: 'corp.example', autoDetected: true },
  ]);
  assert.deepEqual(offeredTexts(found), ['10.0.0.0/8', '*.corp.example', 'corp.example']);
  assert.deepEqual(advertisementOf(offerToV1({ own: own('db.other.example'), domain: 'corp.example' }), 1n).names, [
    { name: 'db.other.example', autoDetected: false },
  ]);
});
