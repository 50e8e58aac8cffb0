// Durations as people write them: 500ms, 30s, 15m, 1h, 30d.
import { TunnelError } from './errors.ts';

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof UNIT_MS;
const FORM = /^(\d{1,9})(ms|s|m|h|d)$/;

/** Milliseconds. Error `duration.malformed`, naming `field`. */
export function parseDuration(text: string, field = 'duration'): number {
  const [, digits, unit] = FORM.exec(text) ?? [];
  if (digits === undefined || unit === undefined) {
    throw new TunnelError('duration.malformed', `${field} is not a duration: ${JSON.stringify(text.slice(0, 40))}`, {
      hint: 'Write a whole number and a unit: 500ms, 30s, 15m, 1h, 30d.',
    });
  }
  return Number(digits) * UNIT_MS[unit as Unit];
}

/** The shortest exact spelling: 90_000 is 90s, 60_000 is 1m. */
export function formatDuration(ms: number): string {
  const units: Unit[] = ['d', 'h', 'm', 's'];
  const unit = units.find((candidate) => ms !== 0 && ms % UNIT_MS[candidate] === 0) ?? 'ms';
  return `${Math.round(ms / UNIT_MS[unit])}${unit}`;
}
