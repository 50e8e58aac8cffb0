// Version 2: the codec laws, and the rules of its fields.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { channelOpen, channelResponse, v2AgentMessage, v2GatewayMessage } from '../../../test/support/arbitrary-messages.ts';
import { codecLaws, isViolation } from '../../../test/support/codec-laws.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { ERROR_OF_REFUSAL, fitReason, REASON_BYTES, REFUSAL_NUMBERS, type Refusal, refusalOf } from './refusal.ts';
import { decodeV2ChannelOpen, decodeV2ChannelResponse, encodeV2ChannelOpen, encodeV2ChannelResponse } from './v2-channel.ts';
import { decodeV2FromAgent, decodeV2FromGateway, encodeV2Control } from './v2-control.ts';

codecLaws('v2 from agent', v2AgentMessage, { encode: encodeV2Control, decode: decodeV2FromAgent, ignoresTrailing: false });
codecLaws('v2 from gateway', v2GatewayMessage, { encode: encodeV2Control, decode: decodeV2FromGateway, ignoresTrailing: false });
codecLaws('v2 channel open', channelOpen, { encode: encodeV2ChannelOpen, decode: decodeV2ChannelOpen, ignoresTrailing: false });
codecLaws('v2 channel response', channelResponse, { encode: encodeV2ChannelResponse, decode: decodeV2ChannelResponse, ignoresTrailing: false });

const BEAT = '02' + '01' + '00000008' + '0000018bcfe56800' + '02' + '00000004' + '00000003';
const bytes = (hex: string) => Buffer.from(hex, 'hex');

test('the layout of docs/protocol.md, byte for byte', () => {
  const message = { kind: 'heartbeat', sentAtMs: 1_700_000_000_000n, streams: 3 } as const;
  assert.equal(Buffer.from(encodeV2Control(message)).toString('hex'), BEAT);
  assert.deepEqual(decodeV2FromAgent(bytes(BEAT)), message);
  const routes = { kind: 'route-advertise', epoch: 1n, subnets: ['10.0.0.0/8', 'fd00::/64'], names: [{ name: '*.a.b', autoDetected: true }] } as const;
  const hex = `01 01 00000008 0000000000000001 02 00000018 04 0a000000 08 06 fd000000000000000000000000000000 40 03 0000000a 00000005 ${Buffer.from('*.a.b').toString('hex')} 01`;
  assert.equal(Buffer.from(encodeV2Control(routes)).toString('hex'), hex.replaceAll(' ', ''));
  const open = {
    kind: 'channel-open',
    sessionId: '00112233-4455-6677-8899-aabbccddeeff',
    channelId: '10112233-4455-6677-8899-aabbccddeeff',
    channel: 'tcp',
    target: 'a:22',
  } as const;
  const openHex = '20 01 00000010 00112233445566778899aabbccddeeff 02 00000010 10112233445566778899aabbccddeeff 03 00000001 01 04 00000004 613a3232';
  assert.equal(Buffer.from(encodeV2ChannelOpen(open)).toString('hex'), openHex.replaceAll(' ', ''));
});

for (const [what, hex, says] of [
  ['an unknown critical field', `${BEAT}8300000000`, /^heartbeat\.field 3 is critical and unknown$/],
  ['a missing required field', '02' + '01' + '00000008' + '0000018bcfe56800', /^heartbeat\.streams is missing$/],
  ['a field twice', `${BEAT}020000000400000003`, /^heartbeat\.streams stands twice$/],
  ['fields out of order', '02' + '02' + '00000004' + '00000003' + '01' + '00000008' + '0000018bcfe56800', /^heartbeat\.sentAtMs is out of order$/],
  ['a field longer than its type', '02' + '01' + '00000009' + '0000018bcfe5680000' + '02' + '00000004' + '00000003', /^heartbeat\.sentAtMs: 1 trailing bytes$/],
  ['a field longer than the message', '02' + '01' + 'ffffffff' + '00', /^heartbeat\.sentAtMs is truncated: 1 of 4294967295 bytes$/],
  ['field 0', `02${'00'}00000000`, /^heartbeat\.field 0 stands twice$/],
  ['an unknown tag', '7f', /^control message\.tag is unknown/],
  ['a message of the other side', '03' + '01' + '00000008' + '0000018bcfe56800', /^control message\.tag is unknown, or not for this side/],
  ['nothing', '', /^control message\.tag is truncated/],
  ['host bits', '0101000000080000000000000001020000000604 0a000001 08 0300000000', /^route-advertise\.subnets\.base has bits set below its prefix$/],
  [
    'a prefix above 128',
    '0101000000080000000000000001020000001206 fd000000000000000000000000000000 81 0300000000',
    /^route-advertise\.subnets\.prefix is above 128: 129$/,
  ],
  ['a family of 5', '01010000000800000000000000010200000001 05 0300000000', /^route-advertise\.subnets\.family is neither 4 nor 6: 5$/],
  ['a bad name', '010100000008000000000000000102000000000300000006 00000001 2a 00', /^route-advertise\.names has a bad name: "\*"$/],
  ['a flag of 2', '010100000008000000000000000102000000000300000006 00000001 61 02', /^route-advertise\.names\.autoDetected is neither 0 nor 1: 2$/],
  ['bad UTF-8', '040100000001ff', /^cert-renewal-request\.csrPem is not UTF-8$/],
] as const) {
  test(`refused, naming the field: ${what}`, () => {
    assert.throws(
      () => decodeV2FromAgent(bytes(hex.replaceAll(' ', ''))),
      (error) => (isViolation(error) && says.test((error as Error).message) ? true : assert.fail(String(error))),
    );
  });
}

