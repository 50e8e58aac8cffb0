// Renews an agent's certificate over the control stream (A13): asked when a third of its life is left, again later when it was refused; a silent gateway hangs nothing.

import { unlessAborted, within } from '../base/deadline.ts';
import { isErrorCode, TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';
import type { World } from '../base/world.ts';
import { certificateFacts } from '../pki/certificate-facts.ts';
import { generateKeyPem } from '../pki/keys.ts';
import { renewalDue } from '../pki/renewal.ts';
import { type RenewalPace, renewalPace, type Validity } from '../pki/renewal-pace.ts';
import type { CertRenewalGranted, CertRenewalRefused, CertRenewalRequest } from '../protocol/messages.ts';

/** The identity with which the link was made. */
export interface Renewable {
  readonly privateKeyPem: string;
  readonly certificatePem: string;
  /** The CN of the request. */
  readonly name: string;
  /** Aborts when another certificate has taken its place, whoever asked for that. */
  readonly superseded: AbortSignal;
  /** Checks what was granted for that key, then stores both. Errors `certificate.refused`, `file.failed`. */
  adopt(granted: CertRenewalGranted, privateKeyPem: string): Promise<void>;
  /** A renewal that was due came to nothing; it is tried again. */
  notRenewed(error: unknown): void;
}

/** Where the requests go. */
export interface RenewalStream {
  readonly version: 1 | 2;
  send(request: CertRenewalRequest): Promise<void>;
}

type Answer = CertRenewalGranted | CertRenewalRefused;

export class Renewal {
  readonly #renewable: Renewable;
  readonly #stream: RenewalStream;
  readonly #world: World;
  readonly #validity: Validity;
  readonly #pace: RenewalPace;
  #waiting: ((answer: Answer) => void) | undefined;
  /** One request at a time. */
  #last: Promise<void> = Promise.resolve();
  readonly #wanted = new AbortController();

  constructor(renewable: Renewable, stream: RenewalStream, world: World) {
    this.#renewable = renewable;
    this.#stream = stream;
    this.#world = world;
    this.#validity = certificateFacts(renewable.certificatePem);
    this.#pace = renewalPace(this.#validity);
  }

  /** From the control stream. One that nobody waits for any more means nothing. */
  answered(answer: Answer): void {
    this.#waiting?.(answer);
  }

  /** Whatever its age: the gateway's CA was replaced. The gateway does not ask all its agents at once. */
  dueNow(): void {
    this.#wanted.abort();
  }

  /** Resolves with true once another certificate is in force than the link was made with, with false when the signal aborts. */
  async run(signal: AbortSignal): Promise<boolean> {
    const { clock, random, log } = this.#world;
    const { superseded, name } = this.#renewable;
    const over = AbortSignal.any([signal, superseded]);
    const disturbed = AbortSignal.any([over, this.#wanted.signal]);
    const { notBefore, notAfter } = this.#validity;
    let spread = false;
    while (!over.aborted) {
      const left = notAfter - clock.now();
      const verdict = renewalDue(notBefore, notAfter, clock.now());
      const wanted = this.#wanted.signal.aborted;
      if (!verdict.due && !wanted) {
        spread = false;
        await clock.sleep(Math.min(verdict.askAgainAt - clock.now(), this.#pace.lookAgainMs), disturbed);
        continue;
      }
      if (!spread && !wanted) {
        spread = true;
        const wait = random.fraction() * Math.min(this.#pace.spreadMs, Math.max(0, left / 10));
        if (wait > 0) await clock.sleep(wait, disturbed);
        continue;
      }
      try {
        await this.renew({ rotateKey: false }, signal);
        log.info({ agent: name }, 'certificate renewed');
        return true;
      } catch (error) {
        if (over.aborted) break;
        log.warn({ error, not_after: new Date(notAfter).toISOString() }, 'certificate not renewed');
        this.#renewable.notRenewed(error);
        await clock.sleep(this.#pause(error, wanted, notAfter - clock.now()) * (0.5 + random.fraction()), over);
      }
    }
    return !signal.aborted;
  }

  /**
   * Asks once, now, and stores what was granted. Errors: `gateway.silent`, `certificate.refused`, `limit.reached`, `protocol.unsupported` for a new key on version 1,
   * `file.failed`; an abort rejects with the signal's reason.
   */
  async renew({ rotateKey }: { readonly rotateKey: boolean }, signal: AbortSignal): Promise<void> {
    if (rotateKey && this.#stream.version === 1) {
      throw new TunnelError('protocol.unsupported', 'this gateway speaks version 1, which cannot change the key of an agent', {
        hint: 'Enrol again with a new string: that makes a new key.',
      });
    }
    const before = this.#last;
    const asking = before.then(() => this.#ask(rotateKey, signal));
    this.#last = asking.catch(() => {});
    await asking;
  }

  async #ask(rotateKey: boolean, signal: AbortSignal): Promise<void> {
    const { privateKeyPem: currentKeyPem, name, superseded, adopt } = this.#renewable;
    signal.throwIfAborted();
    if (superseded.aborted) throw new TunnelError('limit.reached', 'this certificate was renewed a moment ago', { hint: 'Try again in a moment.' });
    const privateKeyPem = rotateKey ? await generateKeyPem() : currentKeyPem;
    const { makeCsr } = await import('../pki/csr.ts');
    const csrPem = await makeCsr(privateKeyPem, name);
    const { answerMs } = this.#pace;
    const silent = () => new TunnelError('gateway.silent', `the gateway did not answer the renewal within ${answerMs / 1000} s`);
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#waiting = resolve;
    try {
      const answer = await within(this.#world.clock, answerMs, silent, signal, async (waiting) => {
        await unlessAborted(this.#stream.send({ kind: 'cert-renewal-request', csrPem, ...(rotateKey && { newKey: true }) }), waiting);
        return await unlessAborted(promise, waiting);
      });
      if (answer.kind === 'cert-renewal-refused') throw refused(answer);
      await adopt(answer, privateKeyPem);
    } finally {
      this.#waiting = undefined;
    }
  }

  /**
   * A window ends sooner than a certificate, and who came too soon is told how soon. Else more often towards the end, and after it as often as before: the gateway's clock
   * decides, ours may be wrong.
   */
  #pause(error: unknown, wanted: boolean, left: number): number {
    const { lookAgainMs, retryLeastMs, leastBetweenMs } = this.#pace;
    if (error instanceof TunnelError && error.code === 'limit.reached') return 2 * leastBetweenMs;
    if (wanted) return retryLeastMs;
    return left <= 0 ? lookAgainMs : Math.min(lookAgainMs, Math.max(retryLeastMs, left / 10));
  }
}

function refused({ reason, code = '' }: CertRenewalRefused): TunnelError {
  const known = isErrorCode(code) ? code : 'certificate.refused';
  return new TunnelError(known, `the gateway refused the renewal: ${escapeText(reason)}`, {
    hint: known === 'limit.reached' ? 'Try again in a moment.' : undefined,
    remote: true,
  });
}
