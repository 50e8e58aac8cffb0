// What an agent does for operators, over all of its links: which sessions are open, whether it is idle or a tunnel, and what of it is written down (requirements B7, C3).
import type { AuditCode, AuditEvent } from '../audit/event.ts';
import { auditText } from '../audit/text.ts';

/** Where rows go. */
export interface LedgerJournal {
  keep(event: AuditEvent): void;
}

/** Of one link; disposed with it. */
export interface LinkLedger extends Disposable {
  sessionOpened(sessionId: string, operator: string): void;
  sessionRefused(sessionId: string, code: string, reason: string): void;
  /** By the gateway, with its reason. */
  sessionEnded(sessionId: string, reason: string): void;
  channelOpened(channel: NotedChannel, address: string): void;
  channelRefused(channel: NotedChannel, code: string, reason: string): void;
  channelEnded(channel: NotedChannel, bytes: { readonly up: number; readonly down: number }, reason: string): void;
}

export interface NotedChannel {
  /** Undefined on version 1, which names sessions only. */
  readonly channelId: string | undefined;
  readonly sessionId: string;
  readonly target: string;
}

interface Held {
  readonly operator: string;
  /** Links on which it is open. */
  readonly links: Set<object>;
}

export class Ledger {
  readonly #journal: LedgerJournal;
  readonly #sessions = new Map<string, Held>();
  #channels = 0;

  constructor(journal: LedgerJournal) {
    this.#journal = journal;
  }

  /** `idle`: nothing but heartbeats goes over its links. */
  get mode(): 'idle' | 'tunnel' {
    return this.#sessions.size > 0 || this.#channels > 0 ? 'tunnel' : 'idle';
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  started(detail: Readonly<Record<string, unknown>>): void {
    this.#keep('agent.started', 'agent', detail);
  }

  stopped(): void {
    this.#keep('agent.stopped', 'agent', {});
  }

  onLink(link: { readonly transport: string }): LinkLedger {
    const gateway = 'gateway';
    const close = (sessionId: string, reason: string) => {
      const held = this.#sessions.get(sessionId);
      if (!held?.links.delete(link) || held.links.size > 0) return;
      this.#sessions.delete(sessionId);
      this.#keep('session.ended', `operator:${held.operator}`, { session_id: sessionId, reason }, gateway);
    };
    this.#keep('link.opened', gateway, { transport: link.transport });
    return {
      sessionOpened: (sessionId, operator) => {
        const held = this.#sessions.get(sessionId) ?? { operator, links: new Set() };
        if (held.links.size === 0) this.#keep('session.opened', `operator:${operator}`, { session_id: sessionId }, gateway);
        held.links.add(link);
        this.#sessions.set(sessionId, held);
      },
      sessionRefused: (sessionId, code, reason) => this.#keep('session.refused', gateway, { session_id: sessionId, code, reason }),
      sessionEnded: close,
      channelOpened: (channel, address) => {
        this.#channels += 1;
        this.#keep('channel.opened', subjectOf(channel), { ...idsOf(channel), address }, this.#actorOf(channel));
      },
      channelRefused: (channel, code, reason) => this.#keep('channel.refused', subjectOf(channel), { ...idsOf(channel), code, reason }, this.#actorOf(channel)),
      channelEnded: (channel, { up, down }, reason) => {
        this.#channels -= 1;
        const detail = { ...idsOf(channel), bytes_up: up, bytes_down: down, reason };
        this.#keep('channel.ended', subjectOf(channel), detail, this.#actorOf(channel));
      },
      [Symbol.dispose]: () => {
        for (const sessionId of [...this.#sessions.keys()]) close(sessionId, 'agent-lost');
        this.#keep('link.closed', gateway, { transport: link.transport });
      },
    };
  }

  #actorOf({ sessionId }: NotedChannel): string {
    const held = this.#sessions.get(sessionId);
    return held ? `operator:${held.operator}` : 'gateway';
  }

  #keep(code: AuditCode, subject: string, detail: Readonly<Record<string, unknown>>, actor = 'agent'): void {
    this.#journal.keep({ code, actor: auditText(actor), subject: auditText(subject), detail: mapped(detail) });
  }
}

/** For one link that serves one purpose: nothing is written down. */
export function silentLedger(): Ledger {
  return new Ledger({ keep() {} });
}

function subjectOf({ target }: NotedChannel): string {
  return `target:${target}`;
}

function idsOf({ channelId, sessionId }: NotedChannel): Record<string, unknown> {
  return { channel_id: channelId ?? null, session_id: sessionId };
}

function mapped(detail: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(detail).map(([key, value]) => [key, typeof value === 'string' ? auditText(value) : value]));
}
