// Renews an agent's certificate over the control stream (A13): asked when a third of its life is left, again later when it was refused; a silent gateway hangs nothing.

import { unlessAborted, within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { certificateFacts } from '../pki/certificate-facts.ts';
import { renewalDue } from '../pki/renewal.ts';
import type { CertRenewalGranted, CertRenewalRefused, CertRenewalRequest } from '../protocol/messages.ts';

export interface Renewable {
  readonly privateKeyPem: string;
  readonly certificatePem: string;
  /** The CN of the request. */
  readonly name: string;
  /** Checks what was granted, then stores it. Error `certificate.refused`. */
  adopt(granted: CertRenewalGranted): Promise<void>;
}

type Answer = CertRenewalGranted | CertRenewalRefused;

/** protocol.md, the reference's own patience. */
const ANSWER_MS = 30_000;
/** Timers hold 24 days at most, and the wall clock may be set: looked at again at least this often. */
const LOOK_AGAIN_MS = 3_600_000;
const RETRY_LEAST_MS = 60_000;

export class Renewal {
  readonly #renewable: Renewable;
  readonly #send: (request: CertRenewalRequest) => Promise<void>;
  readonly #world: World;
  #waiting: ((answer: Answer) => void) | undefined;

  constructor(renewable: Renewable, send: (request: CertRenewalRequest) => Promise<void>, world: World) {
    this.#renewable = renewable;
    this.#send = send;
    this.#world = world;
  }

  /** From the control stream. One that nobody waits for any more means nothing. */
  answered(answer: Answer): void {
    this.#waiting?.(answer);
  }

  /** Resolves with true once a new certificate is stored, with false when the signal aborts. */
  async run(signal: AbortSignal): Promise<boolean> {
    const { clock, random, log } = this.#world;
    const { notBefore, notAfter } = certificateFacts(this.#renewable.certificatePem);
    while (!signal.aborted) {
      const now = clock.now();
      const verdict = renewalDue(notBefore, notAfter, now);
      if (!verdict.due) {
        await clock.sleep(Math.min(verdict.askAgainAt - now, LOOK_AGAIN_MS), signal);
        continue;
      }
      try {
        await this.#renew(signal);
        log.info({ agent: this.#renewable.name }, 'certificate renewed');
        return true;
      } catch (error) {
        if (signal.aborted) return false;
        log.warn({ error, not_after: new Date(notAfter).toISOString() }, 'certificate not renewed');
      }
      // More often towards the end, never all agents at once.
      const pause = Math.min(LOOK_AGAIN_MS, Math.max(RETRY_LEAST_MS, (notAfter - now) / 10));
      await clock.sleep(pause * (0.5 + random.fraction()), signal);
    }
    return false;
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { privateKeyPem, name } = this.#renewable;
    const { makeCsr } = await import('../pki/csr.ts');
    const csrPem = await makeCsr(privateKeyPem, name);
    const silent = () => new TunnelError('gateway.silent', `the gateway did not answer the renewal within ${ANSWER_MS / 1000} s`);
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#waiting = resolve;
    try {
      const answer = await within(this.#world.clock, ANSWER_MS, silent, signal, async (waiting) => {
        await unlessAborted(this.#send({ kind: 'cert-renewal-request', csrPem }), waiting);
        return await unlessAborted(promise, waiting);
      });
      if (answer.kind === 'cert-renewal-refused') throw new TunnelError('certificate.refused', `the gateway refused the renewal: ${answer.reason}`);
      await this.#renewable.adopt(answer);
    } finally {
      this.#waiting = undefined;
    }
  }
}
