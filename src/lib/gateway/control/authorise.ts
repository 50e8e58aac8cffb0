// An operator's CONNECT becomes a plan: the token is judged, the target decided, and every way gets its lease (requirements A8 to A10, E1).
import { auditText } from '../../audit/text.ts';
import { TunnelError } from '../../base/errors.ts';
import type { DecisionRecord } from '../../routing/decision.ts';
import { formatSitedTarget } from '../../routing/sited-target.ts';
import { ANY_TARGET, formatTarget } from '../../routing/target.ts';
import type { Operator } from '../../store/operators.ts';
import { type SessionTokenClaims, verifySessionToken } from '../../tokens/session-token.ts';
import type { ConnectRequest, Plan, Way } from '../contract.ts';
import type { ControlContext } from './context.ts';
import { type DecidedWay, decisionError, type Request } from './decide.ts';
import { judgeRequest, readRequest } from './judge-request.ts';
import { whyRefused } from './refused-string.ts';

type Claims = SessionTokenClaims & { readonly expiresAt: number };

const MOST_TOKENS = 4096;

/** A plan, and what the edge that carries it out need not know. */
export interface Planned {
  readonly plan: Plan;
  readonly operator: string;
  readonly decision: DecisionRecord;
}

/** Tokens whose signature was found good: one is used for many channels. */
export class SeenTokens {
  readonly #claims = new Map<string, Claims>();

  async verify({ keys, world }: Pick<ControlContext, 'keys' | 'world'>, text: string): Promise<Claims> {
    const now = world.clock.now();
    const seen = this.#claims.get(text);
    if (seen && now < seen.expiresAt) return seen;
    this.#claims.delete(text);
    const claims = await verifySessionToken(text, keys, now);
    this.#claims.set(text, claims);
    if (this.#claims.size > MOST_TOKENS) for (const oldest of this.#claims.keys().take(1)) this.#claims.delete(oldest);
    return claims;
  }
}

/** Errors `gateway.stopping`, `session.refused`, `operator.locked`, `target.malformed`, what the decision says, `limit.reached`, `store.busy`. A refusal is audited with its record. */
export async function authorise(context: ControlContext, seen: SeenTokens, request: ConnectRequest): Promise<Planned> {
  context.draining.assertServing();
  const { claims, operator } = await callerOf(context, seen, request);
  const policy = context.policy.current;
  const asked = readAudited(context, operator, () => readRequest({ ...claims, target: request.target }, operator));
  const text = formatTarget(asked.target);
  const { record, ways } = await judgeRequest(context, asked);
  const refuse = (error: TunnelError) => {
    context.tallies.add('channels_refused_total', { code: error.code });
    context.audit.keep({
      code: 'channel.refused',
      actor: `operator:${operator.name}`,
      subject: `target:${text}`,
      detail: { code: error.code, reason: error.message, decision: record },
    });
    return error;
  };
  if (!claims.targets.includes(ANY_TARGET) && !claims.targets.includes(formatSitedTarget(asked.target))) {
    throw refuse(new TunnelError('policy.denied', `this session is not for ${text}`, { hint: `It is for ${claims.targets.slice(0, 5).join(', ')}.` }));
  }
  const none = decisionError(record);
  if (none) throw refuse(none);
  const leased = await leaseAll(context, operator, ways).catch((error: unknown) => {
    throw error instanceof TunnelError ? refuse(error) : error;
  });
  await operatorOf(context, claims); // asked again: a login that was ended meanwhile opens nothing
  if (policy !== context.policy.current) return authorise(context, seen, request); // by the policy that was set meanwhile
  if (request.connection !== undefined) for (const { session } of leased) context.users.use(request.connection, session.sessionId);
  return { plan: { channelId: context.world.random.uuid(), ways: leased }, operator: operator.name, decision: record };
}

/** What cannot be read as a target is audited too: whoever tries spellings shall be seen. Error `target.malformed`. */
function readAudited({ audit }: ControlContext, { name }: Operator, read: () => Request): Request {
  try {
    return read();
  } catch (error) {
    if (error instanceof TunnelError) {
      const detail = { code: error.code, reason: auditText(error.message) };
      audit.keepProvoked({ code: 'channel.refused', actor: `operator:${name}`, subject: 'target:malformed', detail });
    }
    throw error;
  }
}

/** Whose token it is. Errors `session.refused`, `operator.locked`, audited with what was wrong. */
async function callerOf(context: ControlContext, seen: SeenTokens, { sessionToken, remote }: ConnectRequest): Promise<{ claims: Claims; operator: Operator }> {
  try {
    const claims = await seen.verify(context, sessionToken);
    return { claims, operator: await operatorOf(context, claims) };
  } catch (error) {
    if (error instanceof TunnelError) {
      const detail = { code: error.code, reason: auditText(whyRefused(error)) };
      context.audit.keepProvoked({ code: 'session.refused', actor: `address:${remote.address}`, subject: 'gateway', detail });
    }
    throw error;
  }
}

/** The login that the token came from must still be good, so that logging out, locking and removing end it at once. Errors `session.refused`, `operator.locked`. */
export async function operatorOf({ logins }: ControlContext, { operatorId, credentialId }: Claims): Promise<Operator> {
  const found = credentialId === undefined ? undefined : await logins.find(credentialId);
  if (found?.operator.id !== operatorId)
    throw new TunnelError('session.refused', 'the login of this session has ended', { hint: 'Log in again: tunnel login --token-file FILE' });
  return found.operator;
}

/** An agent that has no room for a session is passed over while another way is left. */
async function leaseAll({ sessions }: ControlContext, operator: Operator, ways: readonly DecidedWay[]): Promise<Way[]> {
  const leased: Way[] = [];
  let failure: unknown;
  for (const { agent, target, direct } of ways) {
    const linkId = direct ? '' : agent.link?.linkId;
    if (linkId === undefined) continue;
    try {
      leased.push({ linkId, agentId: agent.id, agent: agent.name, ...(direct && { direct }), target, session: await sessions.lease(operator, agent) });
    } catch (error) {
      failure = error;
    }
  }
  if (leased.length === 0) throw failure ?? new TunnelError('agent.offline', 'the agent went offline a moment ago');
  return leased;
}
