// The hash chain of the audit log, with its head, and what filters need. Rows from before have no hash.
export const auditChain: readonly string[] = [
  'alter table audit add column hash text',
  'create table audit_head (id integer primary key not null check (id = 1), seq bigint not null, hash text not null)',
  'create index audit_time on audit (time)',
  'create index audit_code on audit (code, seq)',
  'create index audit_actor on audit (actor, seq)',
  'create index audit_subject on audit (subject, seq)',
];