test('what a hello may leave out stands behind what peers without it read', () => {
  const base = { kind: 'hello', software: 's', os: 'o', arch: 'a', hostname: 'h', capabilities: [] } as const;
  const text = (id: string, value: string) => `${id} ${Buffer.from([0, 0, 0, value.length]).toString('hex')} ${Buffer.from(value).toString('hex')}`;
  const hex = `07 ${text('01', 's')} ${text('02', 'o')} ${text('03', 'a')} ${text('04', 'h')} ${text('05', '')}`;
  assert.equal(Buffer.from(encodeV2Control(base)).toString('hex'), hex.replaceAll(' ', ''));
  const whole = { ...base, transportReason: 'UDP is shut', instance: 'i1' };
  const wholeHex = `${hex} ${text('06', 'UDP is shut')} ${text('07', 'i1')}`.replaceAll(' ', '');
  assert.equal(Buffer.from(encodeV2Control(whole)).toString('hex'), wholeHex);
  assert.deepEqual(decodeV2FromAgent(bytes(wholeHex)), whole);
});

test('what a channel took stands behind what peers without it read', () => {
  const base = { kind: 'channel-accept', address: 'a:1' } as const;
  const plain = '21 01 00000003 613a31'.replaceAll(' ', '');
  assert.equal(Buffer.from(encodeV2ChannelResponse(base)).toString('hex'), plain);
  assert.equal(
    Buffer.from(encodeV2ChannelResponse({ ...base, resolveUs: 1200, connectUs: 300 })).toString('hex'),
    `${plain}0500000004000004b006000000040000012c`,
  );
  const refused = '22 01 00000001 03 02 00000002 6e6f 03 00000004 000004b0'.replaceAll(' ', '');
  assert.equal(Buffer.from(encodeV2ChannelResponse({ kind: 'channel-refuse', code: 'dns-failed', reason: 'no', resolveUs: 1200 })).toString('hex'), refused);
});

test('a renewal for a new key says so behind what peers without it read', () => {
  const base = { kind: 'cert-renewal-request', csrPem: 'csr' } as const;
  const hex = '04 01 00000003 637372'.replaceAll(' ', '');
  assert.equal(Buffer.from(encodeV2Control(base)).toString('hex'), hex);
  const rotation = { ...base, newKey: true } as const;
  assert.equal(Buffer.from(encodeV2Control(rotation)).toString('hex'), `${hex}0200000000`);
  assert.deepEqual(decodeV2FromAgent(bytes(`${hex}0200000000`)), rotation);
  assert.throws(() => decodeV2FromAgent(bytes(`${hex}020000000101`)), /newKey: 1 trailing bytes$/);
});

test('an unknown field that is not critical is skipped', () => {
  assert.deepEqual(decodeV2FromAgent(bytes(`${BEAT}0300000002abcd7f00000000`)), decodeV2FromAgent(bytes(BEAT)));
});

test('text comes back as it was, a leading U+FEFF too', () => {
  const message = { kind: 'cert-renewal-request', csrPem: '\ufefftext\ufeff', newKey: undefined } as const;
  assert.deepEqual(decodeV2FromAgent(encodeV2Control(message)), message);
});

test('a known field may be marked critical', () => {
  assert.deepEqual(decodeV2FromAgent(bytes(BEAT.replace(/^0201/, '0281'))), decodeV2FromAgent(bytes(BEAT)));
});

test('more routes than the limit are refused on both sides', () => {
  const subnets = Array.from({ length: LIMITS.routesPerAgent + 1 }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`);
  assert.throws(() => encodeV2Control({ kind: 'route-advertise', epoch: 1n, subnets, names: [] }), isViolation);
  const items = Buffer.alloc(6 * 1001, Buffer.from('040a00000008', 'hex'));
  const hex = `01010000000800000000000000010200001776${items.toString('hex')}0300000000`;
  assert.throws(() => decodeV2FromAgent(bytes(hex)), /subnets has more than 1000 items/);
});

test('refusals and error codes: back and forth is the same refusal', () => {
  for (const code of Object.keys(REFUSAL_NUMBERS) as Refusal[]) {
    if (code === 'bad-request') continue; // An agent's fault by then: agent.failed.
    assert.equal(refusalOf(new TunnelError(ERROR_OF_REFUSAL[code], 'x')), code);
  }
});

test('a reason is cut to what a message carries, between characters', () => {
  const fitted = fitReason('\ud83d\ude00'.repeat(2000));
  assert.equal(Buffer.byteLength(fitted), REASON_BYTES);
  assert.ok(fitted.isWellFormed());
  assert.equal(fitReason('a\ud83d'), 'a\ufffd');
});
