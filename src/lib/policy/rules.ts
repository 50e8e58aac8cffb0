// The policy in force as rules that can be judged: groups resolved, scopes parsed. Pure; made once for each revision.
import { parseDuration } from '../base/duration.ts';
import { BUILT_IN_DOCUMENT, EVERYONE, type PolicyDocument } from './document.ts';
import { ALL_PORTS, parsePorts } from './ports.ts';
import { EVERYTHING, fewest, intersectTargets, parseTargetScope, type TargetScope } from './target-scope.ts';

export interface Rule {
  /** `rule 2 (ssh to web)`; from 1, as they stand in the file. */
  readonly title: string;
  /** Who is meant, and by which group where not by name. */
  readonly operators: ReadonlyMap<string, string | null>;
  readonly everyone: boolean;
  readonly agents: readonly string[];
  /** With the rule's ports in them. */
  readonly targets: readonly TargetScope[];
  readonly kinds: readonly string[];
  readonly maxLengthMs: number | null;
  readonly extendable: boolean;
}

export interface Policy {
  /** 0 is the built-in one: logins alone decide. */
  readonly revision: number;
  readonly document: PolicyDocument;
  readonly rules: readonly Rule[];
}

export const BUILT_IN: Policy = policyOf(BUILT_IN_DOCUMENT, 0);

export function policyOf(document: PolicyDocument, revision: number): Policy {
  const { groups = {}, allow } = document;
  const rules = allow.map((rule, index): Rule => {
    const inGroups = (rule.groups ?? []).flatMap((group) => (groups[group] ?? []).map((member) => [member, group] as const));
    const byName = (rule.operators ?? []).map((operator) => [operator, null] as const);
    const ports = rule.ports === undefined ? [ALL_PORTS] : parsePorts(rule.ports);
    const withPorts = ports.map((range): TargetScope => ({ hosts: 'any', ports: range }));
    return {
      title: `rule ${index + 1}${rule.name === undefined ? '' : ` (${rule.name})`}`,
      operators: new Map([...inGroups, ...byName]),
      everyone: rule.operators?.includes(EVERYONE) ?? false,
      agents: rule.agents ?? ['*'],
      targets: intersectTargets(fewest(rule.targets?.map((text) => parseTargetScope(text)) ?? [EVERYTHING]), withPorts),
      kinds: rule.kinds ?? ['tcp'],
      maxLengthMs: rule.max_length === undefined ? null : parseDuration(rule.max_length),
      extendable: rule.extendable ?? false,
    };
  });
  return { revision, document, rules };
}

/** Those that say anything of this operator on this agent, in order. */
export function rulesFor({ rules }: Policy, operator: string, agent: string): Rule[] {
  return rules.filter(({ operators, everyone, agents }) => (everyone || operators.has(operator)) && agents.some((pattern) => matchesAgent(pattern, agent)));
}

/** `*` stands for any characters, none too. */
export function matchesAgent(pattern: string, name: string): boolean {
  if (pattern === '*') return true;
  const [first = '', ...others] = pattern.split('*');
  const last = others.pop();
  if (last === undefined) return pattern === name;
  if (!name.startsWith(first) || name.length < first.length + last.length || !name.endsWith(last)) return false;
  const middle = name.slice(first.length, name.length - last.length);
  let at = 0;
  for (const part of others) {
    const found = middle.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return true;
}

/** How long a session may last, by the strictest rule that allows anything in it: it may be lengthened only where each that limits it says so. */
export function sessionLimit(policy: Policy, operator: string, agent: string): { readonly maxLengthMs: number | null; readonly extendable: boolean } {
  const limiting = rulesFor(policy, operator, agent).filter(({ maxLengthMs }) => maxLengthMs !== null);
  if (limiting.length === 0) return { maxLengthMs: null, extendable: true };
  return { maxLengthMs: Math.min(...limiting.map(({ maxLengthMs }) => maxLengthMs ?? Infinity)), extendable: limiting.every(({ extendable }) => extendable) };
}
