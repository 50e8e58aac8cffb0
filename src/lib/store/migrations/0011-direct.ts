// The gateway's own connections have sessions as those of agents have: of this row, which is deleted for everybody else.
export const direct: readonly string[] = [
  `insert into agents (id, name, state, allowed_routes, bare_names_are_suffixes, ephemeral, created_at)
    values ('00000000-0000-0000-0000-000000000000', '@direct', 'deleted', '[]', 0, 0, 0)`,
];
