// When a certificate is renewed: as soon as a third of its life is left.

/** All in ms since 1970. */
export function renewalDue(notBefore: number, notAfter: number, now: number): { due: true } | { due: false; askAgainAt: number } {
  const threshold = notAfter - (notAfter - notBefore) / 3;
  return now >= threshold ? { due: true } : { due: false, askAgainAt: threshold };
}
