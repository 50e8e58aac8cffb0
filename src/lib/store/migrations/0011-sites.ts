// Where agents stand among each other: their site, their weight, and what becomes of their routes while they are away.
export const sites: readonly string[] = [
  'alter table agents add column site text',
  'alter table agents add column weight integer not null default 100',
  `alter table agents add column on_offline text not null default 'next' check (on_offline in ('next', 'fail'))`,
  'alter table tokens add column site text',
];
