// After policy, a login or an agent's terms changed: what no longer fits ends, and agents get material for what is granted now (security.md, O).
import type { CutAnswer } from '../../api/locks.ts';
import { judgeConnect, mayReachAgent } from '../../policy/evaluate.ts';
import { parseTarget } from '../../routing/target.ts';
import { endText } from '../../sessions/close-reason.ts';
import type { ControlContext } from './context.ts';
import { countOf } from './cut-off.ts';
import { DIRECT_CARRIER } from './direct.ts';
import type { KnownAgent } from './known-agent.ts';
import type { Session } from './live-session.ts';

const REASON = 'policy-changed';

type Fits = (agent: KnownAgent, target: string) => boolean;

/**
 * Judges the open channels of these sessions anew: a session that nothing is left of ends, of another one the channels that do not fit are cut, and its agent is told.
 * Resolves when the edge has done so; an agent that does not listen is not waited for. `alsoFits`: what besides login, policy and ports must hold.
 */
export async function refit(context: ControlContext, chosen: (session: Session) => boolean, alsoFits: Fits = () => true): Promise<CutAnswer> {
  const { sessions } = context;
  const over = (session: Session) => chosen(session) && nothingLeft(context, session, alsoFits);
  const ended = countOf(await sessions.endWhere(over, REASON));
  const narrowed = await Promise.all(
    sessions
      .all()
      .filter(chosen)
      .map((session) => narrow(context, session, alsoFits)),
  );
  return { links: 0, sessions: ended.sessions, channels: ended.channels + narrowed.reduce((sum, cut) => sum + cut, 0) };
}

/** Of one channel that was just opened: what it was allowed by may have changed while it was. */
export function fitsNow({ policy, registry }: Pick<ControlContext, 'policy' | 'registry'>, { operator, agent: { id } }: Session, target: string): boolean {
  const agent = id === DIRECT_CARRIER.id ? DIRECT_CARRIER : registry.byId(id);
  return agent !== undefined && agent.barred === null && judgeConnect({ policy: policy.current, operator, agent, target: parseTarget(target) }).allowed;
}

function nothingLeft(context: ControlContext, session: Session, alsoFits: Fits): boolean {
  const { operator, agent, channels } = session;
  if (!mayReachAgent(context.policy.current, operator, agent.name)) return true;
  return channels.size > 0 && unfit(context, session, alsoFits).length === channels.size;
}

/** Ids of channels. */
function unfit(context: ControlContext, session: Session, alsoFits: Fits): string[] {
  const agent = context.registry.byId(session.agent.id);
  const fits = (target: string) => fitsNow(context, session, target) && (agent === undefined || alsoFits(agent, target));
  return [...session.channels].flatMap(([channelId, target]) => (fits(target) ? [] : [channelId]));
}

/** How many channels were cut. */
async function narrow(context: ControlContext, session: Session, alsoFits: Fits): Promise<number> {
  const { registry, serving, sessions, users, world } = context;
  const edge = serving()?.edge;
  const agent = registry.byId(session.agent.id);
  if (!edge) return 0;
  const failed = (error: unknown) => world.log.info({ error, sessionId: session.id }, 'the edge could not narrow a session: its link may be gone');
  const cut = unfit(context, session, alsoFits);
  if (cut.length > 0) {
    const connections = users.connectionsOf({ sessionId: session.id });
    const message = `a connection through ${session.agent.name} was cut: ${endText(REASON, null)}`;
    // In this order: who hears why before the channels are cut can say so.
    const told = edge.tellOperators(connections, { reason: REASON, message, sessionId: session.id });
    await Promise.all([told.catch(failed), edge.endChannels(cut, REASON).catch(failed)]);
  }
  if (!agent) return cut.length;
  try {
    const lease = await sessions.relet(session.id, agent);
    if (lease) await edge.updateSession(lease);
  } catch (error) {
    failed(error);
    await sessions.end(session.id, REASON); // its agent must not keep material for more than is granted
  }
  return cut.length;
}
