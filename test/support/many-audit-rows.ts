// A long audit log in a gateway's folder: a day of sessions and their channels as control writes them, chained by the store itself.
import type { AuditEvent } from '../../src/lib/audit/event.ts';
import type { DecisionRecord } from '../../src/lib/routing/decision.ts';
import { openStore } from '../../src/lib/store/open.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';

const DAY_MS = 86_400_000;
const ROWS_AT_ONCE = 1000;
const ROWS_A_TRANSACTION = 50_000;
const TRANSACTION_MS = 120_000;
const OPERATORS = 20;
const AGENTS = 50;

/** Rows of `of`; operators are `op0` to `op19`, agents `web0` to `web49`, targets `10.0.N.1` to `10.0.N.9` with port 22 of agent N. */
export function madeRow(of: number): AuditEvent {
  const visit = of >> 2;
  const [operator, agent] = [`op${visit % OPERATORS}`, `web${visit % AGENTS}`];
  const [actor, subject] = [`operator:${operator}`, `target:10.0.${visit % AGENTS}.${1 + (visit % 9)}:22`];
  const ids = { channel_id: String(visit), session_id: `s${visit}` };
  switch (of & 3) {
    case 0:
      return { code: 'session.opened', actor, subject: `agent:${agent}`, detail: { session_id: ids.session_id, agent_id: agent } };
    case 1:
      return {
        code: 'channel.opened',
        actor,
        subject,
        detail: { ...ids, agent, decision: decisionOf(operator, agent, subject.slice('target:'.length)), tried: [] },
      };
    case 2:
      return { code: 'channel.ended', actor, subject, detail: { ...ids, agent, bytes_up: visit, bytes_down: of, reason: 'closed by the operator' } };
    default:
      return { code: 'session.ended', actor: 'gateway', subject: `agent:${agent}`, detail: { session_id: ids.session_id, operator, reason: 'idle' } };
  }
}

function decisionOf(operator: string, agent: string, target: string): DecisionRecord {
  const route = `${target.slice(0, target.lastIndexOf('.'))}.0/24`;
  const candidate = { agent, agent_id: agent, target, rule: 'subnet', site: null, policy: 'rule 1 (everything)', failed_lately: null } as const;
  return {
    target,
    operator,
    explicit_agent: null,
    site: null,
    alternates: [],
    decision: { via: 'agent', agent, route, rule: 'subnet' },
    candidates: [
      { ...candidate, route, standing: 'usable' },
      { ...candidate, agent: `spare-${agent}`, agent_id: `spare-${agent}`, route: '10.0.0.0/16', standing: 'offline' },
    ],
    outcome: { result: 'connected', agent, address: target, code: null, reason: null },
  };
}

/** Adds `count` rows, spread over the day before `until` (ms since 1970), in few transactions. Nobody else has the store open. */
export async function addAuditRows(database: string, count: number, until: number): Promise<void> {
  let made = 0;
  const clock = { ...realWorld({ level: 'silent' }).clock, now: () => Math.floor(until - DAY_MS * (1 - made / count)) };
  await using store = await openStore(database, { clock }, { storeCallMs: TRANSACTION_MS });
  while (made < count) {
    const end = Math.min(count, made + ROWS_A_TRANSACTION);
    await store.transaction(async ({ audit }) => {
      while (made < end) {
        const events = Array.from({ length: Math.min(ROWS_AT_ONCE, end - made) }, (_, index) => madeRow(made + index));
        await audit.appendAll(events);
        made += events.length;
      }
    });
  }
}
