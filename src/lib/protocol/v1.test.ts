// Version 1 against the reference's golden frames, the codec laws, and what released agents really send.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { v1AgentMessage, v1ConnectRequest, v1ConnectResponse, v1GatewayMessage } from '../../../test/support/arbitrary-messages.ts';
import { codecLaws, isViolation } from '../../../test/support/codec-laws.ts';
import { LIMITS } from '../base/limits.ts';
import { encodeFrame, FrameDecoder } from './frame.ts';
import {
  type ConnectResponse,
  decodeConnectRequest,
  decodeConnectResponse,
  encodeConnectRequest,
  encodeConnectResponse,
  refusalOfText,
  refusalText,
} from './v1-connect.ts';
import { decodeV1FromAgent, decodeV1FromGateway, encodeV1Control, type V1ControlMessage } from './v1-control.ts';

const vectors = new Map(Object.entries<string>(JSON.parse(readFileSync(new URL('../../../test/support/protocol-v1-vectors.json', import.meta.url), 'utf8'))));

const agent = (message: V1ControlMessage) => ({ message, encode: () => encodeV1Control(message), decode: decodeV1FromAgent });
const gateway = (message: V1ControlMessage) => ({ message, encode: () => encodeV1Control(message), decode: decodeV1FromGateway });
const request = { sessionId: '00112233-4455-6677-8899-aabbccddeeff', target: '[fd00::1]:22' };
const response = (message: ConnectResponse) => ({ message, encode: () => encodeConnectResponse(message), decode: decodeConnectResponse });

const golden = new Map<string, { message: unknown; encode: () => Uint8Array; decode: (payload: Uint8Array) => unknown }>([
  ['heartbeat ts=1700000000000 active=3', agent({ kind: 'heartbeat', sentAtMs: 1_700_000_000_000n, streams: 3 })],
  ['heartbeat_ack ts=1700000000000', gateway({ kind: 'heartbeat-ack', sentAtMs: 1_700_000_000_000n })],
  [
    'route_advertise epoch=7 subnets=[10.1.0.0/16,192.168.7.0/24] domains=[*.contoso.local auto, db.contoso.local explicit]',
    agent({
      kind: 'route-advertise',
      epoch: 7n,
      subnets: ['10.1.0.0/16', '192.168.7.0/24'],
      names: [
        { name: '*.contoso.local', autoDetected: true },
        { name: 'db.contoso.local', autoDetected: false },
      ],
    }),
  ],
  ['route_advertise epoch=0 empty', agent({ kind: 'route-advertise', epoch: 0n, subnets: [], names: [] })],
  ['cert_renewal_request csr="CSR"', agent({ kind: 'cert-renewal-request', csrPem: 'CSR' })],
  ['cert_renewal_response success cert="A" ca="B"', gateway({ kind: 'cert-renewal-granted', certificatePem: 'A', caPem: 'B', sessionKeys: undefined })],
  ['cert_renewal_response error "no"', gateway({ kind: 'cert-renewal-refused', reason: 'no' })],
  [
    'connect_request tcp id=00112233-4455-6677-8899-aabbccddeeff target=[fd00::1]:22',
    { message: request, encode: () => encodeConnectRequest(request), decode: decodeConnectRequest },
  ],
  ['connect_response success', response({ connected: true })],
  ['connect_response error "refused"', response({ connected: false, reason: 'refused' })],
]);

test('every golden frame has its case', () => assert.deepEqual([...golden.keys()].sort(), [...vectors.keys()].sort()));

for (const [name, { message, encode, decode }] of golden) {
  test(`golden: ${name}`, () => {
    const hex = vectors.get(name) ?? assert.fail('no vector');
    assert.equal(Buffer.from(encodeFrame(encode(), LIMITS.controlFrameV1Bytes)).toString('hex'), hex);
    const { payload } = new FrameDecoder(LIMITS.controlFrameV1Bytes).take(Buffer.from(hex, 'hex'));
    assert.deepEqual(decode(payload ?? assert.fail('no frame')), { message, warnings: [] });
  });
}

codecLaws('v1 from agent', v1AgentMessage, { encode: encodeV1Control, decode: (payload) => decodeV1FromAgent(payload).message, ignoresTrailing: true });
codecLaws('v1 from gateway', v1GatewayMessage, { encode: encodeV1Control, decode: (payload) => decodeV1FromGateway(payload).message, ignoresTrailing: true });
codecLaws('v1 connect request', v1ConnectRequest, {
  encode: encodeConnectRequest,
  decode: (payload) => decodeConnectRequest(payload).message,
  ignoresTrailing: true,
});
codecLaws('v1 connect response', v1ConnectResponse, {
  encode: encodeConnectResponse,
  decode: (payload) => decodeConnectResponse(payload).message,
  ignoresTrailing: true,
});

