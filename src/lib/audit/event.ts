// What is recorded: the one closed list of audit codes, and the shape of an event. Pure; the store keeps it, the API shows it.

/** Stable: codes are added, never renamed. */
export const AUDIT_CODES = {
  'ca.created': 'a certificate authority was made',
  'ca.rotated': 'another certificate authority issues from now on',
  'ca.rotation-ended': 'the certificate authority before is not accepted any more',
  'store.restored': 'the gateway is what a backup held',
  'gateway.started': 'the gateway started to serve',
  'gateway.reloaded': 'the gateway read its configuration again',
  'gateway.draining': 'the gateway moves its agents away and lets nothing new begin',
  'agent.started': 'the agent started to dial its gateway; in its own log only',
  'agent.stopped': 'the agent stopped; in its own log only',
  'gateway.stopped': 'the gateway stopped',
  'edge.lost': "the edge's process ended or had to be ended, and all connections with it",
  'edge.restarted': 'a new process took the place of an edge that was lost',
  'token.minted': 'a token was made',
  'token.revoked': 'a token was revoked',
  'agent.enrolled': 'an agent was enrolled with a token',
  'agent.enrolment-refused': 'an enrolment was refused',
  'agent.renewed': 'an agent got a new certificate for the same key',
  'agent.key-rotated': 'an agent got a certificate for a new key',
  'agent.certificate-replaced': 'a certificate is to end, because its agent has shown the one that replaced it',
  'agent.certificate-expiring': 'the certificate of an agent ends soon, or has ended, and was not renewed; once a day',
  'agent.renewal-refused': 'a renewal was refused',
  'agent.changed': 'what an agent may carry was changed',
  'agent.routes-refused': 'an agent asks for routes that it is not allowed',
  'agent.revoked': 'the certificates and keys of an agent were revoked',
  'agent.deleted': 'an agent was deleted and its certificates revoked',
  'policy.set': 'the policy was replaced',
  'lock.set': 'an operator, an agent, a token or a session was locked',
  'lock.lifted': 'an operator, an agent, a token or a session was unlocked',
  'operator.logged-in': 'an operator exchanged a token for a credential',
  'operator.login-refused': 'a login was refused',
  'operator.credential-refused': 'a request to the API came with a credential that is not, or no longer, good',
  'operator.logged-out': 'an operator gave a credential back',
  'operator.deleted': 'an operator was deleted with its logins',
  'link.opened': 'an agent linked',
  'link.closed': 'the link of an agent ended',
  'link.refused': 'a link was refused',
  'agent.flapping': 'two processes hold the identity of one agent and replace each other',
  'session.opened': 'a session of an operator on an agent began',
  'session.refused': 'a session was refused',
  'session.ended': 'a session ended',
  'channel.opened': 'a channel to a target was opened',
  'channel.refused': 'a channel to a target was refused',
  'channel.ended': 'a channel ended',
} as const;

export type AuditCode = keyof typeof AUDIT_CODES;

export interface AuditEvent {
  readonly code: AuditCode;
  /** Who did it: `operator:alice`, `agent:web1`, `token:<id>`, `local-admin`, `gateway`, or an address where nobody is known. */
  readonly actor: string;
  /** What it was done to, written the same way; `target:10.0.0.5:22` for a channel. */
  readonly subject: string;
  /** Plain JSON in snake_case, never a secret. */
  readonly detail: Readonly<Record<string, unknown>>;
}

/** An event as it was kept: `seq` grows by time of keeping, `time` in ms since 1970. */
export interface AuditRecord extends AuditEvent {
  readonly seq: number;
  readonly time: number;
  /** `chain.ts`; null in rows from before there was a chain. */
  readonly hash: string | null;
}

/** For text that came out of a file. */
export function isAuditCode(text: string): text is AuditCode {
  return Object.hasOwn(AUDIT_CODES, text);
}
