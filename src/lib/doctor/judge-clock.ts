// Is this machine's clock right, as far as the gateway's `Date` tells? Pure.
import { formatDuration } from '../base/duration.ts';
import { LIMITS } from '../base/limits.ts';
import type { Finding } from './step.ts';

/** Fresh certificates are dated back by so much: a clock that is later behind refuses them. */
const BREAKS_MS = 5 * 60_000;
/** `Date` has whole seconds. */
const HALF_A_SECOND = 500;

/** `sentAt` and `receivedAt` are the wall clock around the question, in ms. */
export function judgeClock(date: string | undefined, sentAt: number, receivedAt: number): Finding {
  const theirs = Date.parse(date ?? '');
  if (Number.isNaN(theirs)) return { state: 'skipped', message: 'the gateway does not say what time it is' };
  const offMs = Math.round((sentAt + receivedAt) / 2 - theirs - HALF_A_SECOND);
  const detail = { off_ms: offMs };
  const off = Math.abs(offMs);
  if (off <= LIMITS.clockSkewMs) return { message: 'agrees with that of the gateway', detail };
  const how = `this clock is ${inWords(off)} ${offMs > 0 ? 'ahead of' : 'behind'} that of the gateway`;
  const hint = 'Set the clock: timedatectl set-ntp true; if this one is right, set that of the gateway.';
  return off > BREAKS_MS
    ? { state: 'failed', code: 'clock.wrong', message: how, hint, detail }
    : { state: 'warning', code: 'clock.wrong', message: how, hint, detail };
}

function inWords(ms: number): string {
  const unit = ms >= 2 * 86_400_000 ? 86_400_000 : ms >= 2 * 3_600_000 ? 3_600_000 : ms >= 120_000 ? 60_000 : 1000;
  return formatDuration(Math.round(ms / unit) * unit);
}
