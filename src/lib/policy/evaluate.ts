// May this operator reach this target through this agent? Denied unless the login, a rule of the policy and the agent's ports all say so. Pure.
import { TunnelError } from '../base/errors.ts';
import { formatTarget, type Target } from '../routing/target.ts';
import { formatPorts, type PortRange, portAllowed } from './ports.ts';
import { type Policy, type Rule, rulesFor } from './rules.ts';
import { fewest, formatTargetScope, intersectTargets, mayReachTarget, parsedOf, scopeOf } from './target-scope.ts';

/** An operator and what its login grants; null means all of them, as minted. */
export interface Grantee {
  readonly name: string;
  readonly agents: readonly string[] | null;
  readonly targets: readonly string[] | null;
}

export interface ConnectQuestion {
  readonly policy: Policy;
  readonly operator: Grantee;
  readonly agent: { readonly name: string; readonly ports: readonly PortRange[] };
  readonly target: Target;
}

/** `line` is the rule that decided, in words, for the decision record. */
export interface Verdict {
  readonly allowed: boolean;
  readonly line: string;
}

export function judgeConnect(question: ConnectQuestion): Verdict {
  const { operator, agent, target } = question;
  if (!mayUseAgent(operator.agents, agent.name)) return deny(`operator ${operator.name} has no grant for agent ${agent.name}`);
  if (!mayReachTarget(operator.targets, target)) return deny(`operator ${operator.name} has no grant for ${formatTarget(target)}`);
  const byPolicy = judgeByPolicy(question);
  if (!byPolicy.allowed) return byPolicy;
  const ports = portsText(agent.ports);
  if (!portAllowed(agent.ports, target.port)) return deny(`agent ${agent.name} allows ports ${ports}, not ${target.port}`);
  return { allowed: true, line: `${byPolicy.line}, ports ${ports}` };
}

/** Null grants every agent. */
export function mayUseAgent(granted: readonly string[] | null, agent: string): boolean {
  return granted === null || granted.includes(agent);
}

/** Anything at all. */
export function mayReachAgent(policy: Policy, { name, agents }: Grantee, agent: string): boolean {
  return mayUseAgent(agents, agent) && rulesFor(policy, name, agent).length > 0;
}

/** They travel in session material, which has 12 KiB. */
const MOST_SCOPES = 500;
const MOST_CHARACTERS = 8000;

/** What login and policy grant together, for session material: canonical scopes, none inside another; `['*']` is everything. Error `limit.reached` where that is too much for one session. */
export function grantedTargets(policy: Policy, operator: Grantee, agent: string): readonly string[] {
  const { name, targets } = operator;
  if (!mayUseAgent(operator.agents, agent)) return [];
  const byPolicy = fewest(rulesFor(policy, name, agent).flatMap((rule) => rule.targets));
  const both = targets === null ? byPolicy : intersectTargets(fewest(parsedOf(targets)), byPolicy);
  const texts = both.map(formatTargetScope).sort();
  if (texts.length > MOST_SCOPES || JSON.stringify(texts).length > MOST_CHARACTERS)
    throw new TunnelError('limit.reached', `what operator ${name} may reach on agent ${agent} is ${texts.length} scopes, too many for a session`, {
      hint: `At most ${MOST_SCOPES} and ${MOST_CHARACTERS} characters: allow networks and *.names instead of single targets.`,
    });
  return texts;
}

/** Of channels, for session material. */
export function grantedKinds(policy: Policy, operator: string, agent: string): string[] {
  return [...new Set(rulesFor(policy, operator, agent).flatMap(({ kinds }) => kinds))];
}

function judgeByPolicy({ policy, operator, agent, target }: ConnectQuestion): Verdict {
  const rules = rulesFor(policy, operator.name, agent.name);
  for (const rule of rules) {
    const scope = scopeOf(rule.targets, target);
    if (scope === undefined || !rule.kinds.includes('tcp')) continue;
    const login = operator.agents === null ? `operator ${operator.name}: all agents` : `operator ${operator.name}: agent ${agent.name}`;
    if (policy.revision === 0) return { allowed: true, line: login };
    return { allowed: true, line: `policy ${rule.title} allows ${whom(rule, operator.name)} ${formatTargetScope(scope)} on agent ${agent.name}` };
  }
  if (rules.length === 0) return deny(`policy allows operator ${operator.name} nothing on agent ${agent.name}`);
  return deny(
    `policy allows operator ${operator.name} other targets than ${formatTarget(target)} on agent ${agent.name}: ${rules
      .map(({ title }) => title)
      .slice(0, 5)
      .join(', ')}`,
  );
}

/** Every verdict names them, and they change seldom. */
const portsTexts = new WeakMap<readonly PortRange[], string>();

function portsText(ports: readonly PortRange[]): string {
  const text = portsTexts.get(ports) ?? (formatPorts(ports).join(',') || 'none');
  portsTexts.set(ports, text);
  return text;
}

function whom({ operators, everyone }: Rule, name: string): string {
  const group = operators.get(name);
  if (group === undefined && everyone) return 'every operator';
  return group ? `group ${group}` : `operator ${name}`;
}

function deny(line: string): Verdict {
  return { allowed: false, line };
}
