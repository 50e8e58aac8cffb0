// Which tunnel a session belongs to: sessions that are live on one agent at one time share one (requirements B2).
export const tunnels: readonly string[] = [`alter table sessions add column tunnel_id text`];
