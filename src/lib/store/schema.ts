// The tables as the queries see them. Times are ms since 1970 in UTC; keys here in camel case stand in snake case in the file.
import type { LockColumns } from './lock.ts';

export interface Schema {
  agents: AgentsRow;
  certificates: CertificatesRow;
  tokens: TokensRow;
  tokenUses: TokenUsesRow;
  operators: OperatorsRow;
  credentials: CredentialsRow;
  sessions: SessionsRow;
  audit: AuditTableRow;
  auditHead: AuditHeadRow;
  settings: SettingsRow;
  expiryWarnings: ExpiryWarningsRow;
  revokedKeys: RevokedKeysRow;
  policyHead: PolicyHeadRow;
  policyGroups: PolicyGroupsRow;
  policyRules: PolicyRulesRow;
}

export interface AgentsRow extends LockColumns {
  id: string;
  name: string;
  state: 'active' | 'revoked' | 'deleted';
  /** JSON list of routes in canonical text. */
  allowedRoutes: string;
  /** JSON list of ranges as text; null: the defaults of its system. */
  ports: string | null;
  os: string | null;
  hostname: string | null;
  /** 0 or 1. */
  bareNamesAreSuffixes: number;
  /** 0 or 1: goes when its last link has gone. */
  ephemeral: number;
  site: string | null;
  weight: number;
  onOffline: 'next' | 'fail';
  createdAt: number;
  lastSeen: number | null;
}

export interface CertificatesRow {
  /** Lower-case hex. */
  serial: string;
  agentId: string;
  spkiSha256: string;
  fingerprint: string;
  notBefore: number;
  notAfter: number;
  /** May lie in the future: good until then. */
  revokedAt: number | null;
}

export interface TokensRow extends LockColumns {
  /** The `jti`. */
  id: string;
  kind: 'agent' | 'operator' | 'admin';
  name: string;
  hash: string;
  routes: string;
  ports: string | null;
  agents: string | null;
  /** 0 or 1. */
  replaces: number;
  credentialMs: number | null;
  createdAt: number;
  createdBy: string;
  expiresAt: number;
  maxUses: number;
  uses: number;
  /** The last time. */
  usedAt: number | null;
  /** 0 or 1: the agents that it makes vanish when they go. */
  ephemeral: number;
  /** JSON list of networks that may enrol with it; null: all. */
  sources: string | null;
  /** JSON list of target scopes; null: all. */
  targets: string | null;
  /** Of the agents that it makes. */
  site: string | null;
  revokedAt: number | null;
}

/** One enrolment with a token. */
export interface TokenUsesRow {
  tokenId: string;
  /** SHA-256 of the SPKI that was enrolled. */
  usedBy: string;
  usedAt: number;
  /** What was answered, for a repeat with the same key. */
  answer: string;
}

export interface OperatorsRow extends LockColumns {
  id: string;
  name: string;
  kind: 'operator' | 'admin';
  /** JSON list of agent names; null: all. */
  agents: string | null;
  /** JSON list of target scopes; null: all. */
  targets: string | null;
  createdAt: number;
}

export interface CredentialsRow {
  hash: string;
  operatorId: string;
  /** The string that it was exchanged for; null for those from before it was kept. */
  tokenId: string | null;
  createdAt: number;
  expiresAt: number;
  revokedAt: number | null;
}

export interface SessionsRow extends LockColumns {
  id: string;
  operatorId: string;
  agentId: string;
  state: 'live' | 'ended';
  openedAt: number;
  endedAt: number | null;
  reason: string | null;
  lastActivity: number;
  /** The same in all that are live on one agent at one time; null in those from before there were tunnels. */
  tunnelId: string | null;
}

/** Keys of agents that were revoked or deleted. */
export interface RevokedKeysRow {
  spkiSha256: string;
  agentId: string;
  revokedAt: number;
}

export interface AuditTableRow {
  seq: number;
  time: number;
  code: string;
  actor: string;
  subject: string;
  detail: string;
  /** Null in rows from before there was a chain. */
  hash: string | null;
}

/** One row, once there is a chain. */
export interface AuditHeadRow {
  id: number;
  seq: number;
  hash: string;
}

export interface ExpiryWarningsRow {
  agentId: string;
  warnedAt: number;
}

export interface SettingsRow {
  key: string;
  value: string;
}

/** One row, once a policy was set. */
export interface PolicyHeadRow {
  id: number;
  revision: number;
  setAt: number;
  setBy: string;
}

export interface PolicyGroupsRow {
  name: string;
  /** JSON list of names. */
  operators: string;
}

/** JSON lists in canonical text; null where the file says nothing. */
export interface PolicyRulesRow {
  /** From 0, as in the file. */
  position: number;
  name: string | null;
  operators: string | null;
  operatorGroups: string | null;
  agents: string | null;
  targets: string | null;
  ports: string | null;
  kinds: string | null;
  /** A duration as it was written. */
  maxLength: string | null;
  /** 0 or 1. */
  extendable: number | null;
}
