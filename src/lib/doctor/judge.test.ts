// The judgements of single steps, as tables: clocks, certificates, versions, room on the disk, first bytes, whose a failure is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TunnelError } from '../base/errors.ts';
import { judgeRoom } from './check-gateway-folder.ts';
import { judgeVersions } from './examine.ts';
import { judgeFirstBytes, protocolOf, questionFor, type TargetProtocol } from './first-bytes.ts';
import { judgeCertificate } from './judge-certificate.ts';
import { judgeClock } from './judge-clock.ts';
import { ownerOf } from './owner.ts';

const NOON = Date.parse('2026-06-01T12:00:00Z');
const DATE = new Date(NOON).toUTCString();
const DAY = 86_400_000;

for (const [off, state, says] of [
  [0, undefined, /agrees/],
  [60_000, undefined, /agrees/],
  [-61_000, 'warning', /61s behind/],
  [300_000, 'warning', /5m ahead/],
  [301_000, 'failed', /5m ahead/],
  [-3_600_000, 'failed', /1h behind/],
  [DAY, 'failed', /1d ahead|24h ahead/],
  [-3 * DAY, 'failed', /3d behind/],
] as const) {
  test(`a clock that is off by ${off} ms`, () => {
    const found = judgeClock(DATE, NOON + 400 + off, NOON + 600 + off);
    assert.equal(found.state, state);
    assert.match(found.message, says);
    assert.equal(found.code, state && 'clock.wrong');
  });
}

test('a gateway that does not say what time it is', () => {
  for (const date of [undefined, 'yesterday']) assert.equal(judgeClock(date, NOON, NOON).state, 'skipped');
});

for (const [what, from, to, state, code] of [
  ['in the midst of its life', -30, 60, undefined, undefined],
  ['about to end', -88, 2, 'warning', 'certificate.expired'],
  ['ended', -91, -1, 'failed', 'certificate.expired'],
  ['not begun', 1, 91, 'failed', 'certificate.refused'],
] as const) {
  test(`a certificate that is ${what}`, () => {
    const found = judgeCertificate({ notBefore: NOON + from * DAY, notAfter: NOON + to * DAY }, NOON, 'renew it');
    assert.deepEqual([found.state, found.code], [state, code]);
  });
}

for (const [ours, theirs, state] of [
  ['0.2.1', '0.2.0', undefined],
  ['0.2.0', '0.3.0', 'warning'],
  ['1.4.0', '1.0.2', undefined],
  ['2.0.0', '1.9.9', 'warning'],
  ['0.2.0', undefined, 'warning'],
] as const) {
  test(`${ours} and a gateway of ${theirs}`, () => assert.equal(judgeVersions(ours, theirs).state, state));
}

test('room on the disk', () => {
  for (const [bytes, state] of [
    [0, 'failed'],
    [64 * 1024 ** 2, 'warning'],
    [10 * 1024 ** 3, undefined],
  ] as const)
    assert.equal(judgeRoom(bytes).state, state);
});

const RDP_ANSWER = Uint8Array.of(3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0, 8, 0, 2, 0, 0, 0);
for (const [protocol, bytes, ended, code] of [
  ['ssh', 'SSH-2.0-OpenSSH_9.6\r\n', false, undefined],
  ['ssh', 'HTTP/1.1 400 Bad Request\r\n', true, 'target.unexpected'],
  ['ssh', '', false, 'target.timed-out'],
  ['ssh', '', true, 'target.unexpected'],
  ['http', 'HTTP/1.1 503 Service Unavailable\r\n', false, undefined],
  ['http', '220 mail.example ESMTP\r\n', false, 'target.unexpected'],
  ['http', '\u0015\u0003\u0001', true, 'target.unexpected'],
  ['rdp', RDP_ANSWER, false, undefined],
  ['rdp', 'SSH-2.0-x\r\n', false, 'target.unexpected'],
  ['vnc', 'RFB 003.008\n', false, undefined],
  ['any', '', false, undefined],
  ['any', '', true, 'target.unexpected'],
  ['any', '220 mail.example ESMTP\r\n', false, undefined],
] as const) {
  test(`${protocol} is expected, and ${JSON.stringify(String(bytes))} comes${ended ? ', then the end' : ''}`, () => {
    assert.equal(judgeFirstBytes(protocol, { bytes: Buffer.from(bytes as string), ended }, 2000).code, code);
  });
}

test('what a target says never reaches a screen as it came', () => {
  const { message } = judgeFirstBytes('ssh', { bytes: Buffer.from('\u001b[2Jhello\r\n'), ended: false }, 2000);
  assert.ok(!message.includes('\u001b') && message.includes('hello'));
});

test('ports and questions', () => {
  const guessed: [number, TargetProtocol][] = [
    [22, 'ssh'],
    [443, 'https'],
    [3389, 'rdp'],
    [5432, 'any'],
  ];
  for (const [port, protocol] of guessed) assert.equal(protocolOf(port), protocol);
  assert.match(String(questionFor('http', 'web.example')), /^GET \/ HTTP\/1\.1\r\nHost: web\.example\r\n/);
  assert.equal(questionFor('rdp', 'x')?.length, 19);
  assert.equal(questionFor('ssh', 'x'), undefined);
});

test('whose a failure is', () => {
  const node = (code: string) => Object.assign(new Error(code), { code });
  const certificate = (code: string) =>
    new TunnelError('certificate.refused', 'no', { cause: new TunnelError('certificate.refused', 'no', { cause: node(code) }) });
  assert.equal(ownerOf(certificate('CERT_HAS_EXPIRED'), 'network'), 'gateway');
  assert.equal(ownerOf(certificate('SELF_SIGNED_CERT_IN_CHAIN'), 'gateway'), 'machine');
  const unreachable = (cause: TunnelError) => new TunnelError('gateway.unreachable', 'no', { cause });
  assert.equal(ownerOf(unreachable(new TunnelError('target.refused', 'no')), 'network'), 'gateway');
  assert.equal(ownerOf(unreachable(new TunnelError('target.unreachable', 'no')), 'network'), 'network');
  assert.equal(ownerOf(new TunnelError('policy.denied', 'no'), 'gateway'), 'policy');
});
