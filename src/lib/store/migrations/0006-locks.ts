// Taking back: what is locked, keys that never count again, and from which string a credential came.
export const locks: readonly string[] = [
  ...['agents', 'operators', 'tokens', 'sessions'].flatMap((table) => [
    `alter table ${table} add column locked_at bigint`,
    `alter table ${table} add column lock_reason text`,
  ]),
  // A session that is locked keeps its pair from opening another.
  `create index sessions_locked on sessions (operator_id, agent_id) where locked_at is not null`,
  `alter table credentials add column token_id text`,

  // Apart from the certificates: a key that was taken back is refused under any serial and any agent, now and later.
  `create table revoked_keys (
    spki_sha256 text primary key not null,
    agent_id text not null,
    revoked_at bigint not null
  )`,
  `insert into revoked_keys (spki_sha256, agent_id, revoked_at)
    select certificates.spki_sha256, min(certificates.agent_id), min(coalesce(certificates.revoked_at, 0))
    from certificates join agents on agents.id = certificates.agent_id
    where agents.state <> 'active'
    group by certificates.spki_sha256`,
];
