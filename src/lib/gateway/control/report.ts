// What became of channels: audit rows with the very decision record that was used, and the counts of their sessions.

import type { AuditEvent } from '../../audit/event.ts';
import { auditText } from '../../audit/text.ts';
import { TunnelError } from '../../base/errors.ts';
import type { DecisionRecord, Outcome } from '../../routing/decision.ts';
import type { ChannelEvent } from '../contract.ts';
import type { Planned } from './authorise.ts';
import type { ControlContext } from './context.ts';
import { fitsNow, refit } from './refit.ts';

interface Expected {
  readonly operator: string;
  readonly decision: DecisionRecord;
  /** Ways that were tried in vain. */
  readonly tried: object[];
}

interface OpenChannel {
  readonly sessionId: string;
  readonly operator: string;
  readonly agent: string;
  readonly target: string;
}

/** An edge that never says what became of a plan must not fill the memory. */
const MOST_PLANS = 10_000;

export class ChannelReports {
  readonly #expected = new Map<string, Expected>();
  readonly #open = new Map<string, OpenChannel>();

  expect({ plan, operator, decision }: Planned): void {
    this.#expected.set(plan.channelId, { operator, decision, tried: [] });
    if (this.#expected.size > MOST_PLANS) for (const oldest of this.#expected.keys().take(1)) this.#expected.delete(oldest);
  }

  /** Error `protocol.violation` for a channel that nobody planned. */
  hear(context: ControlContext, event: ChannelEvent): void {
    if (event.kind === 'ended') {
      this.#ended(context, event);
      return;
    }
    if (event.kind === 'active') {
      if (this.#open.get(event.channelId)?.sessionId === event.sessionId) context.sessions.active(event.sessionId);
      return;
    }
    const planned = this.#expected.get(event.channelId);
    if (!planned) throw new TunnelError('protocol.violation', `the channel ${event.channelId} was never planned`);
    if (event.kind === 'opened') this.#opened(context, event, planned);
    else this.#refused(context, event, planned);
  }

  /** Ends every channel of an edge that can say nothing any more, and what it had still to try; how many were open. */
  lost({ audit, sessions }: ControlContext, reason: string): number {
    const [open, planned] = [[...this.#open], [...this.#expected]];
    this.#open.clear();
    this.#expected.clear();
    for (const [channelId, { sessionId, operator, agent, target }] of open) {
      sessions.channelEnded(sessionId, channelId);
      const detail = { channel_id: channelId, session_id: sessionId, agent, bytes_up: null, bytes_down: null, reason: 'edge-lost' };
      audit.keep({ code: 'channel.ended', actor: `operator:${operator}`, subject: `target:${target}`, detail });
    }
    for (const [channelId, { operator, decision, tried }] of planned) {
      const outcome: Outcome = { result: 'refused', agent: null, address: null, code: 'link.lost', reason };
      const detail = { channel_id: channelId, session_id: null, agent: null, decision: { ...decision, outcome }, tried };
      audit.keep({ code: 'channel.refused', actor: `operator:${operator}`, subject: `target:${decision.target}`, detail });
    }
    return open.length;
  }

  #opened(context: ControlContext, event: Extract<ChannelEvent, { kind: 'opened' }>, planned: Expected): void {
    const { audit, sessions } = context;
    const { channelId, sessionId, agent, target } = event;
    const address = event.address && auditText(event.address);
    this.#expected.delete(channelId);
    this.#open.set(channelId, { sessionId, operator: planned.operator, agent, target });
    sessions.channelOpened(sessionId, channelId, target);
    context.tallies.add('channels_opened_total', {});
    context.failures.succeeded(agent, target);
    audit.keep(rowOf('channel.opened', event, planned, { result: 'connected', agent, address, code: null, reason: null }));
    endWhereEnded(context, sessionId);
    cutWhereUnfit(context, sessionId, target);
  }

  #refused(context: ControlContext, event: Extract<ChannelEvent, { kind: 'refused' }>, planned: Expected): void {
    const { channelId, agent, target, code, last } = event;
    const reason = auditText(event.reason);
    endWhereEnded(context, event.sessionId);
    context.failures.failed(agent, target, code, context.world.clock.monotonic());
    planned.tried.push({ agent, target, code, reason });
    if (!last) return;
    this.#expected.delete(channelId);
    context.tallies.add('channels_refused_total', { code });
    context.audit.keep(rowOf('channel.refused', event, planned, { result: 'refused', agent, address: null, code, reason }));
  }

  #ended({ audit, sessions, tallies }: ControlContext, event: Extract<ChannelEvent, { kind: 'ended' }>): void {
    const { channelId, sessionId, bytesUp, bytesDown, reason } = event;
    const open = this.#open.get(channelId);
    this.#open.delete(channelId);
    sessions.channelEnded(sessionId, channelId);
    tallies.add('channels_ended_total', {});
    tallies.add('channel_bytes_total', { direction: 'up' }, bytesUp);
    tallies.add('channel_bytes_total', { direction: 'down' }, bytesDown);
    const [actor, subject] = open ? [`operator:${open.operator}`, `target:${open.target}`] : ['gateway', `channel:${channelId}`];
    const detail = {
      channel_id: channelId,
      session_id: sessionId,
      agent: open?.agent ?? null,
      bytes_up: bytesUp,
      bytes_down: bytesDown,
      reason: auditText(reason),
    };
    audit.keep({ code: 'channel.ended', actor, subject, detail });
  }
}

/** A session that ended while the agent was still connecting: the edge may have opened it at the agent only then, and would keep it open. */
function endWhereEnded({ serving, sessions, world }: ControlContext, sessionId: string): void {
  if (sessions.find(sessionId)) return;
  serving()
    ?.edge.endSession(sessionId, 'the session has ended')
    .catch((error: unknown) => world.log.error({ error, sessionId }, 'a session that had ended could not be closed at the edge'));
}

/** What allowed it may have been taken back while the agent was still connecting. */
function cutWhereUnfit(context: ControlContext, sessionId: string, target: string): void {
  const session = context.sessions.find(sessionId);
  if (!session || fitsNow(context, session, target)) return;
  refit(context, ({ id }) => id === sessionId).catch((error: unknown) =>
    context.world.log.error({ error, sessionId }, 'a channel that policy no longer allows was not cut'),
  );
}

function rowOf(code: 'channel.opened' | 'channel.refused', event: ChannelEvent, { operator, decision, tried }: Expected, outcome: Outcome): AuditEvent {
  const detail = { channel_id: event.channelId, session_id: event.sessionId, agent: outcome.agent, decision: { ...decision, outcome }, tried };
  return { code, actor: `operator:${operator}`, subject: `target:${decision.target}`, detail };
}
