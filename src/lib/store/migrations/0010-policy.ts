// The policy that an administrator sets: its revision, groups and rules, each list as JSON in canonical text. No row of it: the built-in one.
export const policy: readonly string[] = [
  `create table policy_head (
    id integer primary key not null check (id = 1),
    revision bigint not null,
    set_at bigint not null,
    set_by text not null
  )`,
  `create table policy_groups (
    name text primary key not null,
    operators text not null
  )`,
  `create table policy_rules (
    position bigint primary key not null,
    name text,
    operators text,
    operator_groups text,
    agents text,
    targets text,
    ports text,
    kinds text,
    max_length text,
    extendable integer
  )`,
];
