// The rule of `--transport`, as a table.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Attempt, nextStep, type Round, type Step } from './choose-transport.ts';

const auto: Round = { choice: 'auto', hasTls: true, distrust: undefined };
const untried: Attempt = { state: 'untried' };
const trying: Attempt = { state: 'trying', since: 1000 };
const failed: Attempt = { state: 'failed', why: 'no native binary for linux-arm64' };
const wait: Step = { step: 'wait', until: undefined };
const quic: Step = { step: 'dial', transport: 'quic', reason: null };
const tls = (reason: string): Step => ({ step: 'dial', transport: 'tls', reason });

for (const [what, round, attempts, now, expected] of [
  ['QUIC begins', auto, [untried, untried], 1000, quic],
  ['its head start', auto, [trying, untried], 1000, { step: 'wait', until: 2500 }],
  ['the last moment of it', auto, [trying, untried], 2499, { step: 'wait', until: 2500 }],
  ['the head start is over', auto, [trying, untried], 2500, tls('QUIC did not complete within 1.5 s')],
  ['QUIC failed at once', auto, [failed, untried], 1001, tls('no native binary for linux-arm64')],
  ['both on their way', auto, [trying, trying], 9000, wait],
  ['QUIC failed, TLS on its way', auto, [failed, trying], 9000, wait],
  ['TLS failed, QUIC on its way', auto, [trying, failed], 9000, wait],
  ['both failed', auto, [failed, failed], 9000, { step: 'give up' }],
  ['a stock gateway', { ...auto, hasTls: false }, [untried, untried], 0, quic],
  ['a stock gateway, later', { ...auto, hasTls: false }, [trying, untried], 9000, wait],
  ['a stock gateway, no more', { ...auto, hasTls: false }, [failed, untried], 9000, { step: 'give up' }],
  ['distrust', { ...auto, distrust: 'lost in silence' }, [untried, untried], 0, tls('lost in silence')],
  ['distrust, waiting', { ...auto, distrust: 'lost in silence' }, [untried, trying], 9000, wait],
  ['distrust, but TLS failed', { ...auto, distrust: 'lost in silence' }, [untried, failed], 0, quic],
  ['distrust, both failed', { ...auto, distrust: 'lost in silence' }, [failed, failed], 0, { step: 'give up' }],
  ['forced QUIC', { ...auto, choice: 'quic' }, [untried, untried], 0, quic],
  ['forced QUIC waits', { ...auto, choice: 'quic' }, [trying, untried], 9000, wait],
  ['forced QUIC fails', { ...auto, choice: 'quic' }, [failed, untried], 9000, { step: 'give up' }],
  ['forced TLS', { ...auto, choice: 'tls' }, [untried, untried], 0, tls('--transport tls')],
  ['forced TLS fails', { ...auto, choice: 'tls' }, [untried, failed], 0, { step: 'give up' }],
] as const satisfies readonly (readonly [string, Round, readonly [Attempt, Attempt], number, Step])[]) {
  test(what, () => assert.deepEqual(nextStep(round, { quic: attempts[0], tls: attempts[1] }, now), expected));
}
