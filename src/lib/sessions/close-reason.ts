// Why a session ended: the one closed list, the same on the screen, in JSON, in the log and in the audit row.
export const CLOSE_REASONS = {
  'operator-closed': 'the operator closed it',
  idle: 'no activity within the idle limit',
  'agent-lost': 'the agent lost its link',
  'agent-removed': 'the agent was removed',
  'operator-removed': 'the operator was removed',
  'policy-changed': 'policy no longer allows it',
  'gateway-stopping': 'the gateway is stopping',
  'gateway-restarted': 'the gateway was restarted',
} as const;

export type CloseReason = keyof typeof CLOSE_REASONS;
