// The policy as an administrator reads it, replaces it and asks it; a change cuts what it no longer allows before its answer (requirements E1, F3).
import type { Assertion, ExplainRequest, Explanation, PolicyAnswer, PolicySet, PolicyTested, SetPolicyRequest, TestPolicyRequest } from '../../api/policy.ts';
import { TunnelError } from '../../base/errors.ts';
import { BUILT_IN_DOCUMENT, parsePolicyText } from '../../policy/document.ts';
import { type Grantee, grantedTargets } from '../../policy/evaluate.ts';
import { type Policy, policyOf, rulesFor } from '../../policy/rules.ts';
import type { Store } from '../../store/open.ts';
import type { Operator } from '../../store/operators.ts';
import { actorOf, assertAdmin, type Caller } from './caller.ts';
import type { ControlContext } from './context.ts';
import { judgeRequest, readRequest } from './judge-request.ts';
import { refit } from './refit.ts';

const PAGE = 1000;
const MOST_WARNINGS = 20;

export async function showPolicy({ store }: ControlContext, caller: Caller): Promise<PolicyAnswer> {
  assertAdmin(caller);
  const stored = await store.policy.read();
  if (!stored) return { revision: 0, set_at: null, set_by: null, policy: BUILT_IN_DOCUMENT };
  return { revision: stored.revision, set_at: new Date(stored.setAt).toISOString(), set_by: stored.setBy, policy: stored.document };
}

/** Errors `scope.missing`, `policy.malformed`, `policy.changed` where `if_revision` is not the one in force, `limit.reached` where somebody would reach too much for a session. */
export async function setPolicy(context: ControlContext, caller: Caller, { file, if_revision: ifRevision }: SetPolicyRequest): Promise<PolicySet> {
  assertAdmin(caller);
  const { policy, registry, sessions, store } = context;
  const document = await parsePolicyText(file);
  const wanted = policyOf(document, policy.current.revision + 1);
  const operators = await allOperators(store);
  const agents = registry.all().map(({ name }) => name);
  for (const { operator, agent } of differentPairs(wanted, operators, agents)) grantedTargets(wanted, operator, agent);
  const warnings = warningsOf(wanted, operators, agents);
  const revision = await store.transaction(async (tables) => {
    const kept = await tables.policy.replace(document, { setBy: actorOf(caller), ifRevision });
    if (kept === undefined)
      throw new TunnelError('policy.changed', `the policy in force is not revision ${ifRevision}`, {
        hint: 'tunnel policy show prints it: make the change there.',
      });
    const detail = { revision: kept, rules: document.allow.length, policy: document, warnings };
    await tables.audit.append({ code: 'policy.set', actor: actorOf(caller), subject: 'policy', detail });
    return kept;
  });
  policy.take(policyOf(document, revision));
  sessions.ruleAgain();
  return { revision, rules: document.allow.length, warnings, cut: await refit(context, () => true) };
}

/** As a connection would be decided now, but for nobody's. Errors `scope.missing`, `target.malformed`. */
export async function explain(context: ControlContext, caller: Caller, request: ExplainRequest): Promise<Explanation> {
  assertAdmin(caller);
  return explainBy(context, context.policy.current, await context.store.operators.byName(request.as), request);
}

/** Whether an agent is online makes no difference. Errors `scope.missing`, `target.malformed`, `policy.malformed`. */
export async function testPolicy(context: ControlContext, caller: Caller, { tests, file }: TestPolicyRequest): Promise<PolicyTested> {
  assertAdmin(caller);
  const { policy, store } = context;
  const judged = file === undefined ? policy.current : policyOf(await parsePolicyText(file), policy.current.revision + 1);
  const operators = new Map((await allOperators(store)).map((operator) => [operator.name, operator]));
  const judge = async (assertion: Assertion) => {
    const { candidates, decision } = await explainBy(context, judged, operators.get(assertion.as), assertion);
    const allowed = candidates.find(({ standing }) => standing !== 'denied');
    const got = allowed || decision.via === 'direct' ? ('allow' as const) : ('deny' as const);
    const line = (allowed ?? candidates[0])?.policy ?? whyOf(decision);
    return { ...assertion, passed: got === assertion.expect, got, line };
  };
  const tested: PolicyTested['tests'] = [];
  for (const assertion of tests) tested.push(await judge(assertion));
  const failed = tested.filter(({ passed }) => !passed).length;
  return { revision: file === undefined ? judged.revision : null, passed: tested.length - failed, failed, tests: tested };
}

/** Where no agent is a candidate. */
function whyOf(decision: Explanation['decision']): string {
  if (decision.via === 'none') return decision.reason;
  return decision.via === 'direct' ? decision.policy : '';
}

async function explainBy(context: ControlContext, policy: Policy, known: Operator | undefined, request: ExplainRequest): Promise<Explanation> {
  const operator: Grantee = known ?? { name: request.as, agents: null, targets: null };
  const { record } = await judgeRequest(context, readRequest(request, operator), policy);
  return { ...record, revision: policy.revision, login: known !== undefined };
}

async function allOperators(store: Store): Promise<Operator[]> {
  const all: Operator[] = [];
  for (let after: string | null = null; ; ) {
    const page: Awaited<ReturnType<Store['operators']['list']>> = await store.operators.list({ after, limit: PAGE });
    all.push(...page.rows);
    if (page.next === null) return all;
    after = page.next;
  }
}

/** One of all that the same rules and the same login speak of: with many agents and operators most are alike. */
function* differentPairs(policy: Policy, operators: readonly Operator[], agents: readonly string[]): Generator<{ operator: Operator; agent: string }> {
  const seen = new Set<string>();
  for (const operator of operators)
    for (const agent of agents) {
      const kind = JSON.stringify([rulesFor(policy, operator.name, agent).map(({ title }) => title), operator.targets]);
      if (seen.has(kind)) continue;
      seen.add(kind);
      yield { operator, agent };
    }
}

/** What is probably not meant; none of it is wrong: whoever is named may come later. */
function warningsOf({ document, rules }: Policy, operators: readonly Operator[], agents: readonly string[]): string[] {
  const warnings: string[] = [];
  if (rules.length === 0) warnings.push('nobody may reach anything');
  const known = new Set(operators.map(({ name }) => name));
  const named = new Set(rules.flatMap((rule) => [...rule.operators.keys()]).filter((name) => name !== '*'));
  for (const name of named) if (!known.has(name)) warnings.push(`no operator ${name} has logged in yet`);
  const used = new Set(document.allow.flatMap(({ groups = [] }) => groups));
  for (const group of Object.keys(document.groups ?? {})) if (!used.has(group)) warnings.push(`no rule names the group ${group}`);
  const there = new Set(agents);
  const wanted = new Set(document.allow.flatMap((rule) => rule.agents ?? []));
  for (const agent of wanted) if (!agent.includes('*') && !there.has(agent)) warnings.push(`there is no agent ${agent} yet`);
  return warnings.slice(0, MOST_WARNINGS);
}
