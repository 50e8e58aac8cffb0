// What was cut, for whoever gave the order.
import type { CutAnswer } from '../api/locks.ts';

export function cutText({ links, sessions, channels }: CutAnswer): string {
  const parts = [counted(links, 'link'), counted(sessions, 'session'), counted(channels, 'channel')].filter((part) => part !== undefined);
  return parts.length === 0 ? 'nothing was running' : `cut ${parts.join(', ')}`;
}

function counted(many: number, what: string): string | undefined {
  return many === 0 ? undefined : `${many} ${what}${many === 1 ? '' : 's'}`;
}
