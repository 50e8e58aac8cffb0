import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TunnelError } from '../base/errors.ts';
import { followSessions } from './follow-sessions.ts';
import type { SessionRow } from './locks.ts';

function row(id: string, more: Partial<SessionRow> = {}): SessionRow {
  const time = '2026-01-01T00:00:00.000Z';
  const fixed = { operator: 'alice', agent: 'web1', agent_id: 'a', state: 'live', opened_at: time, ended_at: null, reason: null, targets: [] } as const;
  return { id, ...fixed, targets: [], tunnel_id: 't', idle_ends_at: time, longest_ends_at: null, lock: null, ...more };
}

test('what is live, then what opens, changes and ends, with its reason', async () => {
  const looks = [[row('a'), row('b')], [row('a', { idle_ends_at: '2026-01-01T00:15:00.000Z' }), row('b', { targets: ['10.0.0.5:22'] }), row('c')], [row('c')]];
  const stop = new AbortController();
  let look = 0;
  const client = {
    listSessions: async ({ after }: { after?: string | undefined }) => {
      const [first, ...rest] = looks[look] ?? [];
      return after === undefined && first ? { sessions: [first], next: 'more' } : { sessions: rest, next: null };
    },
    getSession: async (id: string) => {
      if (id === 'b') throw new TunnelError('session.unknown', 'its agent was deleted');
      return row(id, { state: 'ended', reason: 'idle' });
    },
  };
  const clock = {
    sleep: async () => {
      look += 1;
      if (look === looks.length) stop.abort(new TunnelError('interrupted', 'enough'));
    },
  };
  const seen: string[] = [];
  const follow = async () => {
    for await (const { change, session } of followSessions(client, clock, stop.signal)) seen.push(`${change} ${session.id} ${session.reason ?? ''}`.trim());
  };
  await assert.rejects(follow(), { code: 'interrupted' });
  assert.deepEqual(seen, ['live a', 'live b', 'changed b', 'live c', 'ended a idle', 'ended b']);
});
