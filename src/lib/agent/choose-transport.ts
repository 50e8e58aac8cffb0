// Which transport an agent dials next, and why: QUIC first, TLS where QUIC does not get through (architecture.md, decision 3). Pure.
import { LIMITS } from '../base/limits.ts';

export const TRANSPORT_CHOICES = ['auto', 'quic', 'tls'] as const;
export type TransportChoice = (typeof TRANSPORT_CHOICES)[number];

/** What is known before anything was dialled. */
export interface Round {
  readonly choice: TransportChoice;
  /** Stock gateways have no way over TLS. */
  readonly hasTls: boolean;
  /** Why QUIC does not come first this time; undefined: it does. */
  readonly distrust: string | undefined;
}

export type Attempt = { readonly state: 'untried' } | { readonly state: 'trying'; readonly since: number } | { readonly state: 'failed'; readonly why: string };

export interface Attempts {
  readonly quic: Attempt;
  readonly tls: Attempt;
}

/** `reason` is what people are told; null where QUIC was simply the first choice. */
export type Step =
  | { readonly step: 'dial'; readonly transport: 'quic' | 'tls'; readonly reason: string | null }
  | { readonly step: 'wait'; readonly until: number | undefined }
  | { readonly step: 'give up' };

const WAIT: Step = { step: 'wait', until: undefined };

/**
 * Any failure of QUIC brings TLS at once: one that TLS does not cure, a refused certificate, costs no more than a second refusal.
 * `now` and `since` in monotonic ms.
 */
export function nextStep({ choice, hasTls, distrust }: Round, { quic, tls }: Attempts, now: number): Step {
  if (choice === 'tls') return alone('tls', tls, '--transport tls');
  if (choice === 'quic') return alone('quic', quic, null);
  if (!hasTls) return alone('quic', quic, null);
  if (distrust !== undefined) return tls.state === 'failed' ? alone('quic', quic, null) : alone('tls', tls, distrust);
  if (quic.state === 'untried') return { step: 'dial', transport: 'quic', reason: null };
  if (tls.state !== 'untried') return quic.state === 'failed' && tls.state === 'failed' ? { step: 'give up' } : WAIT;
  if (quic.state === 'failed') return { step: 'dial', transport: 'tls', reason: quic.why };
  const until = quic.since + LIMITS.quicHeadStartMs;
  if (now < until) return { step: 'wait', until };
  return { step: 'dial', transport: 'tls', reason: `QUIC did not complete within ${LIMITS.quicHeadStartMs / 1000} s` };
}

function alone(transport: 'quic' | 'tls', { state }: Attempt, reason: string | null): Step {
  if (state === 'untried') return { step: 'dial', transport, reason };
  return state === 'trying' ? WAIT : { step: 'give up' };
}
