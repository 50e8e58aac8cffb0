// Replays the audit log through another policy, page by page, on the side of whoever asks (requirement F3).
import { parsePolicyText } from '../policy/document.ts';
import { type PortRange, parsePorts } from '../policy/ports.ts';
import { RecordedDecision, Replay } from '../policy/replay.ts';
import { BUILT_IN, policyOf } from '../policy/rules.ts';
import type { ApiClient } from './client.ts';
import type { PolicyDiff } from './policy.ts';

type Client = Pick<ApiClient, 'policy' | 'audit' | 'listOperators' | 'listAgents'>;

const ROWS_AT_ONCE = 1000;
/** Whose rows hold decision records. */
const CODES = ['channel.opened', 'channel.refused', 'session.refused'];

/** `file` is the other policy. Errors `policy.malformed`, those of the API. */
export async function diffPolicy(client: Client, file: string, since: string, signal: AbortSignal): Promise<PolicyDiff> {
  const document = await parsePolicyText(file);
  const { revision, policy } = await client.policy(signal);
  const before = revision === 0 ? BUILT_IN : policyOf(policy, revision);
  const replay = new Replay(before, policyOf(document, revision + 1), await surroundings(client, signal));
  let requests = 0;
  for (const code of CODES) {
    for (let after: string | null = '0'; after !== null; ) {
      const page: Awaited<ReturnType<Client['audit']>> = await client.audit({ code, since, after, limit: ROWS_AT_ONCE }, signal);
      for (const { detail, time } of page.rows) {
        const read = RecordedDecision.safeParse(detail['decision']);
        if (!read.success) continue;
        requests += 1;
        replay.feed(read.data, time);
      }
      after = page.next;
    }
  }
  return { revision, since, requests, differences: replay.differences(), truncated: replay.truncated };
}

async function surroundings(client: Client, signal: AbortSignal) {
  const operators = new Map<string, { name: string; agents: readonly string[] | null; targets: readonly string[] | null }>();
  for (let after: string | undefined; ; ) {
    const page: Awaited<ReturnType<Client['listOperators']>> = await client.listOperators({ after, limit: ROWS_AT_ONCE }, signal);
    for (const operator of page.operators) operators.set(operator.name, operator);
    if (page.next === null) break;
    after = page.next;
  }
  const ports = new Map<string, readonly PortRange[]>();
  for (let after: string | undefined; ; ) {
    const page: Awaited<ReturnType<Client['listAgents']>> = await client.listAgents({ after, limit: ROWS_AT_ONCE }, signal);
    for (const agent of page.agents) ports.set(agent.name, agent.ports.length === 0 ? [] : parsePorts(agent.ports));
    if (page.next === null) break;
    after = page.next;
  }
  return { operators, ports };
}
