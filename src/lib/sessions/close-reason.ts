// Why a session ended: the one closed list of reasons, the same on the screen, in JSON, in the log and in the audit row, and what it means to whoever uses it.

interface Meaning {
  readonly text: string;
  /**
   * What the operator's program does. `over`: it ends. `ask`: it asks for the session again, and ends where it is refused, because another login or another agent
   * may serve. `heal`: it waits for what is away. `none`: it is not told, because its connection ends too.
   */
  readonly effect: 'over' | 'ask' | 'heal' | 'none';
}

export const CLOSE_REASONS = {
  'operator-closed': { text: 'the operator closed it', effect: 'over' },
  'admin-closed': { text: 'an administrator closed it', effect: 'over' },
  idle: { text: 'no activity within the idle limit', effect: 'over' },
  'too-long': { text: 'it lasted as long as a session may', effect: 'over' },
  'agent-lost': { text: 'the agent lost its link', effect: 'heal' },
  'agent-removed': { text: 'the agent was deleted, or enrolled again with another key', effect: 'ask' },
  'agent-revoked': { text: 'the agent was revoked', effect: 'ask' },
  'agent-locked': { text: 'the agent was locked', effect: 'ask' },
  'operator-removed': { text: 'the operator was deleted', effect: 'ask' },
  'operator-locked': { text: 'the operator was locked', effect: 'ask' },
  'login-ended': { text: 'a login of this operator was ended', effect: 'ask' },
  'session-locked': { text: 'the session was locked', effect: 'ask' },
  'policy-changed': { text: 'policy no longer allows it', effect: 'ask' },
  'gateway-stopping': { text: 'the gateway is stopping', effect: 'none' },
  'gateway-restarted': { text: 'the gateway was restarted', effect: 'none' },
} as const satisfies Record<string, Meaning>;

export type CloseReason = keyof typeof CLOSE_REASONS;

/** For text that came over a wire; a reason that only a later version knows is none. */
export function isCloseReason(text: string): text is CloseReason {
  return Object.hasOwn(CLOSE_REASONS, text);
}

export function effectOf(reason: CloseReason): Meaning['effect'] {
  return CLOSE_REASONS[reason].effect;
}

/** For a screen; `note` is what an administrator gave as the reason. */
export function endText(reason: CloseReason, note: string | null): string {
  return note === null ? CLOSE_REASONS[reason].text : `${CLOSE_REASONS[reason].text}: ${note}`;
}