function routes(...parts: (string | Uint8Array)[]): Uint8Array {
  return Buffer.concat([Buffer.from('0100010000000000000001', 'hex'), ...parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'hex') : part))]);
}

function name(text: string): Uint8Array {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes, Buffer.from([2])]);
}

test('host bits are masked, repeats dropped', () => {
  const { message } = decodeV1FromAgent(routes('00000002', '7f01020308', '7f00000008', '00000000'));
  assert.deepEqual(message, { kind: 'route-advertise', epoch: 1n, subnets: ['127.0.0.0/8'], names: [] });
});

test('a prefix above 32 is an error that names the field', () => {
  assert.throws(() => decodeV1FromAgent(routes('00000001', '7f01020321', '00000000')), /route-advertise\.subnets\.prefix is above 32: 33/);
});

test('bad names are dropped with a warning, any flag but 0 is auto-detected', () => {
  const sent = ['DB.Contoso.local', 'bad..name', '*', 'bücher.example', 'x'.repeat(300), 'with space', 'db.contoso.local', '', 'trailing.', '_ldap._tcp.a'];
  const { message, warnings } = decodeV1FromAgent(routes('00000000', '0000000a', ...sent.map(name)));
  assert.deepEqual(message, {
    kind: 'route-advertise',
    epoch: 1n,
    subnets: [],
    names: [
      { name: 'db.contoso.local', autoDetected: true },
      { name: '_ldap._tcp.a', autoDetected: true },
    ],
  });
  assert.equal(warnings.length, 8);
});

test('routes beyond the limit are dropped and counted, the link stays', () => {
  const count = LIMITS.routesPerAgent + 3;
  const subnets = Array.from({ length: count }, (_, index) => Uint8Array.from([10, index >> 8, index & 255, 0, 24]));
  const { message, warnings } = decodeV1FromAgent(routes(`00000${count.toString(16)}`, ...subnets, '00000000'));
  assert.equal(message?.kind === 'route-advertise' && message.subnets.length, LIMITS.routesPerAgent);
  assert.deepEqual(warnings, [`route-advertise: 3 routes beyond the first ${LIMITS.routesPerAgent} dropped`]);
});

test('a count is checked against the bytes that remain before anything is kept', () => {
  assert.throws(() => decodeV1FromAgent(routes('ffffffff', '7f00000008')), /route-advertise\.subnets is truncated: 4294967295 announced/);
});

test('another version is ignored on the control stream and an error on a channel', () => {
  const heartbeat = Buffer.from('020009', 'hex');
  assert.deepEqual(decodeV1FromAgent(heartbeat), { message: undefined, warnings: ['heartbeat: version 9 ignored, only 1 is supported'] });
  assert.throws(() => decodeConnectRequest(Buffer.from('01000900', 'hex')), isViolation);
  assert.throws(() => decodeConnectResponse(Buffer.from('000009', 'hex')), isViolation);
});

test('the wrong direction is an error', () => {
  const ack = encodeV1Control({ kind: 'heartbeat-ack', sentAtMs: 1n });
  const beat = encodeV1Control({ kind: 'heartbeat', sentAtMs: 1n, streams: 0 });
  assert.throws(() => decodeV1FromAgent(ack), isViolation);
  assert.throws(() => decodeV1FromGateway(beat), isViolation);
});

test('what version 1 cannot say is not sent', () => {
  const base = { kind: 'route-advertise', epoch: 1n } as const;
  assert.throws(() => encodeV1Control({ ...base, subnets: ['fd00::/64'], names: [] }), isViolation);
  assert.throws(() => encodeV1Control({ ...base, subnets: [], names: [{ name: 'UPPER.example', autoDetected: false }] }), isViolation);
  assert.throws(() => encodeV1Control({ kind: 'heartbeat', sentAtMs: -1n, streams: 0 }), isViolation);
  assert.throws(() => encodeV1Control({ kind: 'heartbeat', sentAtMs: 1n, streams: 2 ** 32 }), isViolation);
  assert.throws(() => encodeConnectRequest({ sessionId: 'no uuid', target: 'a:1' }), isViolation);
});

for (const [text, code] of [
  ['TCP connect failed for 10.0.0.5:22: Connection refused (os error 111)', 'refused'],
  ['TCP connect failed for 10.0.0.5:22: No route to host (os error 113)', 'unreachable'],
  ['target ::1:22 is not in advertised subnets', 'not-routed'],
  ['target db:22 resolved to no address this agent advertises', 'not-routed'],
  ['resolve target db:22: failed to lookup address information', 'dns-failed'],
  ['timed out after 20s resolving or connecting to target', 'timed-out'],
  ['unsupported protocol version: unsupported protocol version 9 (supported: 1..=1)', 'bad-request'],
  ['something else: entirely', undefined],
  [refusalText('not-allowed', 'port 25 is not allowed'), 'not-allowed'],
] as const) {
  test(`a version 1 reason: ${text}`, () => assert.equal(refusalOfText(text), code));
}
