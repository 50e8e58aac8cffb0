// When it was last written down that an agent's certificate is about to end: once a day, whoever looks, and also after a restart.
export const expiryWarnings: readonly string[] = [
  `create table expiry_warnings (
    agent_id text primary key not null references agents (id) on delete cascade,
    warned_at bigint not null
  )`,
];
