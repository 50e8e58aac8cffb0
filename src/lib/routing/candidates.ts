// Which agents could carry a target, in which order, and by which rule (requirements A8, A9 and E5).

import type { Rule } from './decision.ts';
import { matchesName, specificity } from './name-pattern.ts';
import type { Route } from './route.ts';
import type { SitedTarget } from './sited-target.ts';
import { contains } from './subnet.ts';
import type { Host } from './target.ts';

/** What an agent carries: all that the fit of a route depends on. */
export interface Carried {
  readonly routes: readonly Route[];
  /** A released version 1 agent means a name and everything below it by a bare name (reference.md, 5). */
  readonly bareNamesAreSuffixes: boolean;
}

export interface RoutingAgent extends Carried {
  readonly id: string;
  readonly name: string;
  readonly online: boolean;
  /** Null: at no site. */
  readonly site: string | null;
  /** Among equals the larger goes first. */
  readonly weight: number;
  /** Larger is more recent; compared among equals only. */
  readonly advertisedAt: number;
}

/** How well a route fits a target. */
export interface Fit {
  readonly route: Route;
  readonly rule: Exclude<Rule, 'explicit' | 'direct'>;
  /** Within a rule: larger is more specific. */
  readonly rank: number;
}

export interface Match<A extends RoutingAgent = RoutingAgent> {
  readonly agent: A;
  /** Null where an agent was named explicitly and advertises nothing that fits. */
  readonly route: Route | null;
  readonly rule: Rule;
  readonly rank: number;
}

const RULE_ORDER: readonly Rule[] = ['explicit', 'subnet', 'name', 'wildcard', 'suffix'];

/**
 * Every one of `agents` that could carry `target`, best first. An agent that is offline keeps its place, so that a decision record can name it as
 * skipped. With `explicitAgent`, by name or id, nobody else is a candidate. Looks at every route: for many agents there is the route table.
 */
export function rankCandidates<A extends RoutingAgent>(target: SitedTarget, agents: Iterable<A>, explicitAgent?: string): Match<A>[] {
  const matches: Match<A>[] = [];
  for (const agent of agents) {
    const best = bestFit(target.host, agent);
    if (explicitAgent === undefined) {
      if (best !== undefined) matches.push({ agent, ...best });
    } else if (agent.name === explicitAgent || agent.id === explicitAgent) matches.push(explicitMatch(agent, best));
  }
  return inOrder(matches, target.site);
}

/** An agent that was named, whatever it advertises. */
export function explicitMatch<A extends RoutingAgent>(agent: A, fit: Fit | undefined): Match<A> {
  return { agent, route: fit?.route ?? null, rule: 'explicit', rank: fit?.rank ?? 0 };
}

/** Those of `site`, where one is asked for: the rule first, then the longest prefix or name, then the weight, then who advertised most recently. */
export function inOrder<A extends RoutingAgent>(matches: readonly Match<A>[], site: string | null): Match<A>[] {
  return matches
    .filter(({ agent }) => site === null || agent.site === site)
    .sort(
      (a, b) => bySpecificity(a, b) || b.agent.weight - a.agent.weight || b.agent.advertisedAt - a.agent.advertisedAt || (a.agent.name < b.agent.name ? -1 : 1),
    );
}

/** Zero for equals: those among which weight and time decide. */
export function bySpecificity(a: Pick<Match, 'rule' | 'rank'>, b: Pick<Match, 'rule' | 'rank'>): number {
  return RULE_ORDER.indexOf(a.rule) - RULE_ORDER.indexOf(b.rule) || b.rank - a.rank;
}

/** The most specific route of one agent. */
export function bestFit(host: Host, { routes, bareNamesAreSuffixes }: Carried): Fit | undefined {
  let best: Fit | undefined;
  for (const route of routes) {
    const fit = fitOf(host, route, bareNamesAreSuffixes);
    if (fit !== undefined && (best === undefined || bySpecificity(fit, best) < 0)) best = fit;
  }
  return best;
}

function fitOf(host: Host, route: Route, bareNamesAreSuffixes: boolean): Fit | undefined {
  if (route.kind === 'subnet') {
    return host.kind === 'address' && contains(route.subnet, host.bytes) ? { route, rule: 'subnet', rank: route.subnet.prefix } : undefined;
  }
  if (host.kind === 'address') return undefined;
  const { pattern } = route;
  if (pattern === host.name) return { route, rule: 'name', rank: specificity(pattern) };
  if (matchesName(pattern, host.name)) return { route, rule: 'wildcard', rank: specificity(pattern) };
  if (bareNamesAreSuffixes && !pattern.startsWith('*.') && matchesName(`*.${pattern}`, host.name))
    return { route, rule: 'suffix', rank: specificity(`*.${pattern}`) };
  return undefined;
}
