// Moments as people write them: a time, or how long ago it was.
import { parseDuration } from '../base/duration.ts';
import { TunnelError } from '../base/errors.ts';

const TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/;

/** RFC 3339 in UTC of `2026-01-31`, `2026-01-31T10:00:00Z`, or `2h` (before `now`, ms). Error `usage`, naming `field`. */
export function parseMoment(text: string | undefined, now: number, field: string): string | undefined {
  if (text === undefined) return undefined;
  const at = TIME.test(text) ? Date.parse(text) : /^\d+[a-z]+$/.test(text) ? now - parseDuration(text, field) : Number.NaN;
  if (!Number.isFinite(at) || at < 0) {
    throw new TunnelError('usage', `${field} is neither a time nor a duration: ${JSON.stringify(text.slice(0, 40))}`, {
      hint: 'Write 2026-01-31, 2026-01-31T10:00:00Z, or 2h for two hours ago.',
    });
  }
  return new Date(at).toISOString();
}
