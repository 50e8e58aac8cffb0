// The value of `--wait`.
import { parseDuration } from '../base/duration.ts';

/** Milliseconds; 0, a single attempt, where nothing was given. Error `duration.malformed`. */
export function parseWait(text: string | undefined): number {
  return text === undefined ? 0 : parseDuration(text, '--wait');
}
