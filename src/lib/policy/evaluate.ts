// May this operator reach this port through this agent? Denied unless a line says otherwise.
import { formatPorts, type PortRange, portAllowed } from './ports.ts';

export interface ConnectQuestion {
  /** `agents` null means every agent, as minted. */
  readonly operator: { readonly name: string; readonly agents: readonly string[] | null };
  readonly agent: { readonly name: string; readonly ports: readonly PortRange[] };
  readonly port: number;
}

/** `line` is the rule that decided, in words, for the decision record. */
export interface Verdict {
  readonly allowed: boolean;
  readonly line: string;
}

export function judgeConnect({ operator, agent, port }: ConnectQuestion): Verdict {
  if (!mayUseAgent(operator.agents, agent.name)) return { allowed: false, line: `operator ${operator.name} has no grant for agent ${agent.name}` };
  const grant = operator.agents === null ? `operator ${operator.name}: all agents` : `operator ${operator.name}: agent ${agent.name}`;
  const ports = formatPorts(agent.ports).join(',') || 'none';
  if (!portAllowed(agent.ports, port)) return { allowed: false, line: `agent ${agent.name} allows ports ${ports}, not ${port}` };
  return { allowed: true, line: `${grant}, ports ${ports}` };
}

/** Null grants every agent. */
export function mayUseAgent(granted: readonly string[] | null, agent: string): boolean {
  return granted === null || granted.includes(agent);
}
