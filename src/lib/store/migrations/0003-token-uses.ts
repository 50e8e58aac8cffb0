// Strings that work more than once: what each use gave stands in a row of its own; and what a string may be bound to.
export const tokenUses: readonly string[] = [
  `alter table tokens add column max_uses integer not null default 1 check (max_uses between 1 and 10000)`,
  `alter table tokens add column uses integer not null default 0 check (uses >= 0 and uses <= max_uses)`,
  `alter table tokens add column ephemeral integer not null default 0 check (ephemeral in (0, 1))`,
  `alter table tokens add column sources text`,
  `alter table tokens add column targets text`,
  `update tokens set uses = 1 where used_at is not null`,

  // The key that enrolled gets the same answer again for a while, and takes no second use.
  `create table token_uses (
    token_id text not null references tokens (id) on delete cascade,
    used_by text not null,
    used_at bigint not null,
    answer text not null,
    primary key (token_id, used_by)
  )`,
  `insert into token_uses select id, used_by, used_at, answer from tokens where used_at is not null and used_by is not null and answer is not null`,
  `alter table tokens drop column used_by`,
  `alter table tokens drop column answer`,

  `alter table agents add column ephemeral integer not null default 0 check (ephemeral in (0, 1))`,
  `alter table operators add column targets text`,
];
