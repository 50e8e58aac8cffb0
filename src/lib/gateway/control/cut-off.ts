// What runs is cut when something was taken back. The store has the change by then, so nothing that is cut here can come back (security.md, G).
import type { CutAnswer } from '../../api/locks.ts';
import type { CloseReason } from '../../sessions/close-reason.ts';
import type { ControlContext } from './context.ts';
import type { RegisteredLink } from './known-agent.ts';
import type { Session } from './live-session.ts';

type Running = Pick<ControlContext, 'registry' | 'serving' | 'sessions' | 'world'>;

interface Why {
  readonly reason: CloseReason;
  /** What an administrator gave as the reason. */
  readonly note: string | null;
  /** What the agent is told. */
  readonly toAgent: string;
}

/** `links` are those to close where the registry knows the agent no more. Neither waits for the other, nor for an agent that does not listen. */
export async function cutOffAgent(
  { registry, serving, sessions, world }: Running,
  agentId: string,
  { reason, note, toAgent }: Why,
  links: readonly RegisteredLink[] = registry.linksOf(agentId),
): Promise<CutAnswer> {
  const edge = serving()?.edge;
  const close = async ({ linkId }: RegisteredLink) => {
    await edge?.closeLink(linkId, toAgent).catch((error: unknown) => world.log.warn({ error, linkId }, 'link not closed'));
  };
  const [ended] = await Promise.all([sessions.endAll({ agentId }, reason, note), ...links.map(close)]);
  return { links: links.length, ...countOf(ended) };
}

/** Tells the programs of this operator that use no session now, too. */
export async function cutOffOperator(
  { serving, sessions, users, world }: Pick<ControlContext, 'serving' | 'sessions' | 'users' | 'world'>,
  operatorId: string,
  { reason, note, message }: Omit<Why, 'toAgent'> & { readonly message: string },
): Promise<CutAnswer> {
  const ended = sessions.endAll({ operatorId }, reason, note);
  const connections = users.connectionsOf({ operatorId });
  const untold = (error: unknown) => world.log.warn({ error }, 'an operator was not told why its sessions ended');
  if (connections.length > 0) await serving()?.edge.tellOperators(connections, { reason, message }).catch(untold);
  return { links: 0, ...countOf(await ended) };
}

export function countOf(ended: readonly Session[]): Omit<CutAnswer, 'links'> {
  return { sessions: ended.length, channels: ended.reduce((sum, { channels }) => sum + channels.size, 0) };
}

export function sumOf(cuts: readonly CutAnswer[]): CutAnswer {
  const total = (key: keyof CutAnswer) => cuts.reduce((sum, cut) => sum + cut[key], 0);
  return { links: total('links'), sessions: total('sessions'), channels: total('channels') };
}
