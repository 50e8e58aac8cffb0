// May this operator reach this target through this agent? Denied unless a line says otherwise.
import { formatTarget, type Target } from '../routing/target.ts';
import { formatPorts, type PortRange, portAllowed } from './ports.ts';
import { mayReachTarget } from './target-scope.ts';

/** An operator and what it was granted; null means all of them, as minted. */
export interface Grantee {
  readonly name: string;
  readonly agents: readonly string[] | null;
  readonly targets: readonly string[] | null;
}

export interface ConnectQuestion {
  readonly operator: Grantee;
  readonly agent: { readonly name: string; readonly ports: readonly PortRange[] };
  readonly target: Target;
}

/** `line` is the rule that decided, in words, for the decision record. */
export interface Verdict {
  readonly allowed: boolean;
  readonly line: string;
}

export function judgeConnect({ operator, agent, target }: ConnectQuestion): Verdict {
  if (!mayUseAgent(operator.agents, agent.name)) return { allowed: false, line: `operator ${operator.name} has no grant for agent ${agent.name}` };
  if (!mayReachTarget(operator.targets, target)) return { allowed: false, line: `operator ${operator.name} has no grant for ${formatTarget(target)}` };
  const grant = operator.agents === null ? `operator ${operator.name}: all agents` : `operator ${operator.name}: agent ${agent.name}`;
  const ports = formatPorts(agent.ports).join(',') || 'none';
  if (!portAllowed(agent.ports, target.port)) return { allowed: false, line: `agent ${agent.name} allows ports ${ports}, not ${target.port}` };
  return { allowed: true, line: `${grant}, ports ${ports}` };
}

/** Null grants every agent. */
export function mayUseAgent(granted: readonly string[] | null, agent: string): boolean {
  return granted === null || granted.includes(agent);
}
