// The rows of sessions that count as live, read beside the gateway from its store.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Chain } from './chain.ts';

/** Those opened before `before`, in wall-clock ms. */
export function liveSessions({ gatewayFolder }: Pick<Chain, 'gatewayFolder'>, before = Number.MAX_SAFE_INTEGER): number {
  const database = new DatabaseSync(join(gatewayFolder, 'gateway.db'), { readOnly: true });
  try {
    const row = database.prepare("select count(*) as live from sessions where state = 'live' and opened_at < ?").get(before);
    return Number(row?.['live']);
  } finally {
    database.close();
  }
}
