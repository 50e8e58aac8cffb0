// Which exit code a failure gets: one total table, printed in tunnel(1).
import type { Kind } from '../base/errors.ts';

export const EXIT_CODES: Readonly<Record<Kind, number>> = {
  failed: 1,
  usage: 2,
  unauthenticated: 3,
  forbidden: 4,
  'not-found': 5,
  unreachable: 6,
  timeout: 7,
  conflict: 8,
  limited: 9,
  interrupted: 130,
};

/** In words, for tunnel(1). */
export const EXIT_MEANINGS: Readonly<Record<Kind, string>> = {
  failed: 'It failed for another reason.',
  usage: 'Wrong usage: an unknown flag, an unreadable string, a bad target or name.',
  unauthenticated: 'Not authenticated: a used, expired, unknown or revoked string, a wrong pin, no login.',
  forbidden: 'Not allowed: by policy, or a file that others can read.',
  'not-found': 'Not found: no route, unknown agent or session.',
  unreachable: 'Unreachable: gateway, agent or target.',
  timeout: 'Timed out: gateway, agent or target stayed silent.',
  conflict: 'Conflict: a port in use, a name taken, a CA that exists.',
  limited: 'A limit was reached; try later.',
  interrupted: 'Interrupted by a signal.',
};

/** Each exit code with its words. */
export function exitMeanings(): [code: number, text: string][] {
  return Object.entries(EXIT_CODES).map(([kind, code]) => [code, EXIT_MEANINGS[kind as Kind]]);
}
