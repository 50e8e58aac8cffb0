// A session for an operator's client: every target decided and leased, and one token for all of them (requirements E1, E3).
import type { SessionGrant, SessionRequest } from '../../api/contract.ts';
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { formatSitedTarget } from '../../routing/sited-target.ts';
import { ANY_TARGET } from '../../routing/target.ts';
import type { Operator } from '../../store/operators.ts';
import { mintSessionToken } from '../../tokens/session-token.ts';
import type { Caller } from './caller.ts';
import { assertServing, type ControlContext } from './context.ts';
import { type DecidedWay, decisionError, type Request } from './decide.ts';
import { judgeRequest, readRequest } from './judge-request.ts';
import { endsOf } from './list-sessions.ts';

/** Targets that are not known yet are decided, and their sessions opened, when they are asked for: control/authorise.ts. Errors `login.missing`, `target.malformed`, what the decision of a target says, `limit.reached`. A refusal is audited with its record. */
export async function openSession(context: ControlContext, caller: Caller, request: SessionRequest): Promise<SessionGrant> {
  const { authority, keys, sessions, users, world } = context;
  const { operator, credentialHash } = caller;
  if (!operator || credentialHash === null)
    throw new TunnelError('login.missing', 'a session belongs to an operator who is logged in', { hint: 'tunnel login --token-file FILE' });
  const serving = assertServing(context);
  context.draining.assertServing();
  if ((request.alternates ?? []).length > 0 && request.targets.length > 1) throw new TunnelError('request.malformed', 'alternates are for one target only');

  if (request.targets.includes(ANY_TARGET)) demandKnown(context, request.agent);
  const read = (target: string) => readRequest({ ...request, target }, operator);
  const named = request.targets.filter((text) => text !== ANY_TARGET).map(read);
  const refused: SessionGrant['refused'] = [];
  /** What a renewal cannot have now it is told of; anyone else fails as a whole. */
  const orRefuse = async <Value>(target: string, work: () => Value): Promise<Awaited<Value> | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TunnelError) || request.renewal !== true) throw error;
      refused.push({ target, code: error.code, message: error.message, hint: error.hint });
      return undefined;
    }
  };
  const decided: { readonly target: string; readonly way: DecidedWay }[] = [];
  for (const asked of named) {
    const target = formatSitedTarget(asked.target);
    const way = await orRefuse(target, () => chooseWay(context, asked, operator, request.renewal === true));
    if (way) decided.push({ target, way });
  }
  const granted: SessionGrant['targets'] = [];
  for (const { target, way } of decided) {
    const lease = await orRefuse(target, () => sessions.lease(operator, way.agent));
    if (!lease) continue;
    if (request.renewal) users.expect(lease.sessionId);
    const { longest_ends_at } = endsOf(sessions.find(lease.sessionId));
    granted.push({ target, agent: way.agent.name, session_id: lease.sessionId, longest_ends_at });
  }
  const now = world.clock.now();
  const times = { now, expiresAt: now + LIMITS.sessionTokenMs };
  const claims = {
    operatorId: operator.id,
    targets: request.targets.map((text) => (text === ANY_TARGET ? text : formatSitedTarget(read(text).target))),
    agent: request.agent,
    site: request.site,
    alternates: (named[0]?.alternates ?? []).map(formatSitedTarget),
    credentialId: credentialHash,
  };
  return {
    token: await mintSessionToken(claims, keys[0], times),
    expires_at: new Date(times.expiresAt).toISOString(),
    connect: serving.connect,
    proxy: serving.proxyUrl,
    ca_pem: authority.bundlePem,
    idle_seconds: LIMITS.sessionIdleMs / 1000,
    targets: granted,
    refused,
  };
}

/** Where targets are not known yet nothing is decided; an agent that there is not is known at once. */
function demandKnown({ registry }: ControlContext, agent: string | undefined): void {
  if (agent === undefined || registry.find(agent)) return;
  throw new TunnelError('agent.unknown', `there is no agent ${agent}`, { hint: 'tunnel agent list shows those there are.' });
}

/** A renewal asks again and again while an agent is away: only what policy refuses it then is a matter for the audit log. */
async function chooseWay(context: ControlContext, asked: Request, operator: Operator, renewal: boolean): Promise<DecidedWay> {
  const { record, ways } = await judgeRequest(context, asked);
  const [way] = ways;
  if (way) return way;
  const error = decisionError(record) ?? new TunnelError('internal', 'a decision without a way');
  if (renewal && error.kind !== 'forbidden') throw error;
  context.audit.keep({
    code: 'session.refused',
    actor: `operator:${operator.name}`,
    subject: `target:${record.target}`,
    detail: { code: error.code, reason: error.message, decision: record },
  });
  throw error;
}
