// How a request is routed and judged: the decision record and the ways to try, from the agents as they are now (requirements A8 to A11, F1). Pure.
import { type ErrorCode, TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { SocketAddress } from '../../base/world.ts';
import { type Grantee, judgeConnect } from '../../policy/evaluate.ts';
import { BUILT_IN, type Policy } from '../../policy/rules.ts';
import { bySpecificity, type Match } from '../../routing/candidates.ts';
import type { Candidate, Decision, DecisionRecord } from '../../routing/decision.ts';
import { formatRoute } from '../../routing/route.ts';
import { formatSitedTarget, type SitedTarget } from '../../routing/sited-target.ts';
import { formatTarget } from '../../routing/target.ts';
import type { FailedLately } from './failures.ts';
import type { KnownAgent } from './known-agent.ts';
import type { LeaseAgent } from './sessions.ts';

export interface Request {
  readonly target: SitedTarget;
  /** Tried in order after the target, each through its own route. */
  readonly alternates: readonly SitedTarget[];
  readonly explicitAgent: string | null;
  /** Null: an administrator on the gateway's machine, who is granted everything. */
  readonly operator: Grantee | null;
}

/** The agents, as deciding asks for them. */
export interface Carriers {
  /** Best first. With `explicitAgent` nobody else. */
  candidates(target: SitedTarget, explicitAgent: string | null): readonly Match<KnownAgent>[];
  find(nameOrId: string): KnownAgent | undefined;
}

export interface DecidedWay {
  readonly agent: LeaseAgent & Pick<KnownAgent, 'link'>;
  readonly target: string;
  /** Without an agent: addresses that were judged. */
  readonly direct?: readonly SocketAddress[] | undefined;
}

export interface Decided {
  readonly record: DecisionRecord;
  /** In order; the first that connects wins. */
  readonly ways: readonly DecidedWay[];
}

interface Judge {
  readonly policy: Policy;
  readonly failedLately: FailedLately;
}

interface Judged {
  readonly candidate: Candidate;
  readonly way: DecidedWay;
}

/** Direct connections are not among the ways: where no agent fits, nothing does (control/direct.ts). */
export function decide(request: Request, carriers: Carriers, policy: Policy, failedLately: FailedLately = () => null): Decided {
  const judge = { policy: request.operator === null ? BUILT_IN : policy, failedLately };
  const main = judgeTarget(request, request.target, carriers, judge, '');
  const others = request.alternates.flatMap((target) => judgeTarget(request, target, carriers, judge, `alternate ${formatSitedTarget(target)}: `));
  const judged = [...main, ...others];
  const usable = judged.filter(({ candidate }) => candidate.standing === 'usable');
  return {
    record: {
      target: formatTarget(request.target),
      operator: request.operator?.name ?? null,
      explicit_agent: request.explicitAgent,
      site: request.target.site,
      alternates: request.alternates.map(formatSitedTarget),
      decision: conclude(request, judged, usable[0], carriers),
      candidates: judged.map(({ candidate }) => candidate),
      outcome: null,
    },
    ways: usable.slice(0, LIMITS.candidatesPerTarget).map(({ way }) => way),
  };
}

/** What a decision for nobody means for whoever asked. */
export function decisionError(record: DecisionRecord): TunnelError | undefined {
  const { decision } = record;
  return decision.via === 'none' ? new TunnelError(decision.code, decision.reason, { hint: HINTS[decision.code], decision: record }) : undefined;
}

const HINTS: { readonly [Code in ErrorCode]?: string } = {
  'route.none': 'tunnel route list shows what the agents carry.',
  'agent.offline': 'Is the agent running? tunnel agent list shows which are online.',
  'agent.unknown': 'tunnel agent list shows those there are.',
  'policy.denied': 'An administrator decides which agents, targets and ports an operator reaches: tunnel whoami shows it.',
};

/** An agent that failed this very target a moment ago comes after the others, whatever its route. */
function judgeTarget(request: Request, target: SitedTarget, carriers: Carriers, { policy, failedLately }: Judge, prefix: string): Judged[] {
  const operator = request.operator ?? { name: 'local-admin', agents: null, targets: null };
  const text = formatTarget(target);
  const matches = carriers
    .candidates(target, request.explicitAgent)
    .map((match) => ({ match, granted: judgeConnect({ policy, operator, agent: match.agent, target }) }));
  const reserved = reservedFor(matches.filter(({ granted }) => granted.allowed).map(({ match }) => match));
  const judged = matches.map(({ match, granted }) => {
    const { agent, route, rule } = match;
    const verdict = agent.barred ? { allowed: false, line: agent.barred.text } : granted;
    const withheld = reserved !== undefined && bySpecificity(match, reserved) > 0;
    const standing = !verdict.allowed ? 'denied' : withheld ? 'withheld' : agent.online ? 'usable' : 'offline';
    const candidate = {
      agent: agent.name,
      agent_id: agent.id,
      target: text,
      route: route && formatRoute(route),
      rule,
      site: agent.site,
      standing,
      policy: prefix + verdict.line,
      failed_lately: failedLately(agent.name, text),
    } as const;
    return { candidate, way: { agent, target: text } };
  });
  return [...judged.filter(({ candidate }) => candidate.failed_lately === null), ...judged.filter(({ candidate }) => candidate.failed_lately !== null)];
}

/** The most specific route of which no agent is online and one says that nobody shall take its place (E4). */
function reservedFor(matches: readonly Match<KnownAgent>[]): Match<KnownAgent> | undefined {
  return matches.find((match) => {
    if (match.rule === 'explicit' || match.agent.onOffline !== 'fail') return false;
    return matches.every((other) => !other.agent.online || bySpecificity(other, match) !== 0);
  });
}

function conclude({ target, explicitAgent }: Request, judged: readonly Judged[], first: Judged | undefined, carriers: Carriers): Decision {
  if (first) return { via: 'agent', agent: first.candidate.agent, route: first.candidate.route, rule: first.candidate.rule };
  const none = (code: ErrorCode, reason: string): Decision => ({ via: 'none', code, reason });
  const text = formatSitedTarget(target);
  const explicit = explicitAgent === null ? undefined : carriers.find(explicitAgent);
  if (explicitAgent !== null && !explicit) return none('agent.unknown', `there is no agent ${explicitAgent}`);
  const offline = judged.filter(({ candidate }) => candidate.standing === 'offline').map(({ candidate }) => candidate.agent);
  if (offline.length > 0) {
    const withheld = judged.some(({ candidate }) => candidate.standing === 'withheld');
    return none(
      'agent.offline',
      `${[...new Set(offline)].join(', ')} would carry ${text}, but is offline${withheld ? ', and lets no other take its place' : ''}`,
    );
  }
  const denied = judged[0]?.candidate;
  if (denied) return none('policy.denied', `${text} is not allowed: ${denied.policy}`);
  if (explicit) return none('route.none', `agent ${explicit.name} is not at site ${target.site}`);
  return none('route.none', `no agent carries ${text}`);
}
