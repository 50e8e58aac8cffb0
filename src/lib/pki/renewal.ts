// When a certificate is renewed: as soon as a third of its life is left.
import { BACKDATED_MS } from './authority.ts';

/** All in ms since 1970. The minutes before its issue that a certificate is dated back are no part of its life: one of a minute would always be due. */
export function renewalDue(notBefore: number, notAfter: number, now: number): { due: true } | { due: false; askAgainAt: number } {
  const dated = notAfter - notBefore;
  const life = dated > BACKDATED_MS ? dated - BACKDATED_MS : dated;
  const threshold = notAfter - life / 3;
  return now >= threshold ? { due: true } : { due: false, askAgainAt: threshold };
}
