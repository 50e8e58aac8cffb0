// The first tables: every rule that must hold when two race is an index or a check here, not code that reads and then writes.
export const first: readonly string[] = [
  `create table agents (
    id text primary key not null,
    name text not null,
    state text not null check (state in ('active', 'revoked', 'deleted')),
    allowed_routes text not null,
    ports text,
    os text,
    hostname text,
    bare_names_are_suffixes integer not null default 0 check (bare_names_are_suffixes in (0, 1)),
    created_at bigint not null,
    last_seen bigint
  )`,
  // A deleted agent gives its name free, its id never.
  `create unique index agents_name on agents (name) where state <> 'deleted'`,

  `create table certificates (
    serial text primary key not null,
    agent_id text not null references agents (id) on delete cascade,
    spki_sha256 text not null,
    fingerprint text not null,
    not_before bigint not null,
    not_after bigint not null,
    revoked_at bigint
  )`,
  `create index certificates_agent on certificates (agent_id)`,
  `create index certificates_spki on certificates (spki_sha256)`,

  `create table tokens (
    id text primary key not null,
    kind text not null check (kind in ('agent', 'operator', 'admin')),
    name text not null,
    hash text not null unique,
    routes text not null,
    ports text,
    agents text,
    replaces integer not null check (replaces in (0, 1)),
    credential_ms bigint,
    created_at bigint not null,
    created_by text not null,
    expires_at bigint not null,
    used_at bigint,
    used_by text,
    answer text,
    revoked_at bigint
  )`,
  `create index tokens_created on tokens (created_at, id)`,

  `create table operators (
    id text primary key not null,
    name text not null unique,
    kind text not null check (kind in ('operator', 'admin')),
    agents text,
    created_at bigint not null
  )`,

  `create table credentials (
    hash text primary key not null,
    operator_id text not null references operators (id) on delete cascade,
    created_at bigint not null,
    expires_at bigint not null,
    revoked_at bigint
  )`,
  `create index credentials_operator on credentials (operator_id)`,

  `create table sessions (
    id text primary key not null,
    operator_id text not null references operators (id) on delete cascade,
    agent_id text not null references agents (id) on delete cascade,
    state text not null check (state in ('live', 'ended')),
    opened_at bigint not null,
    ended_at bigint,
    reason text,
    last_activity bigint not null
  )`,
  `create unique index sessions_live on sessions (operator_id, agent_id) where state = 'live'`,
  `create index sessions_live_agent on sessions (agent_id) where state = 'live'`,

  `create table audit (
    seq integer primary key autoincrement,
    time bigint not null,
    code text not null,
    actor text not null,
    subject text not null,
    detail text not null
  )`,
  `create trigger audit_no_update before update on audit begin select raise(abort, 'an audit row is never changed'); end`,
  `create trigger audit_no_delete before delete on audit begin select raise(abort, 'an audit row is never removed'); end`,

  `create table settings (key text primary key not null, value text not null)`,
];
