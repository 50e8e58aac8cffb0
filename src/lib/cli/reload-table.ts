// What a reload has changed, as people read it: for the gateway's and the agent's.
import type { ReloadAnswer } from '../api/config.ts';

export const RELOAD_COLUMNS = ['SETTING', 'BEFORE', 'AFTER', 'NOTE'];
export const NOTHING_CHANGED = 'nothing has changed';

const EFFECTS = { now: '', restart: 'waits for the next start', overridden: 'a flag or a variable of the running process goes before it' } as const;

export function reloadRows({ changes }: ReloadAnswer): string[][] {
  const shown = (value: string | null | readonly string[]) => (value === null ? '' : typeof value === 'string' ? value : value.join(', '));
  return changes.map(({ setting, before, after, effect }) => [setting, shown(before), shown(after), EFFECTS[effect]]);
}
