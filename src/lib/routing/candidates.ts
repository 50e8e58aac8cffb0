// Which agents could carry a target, in which order, and by which rule (requirements A8 and A9).

import type { Rule } from './decision.ts';
import { matchesName, specificity } from './name-pattern.ts';
import type { Route } from './route.ts';
import { contains } from './subnet.ts';
import type { Host, Target } from './target.ts';

export interface RoutingAgent {
  readonly id: string;
  readonly name: string;
  readonly online: boolean;
  /** Larger is more recent; compared among equals only. */
  readonly advertisedAt: number;
  readonly routes: readonly Route[];
  /** A released version 1 agent means a name and everything below it by a bare name (reference.md, 5). */
  readonly bareNamesAreSuffixes: boolean;
}

export interface Match<A extends RoutingAgent = RoutingAgent> {
  readonly agent: A;
  /** Null where an agent was named explicitly and advertises nothing that fits. */
  readonly route: Route | null;
  readonly rule: Rule;
}

const RULE_ORDER: readonly Rule[] = ['explicit', 'subnet', 'name', 'wildcard', 'suffix'];

interface Ranked<A extends RoutingAgent> extends Match<A> {
  readonly rank: number;
}

/**
 * Every agent that could carry `target`, best first: the rule, then the longest prefix or name, then who advertised most recently.
 * An agent that is offline keeps its place, so that a decision record can name it as skipped. With `explicitAgent` nobody else is a candidate.
 */
export function rankCandidates<A extends RoutingAgent>(target: Target, agents: Iterable<A>, explicitAgent?: string): Match<A>[] {
  const matches: Ranked<A>[] = [];
  for (const agent of agents) {
    if (explicitAgent !== undefined && agent.name !== explicitAgent && agent.id !== explicitAgent) continue;
    const best = bestRoute(target.host, agent);
    if (explicitAgent !== undefined) matches.push({ agent, route: best?.route ?? null, rule: 'explicit', rank: best?.rank ?? 0 });
    else if (best !== undefined) matches.push(best);
  }
  return matches
    .sort((a, b) => RULE_ORDER.indexOf(a.rule) - RULE_ORDER.indexOf(b.rule) || b.rank - a.rank || b.agent.advertisedAt - a.agent.advertisedAt)
    .map(({ agent, route, rule }) => ({ agent, route, rule }));
}

function bestRoute<A extends RoutingAgent>(host: Host, agent: A): Ranked<A> | undefined {
  let best: Ranked<A> | undefined;
  for (const route of agent.routes) {
    const fit = fits(host, route, agent.bareNamesAreSuffixes);
    if (fit !== undefined && (best === undefined || fit.rank > best.rank)) best = { agent, route, ...fit };
  }
  return best;
}

function fits(host: Host, route: Route, bareNamesAreSuffixes: boolean): { rule: Rule; rank: number } | undefined {
  if (route.kind === 'subnet') {
    return host.kind === 'address' && contains(route.subnet, host.bytes) ? { rule: 'subnet', rank: route.subnet.prefix } : undefined;
  }
  if (host.kind === 'address') return undefined;
  const { pattern } = route;
  if (pattern === host.name) return { rule: 'name', rank: 1000 };
  if (matchesName(pattern, host.name)) return { rule: 'wildcard', rank: specificity(pattern) };
  if (bareNamesAreSuffixes && !pattern.startsWith('*.') && matchesName(`*.${pattern}`, host.name)) return { rule: 'suffix', rank: specificity(`*.${pattern}`) };
  return undefined;
}
