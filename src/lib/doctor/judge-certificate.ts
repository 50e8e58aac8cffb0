// How a certificate's life stands, for agent, gateway and CA. Pure.
import { endsSoon } from '../pki/renewal-pace.ts';
import type { Finding } from './step.ts';

const DAY_MS = 86_400_000;

interface Life {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** `hint` says how another is had. Times in ms since 1970. */
export function judgeCertificate(life: Life, now: number, hint: string): Finding {
  const until = new Date(life.notAfter).toISOString();
  const detail = { not_before: new Date(life.notBefore).toISOString(), not_after: until };
  if (now < life.notBefore)
    return {
      state: 'failed',
      code: 'certificate.refused',
      message: `is not valid before ${detail.not_before}`,
      hint: 'Is the clock of this machine right?',
      detail,
    };
  if (now >= life.notAfter) return { state: 'failed', code: 'certificate.expired', message: `ended ${until}`, hint, detail };
  const left = Math.floor((life.notAfter - now) / DAY_MS);
  const message = `valid until ${until}, ${left === 1 ? 'one day' : `${left} days`} left`;
  return endsSoon(life, now) ? { state: 'warning', code: 'certificate.expired', message, hint, detail } : { message, detail };
}
