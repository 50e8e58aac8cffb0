// How a request is routed and judged: the decision record and the ways to try, from the agents as they are now (requirements A8 to A11, F1). Pure.
import { type ErrorCode, TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { type Grantee, judgeConnect } from '../../policy/evaluate.ts';
import { type Match, rankCandidates } from '../../routing/candidates.ts';
import type { Candidate, Decision, DecisionRecord } from '../../routing/decision.ts';
import { formatRoute } from '../../routing/route.ts';
import { formatTarget, type Target } from '../../routing/target.ts';
import type { FailedLately } from './failures.ts';
import type { KnownAgent } from './registry.ts';

export interface Request {
  readonly target: Target;
  /** Tried in order after the target, each through its own route. */
  readonly alternates: readonly Target[];
  readonly explicitAgent: string | null;
  /** Null: an administrator on the gateway's machine, who is granted everything. */
  readonly operator: Grantee | null;
}

export interface DecidedWay {
  readonly agent: KnownAgent;
  readonly target: string;
}

interface Judged {
  readonly candidate: Candidate;
  readonly way: DecidedWay;
}

/** Direct connections are not among the ways: where no agent fits, nothing does. */
export function decide(
  request: Request,
  agents: readonly KnownAgent[],
  failedLately: FailedLately = () => null,
): { record: DecisionRecord; ways: DecidedWay[] } {
  const main = judgeTarget(request, request.target, agents, failedLately, '');
  const others = request.alternates.flatMap((target) => judgeTarget(request, target, agents, failedLately, `alternate ${formatTarget(target)}: `));
  const judged = [...main, ...others];
  const usable = judged.filter(({ candidate }) => candidate.standing === 'usable');
  return {
    record: {
      target: formatTarget(request.target),
      operator: request.operator?.name ?? null,
      explicit_agent: request.explicitAgent,
      decision: conclude(request, judged, usable[0], agents),
      candidates: judged.map(({ candidate }) => candidate),
      outcome: null,
    },
    ways: usable.slice(0, LIMITS.candidatesPerTarget).map(({ way }) => way),
  };
}

/** What a decision for nobody means for whoever asked. */
export function decisionError({ decision }: DecisionRecord): TunnelError | undefined {
  return decision.via === 'none' ? new TunnelError(decision.code, decision.reason, { hint: HINTS[decision.code] }) : undefined;
}

const HINTS: { readonly [Code in ErrorCode]?: string } = {
  'route.none': 'tunnel route list shows what the agents carry.',
  'agent.offline': 'Is the agent running? tunnel agent list shows which are online.',
  'agent.unknown': 'tunnel agent list shows those there are.',
  'policy.denied': 'An administrator decides which agents, targets and ports an operator reaches: tunnel whoami shows it.',
};

/** An agent that failed this very target a moment ago comes after the others, whatever its route. */
function judgeTarget(request: Request, target: Target, agents: readonly KnownAgent[], failedLately: FailedLately, prefix: string): Judged[] {
  const operator = request.operator ?? { name: 'local-admin', agents: null, targets: null };
  const text = formatTarget(target);
  const judged = rankCandidates(target, agents, request.explicitAgent ?? undefined).map(({ agent, route, rule }: Match<KnownAgent>) => {
    const verdict = agent.barred ? { allowed: false, line: agent.barred.text } : judgeConnect({ operator, agent, target });
    const standing = !verdict.allowed ? 'denied' : agent.online ? 'usable' : 'offline';
    const policy = prefix + verdict.line;
    const failed = failedLately(agent.name, text);
    const candidate = { agent: agent.name, agent_id: agent.id, route: route && formatRoute(route), rule, standing, policy, failed_lately: failed } as const;
    return { candidate, way: { agent, target: text } };
  });
  return [...judged.filter(({ candidate }) => candidate.failed_lately === null), ...judged.filter(({ candidate }) => candidate.failed_lately !== null)];
}

function conclude(request: Request, judged: readonly Judged[], first: Judged | undefined, agents: readonly KnownAgent[]): Decision {
  if (first) return { via: 'agent', agent: first.candidate.agent, route: first.candidate.route, rule: first.candidate.rule };
  const none = (code: ErrorCode, reason: string): Decision => ({ via: 'none', code, reason });
  const target = formatTarget(request.target);
  const { explicitAgent } = request;
  if (explicitAgent !== null && !agents.some(({ name, id }) => name === explicitAgent || id === explicitAgent)) {
    return none('agent.unknown', `there is no agent ${explicitAgent}`);
  }
  const offline = judged.filter(({ candidate }) => candidate.standing === 'offline').map(({ candidate }) => candidate.agent);
  if (offline.length > 0) return none('agent.offline', `${[...new Set(offline)].join(', ')} would carry ${target}, but is offline`);
  const denied = judged[0]?.candidate;
  if (denied) return none('policy.denied', `${target} is not allowed: ${denied.policy}`);
  return none('route.none', `no agent carries ${target}`);
}
