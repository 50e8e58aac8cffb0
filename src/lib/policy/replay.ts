// What another policy would have done with requests that were made: each is judged by both, everything else being as it is now. Pure (requirement F3).
import { z } from 'zod';
import { parseTarget } from '../routing/target.ts';
import { type Grantee, judgeConnect } from './evaluate.ts';
import { ALL_PORTS, type PortRange } from './ports.ts';
import type { Policy } from './rules.ts';

/** Of a decision record (routing/decision.ts) what is needed here, from whenever it was written. */
export const RecordedDecision = z.object({
  target: z.string(),
  operator: z.string(),
  explicit_agent: z.string().nullable(),
  candidates: z.array(z.object({ agent: z.string(), target: z.string().optional() })),
});
export type RecordedDecision = z.infer<typeof RecordedDecision>;

export interface PolicyDifference {
  /** `moved`: allowed by both, through another agent. */
  readonly change: 'refused' | 'allowed' | 'moved';
  readonly operator: string;
  readonly target: string;
  readonly explicit_agent: string | null;
  /** Through which agent now, and by the other policy; null where neither way is allowed. */
  readonly agent: string | null;
  readonly new_agent: string | null;
  /** What the other policy says. */
  readonly line: string;
  /** How often it was asked for, and when last. */
  count: number;
  last: string;
}

interface Surroundings {
  /** Logins as they are now; who is not among them is judged by policy alone. */
  readonly operators: ReadonlyMap<string, Grantee>;
  /** Ports of the agents that there are. */
  readonly ports: ReadonlyMap<string, readonly PortRange[]>;
}

const MOST = 10_000;

/** Requests that are alike are one difference, so that memory is bounded by how many there are of them. */
export class Replay {
  readonly #before: Policy;
  readonly #after: Policy;
  readonly #surroundings: Surroundings;
  readonly #differences = new Map<string, PolicyDifference>();
  /** More differences than can be kept. */
  truncated = false;

  constructor(before: Policy, after: Policy, surroundings: Surroundings) {
    this.#before = before;
    this.#after = after;
    this.#surroundings = surroundings;
  }

  /** `time`: when it was asked for, RFC 3339. */
  feed(decision: RecordedDecision, time: string): void {
    const { operator, target, explicit_agent } = decision;
    const key = JSON.stringify([operator, target, explicit_agent, decision.candidates]);
    const known = this.#differences.get(key);
    if (known) {
      known.count += 1;
      if (time > known.last) known.last = time;
      return;
    }
    const [was, now] = [this.#way(this.#before, decision), this.#way(this.#after, decision)];
    if (was.agent === now.agent) return;
    if (this.#differences.size >= MOST) {
      this.truncated = true;
      return;
    }
    const change = now.agent === null ? 'refused' : was.agent === null ? 'allowed' : 'moved';
    this.#differences.set(key, { change, operator, target, explicit_agent, agent: was.agent, new_agent: now.agent, line: now.line, count: 1, last: time });
  }

  /** Most often asked for first. */
  differences(): PolicyDifference[] {
    return [...this.#differences.values()].sort((a, b) => b.count - a.count);
  }

  /** The first candidate that is allowed. */
  #way(policy: Policy, { operator: name, target, candidates }: RecordedDecision): { readonly agent: string | null; readonly line: string } {
    const { operators, ports } = this.#surroundings;
    const operator = operators.get(name) ?? { name, agents: null, targets: null };
    let first: string | undefined;
    for (const candidate of candidates) {
      const agent = { name: candidate.agent, ports: ports.get(candidate.agent) ?? [ALL_PORTS] };
      const verdict = judgeConnect({ policy, operator, agent, target: parseTarget(candidate.target ?? target) });
      if (verdict.allowed) return { agent: agent.name, line: verdict.line };
      first ??= verdict.line;
    }
    return { agent: null, line: first ?? 'no agent carried it' };
  }
}
