// The HTTP contract of agents: how each is linked, what an administrator allows it, and the routes that come of it.
import { z } from 'zod';
import { LockShown } from './locks.ts';
import { name, portsText, routeText, time, uuid } from './shapes.ts';

/** One live link of an agent. */
export const LinkRow = z.object({
  id: uuid,
  transport: z.string(),
  /** Why this transport, in the agent's words; null where it does not say. */
  transport_reason: z.string().nullable(),
  /** address:port; null for operators. */
  remote: z.string().nullable(),
  since: time,
  /** Grows with every link of the gateway. */
  generation: z.number().int(),
  /** New channels take this one. */
  current: z.boolean(),
});
export const AgentRow = z.object({
  id: uuid,
  name,
  state: z.enum(['online', 'offline', 'revoked', 'locked']),
  /** `tunnel` while operators have sessions on it. */
  mode: z.enum(['idle', 'tunnel']),
  /** Live ones. */
  sessions: z.number().int(),
  transport: z.string().nullable(),
  /** Of the current link. */
  transport_reason: z.string().nullable(),
  /** `flapping`: two processes hold this identity and replace each other; the newer one is held off. */
  alarm: z.enum(['flapping']).nullable(),
  /** It is deleted a minute after its last link has gone. */
  ephemeral: z.boolean(),
  /** Null: at none. */
  site: z.string().nullable(),
  /** Among agents with equal routes the larger goes first. */
  weight: z.number().int(),
  /** While nobody who has one of its routes is online: the next route that fits, or none. */
  on_offline: z.enum(['next', 'fail']),
  /** What is active: requested and allowed. */
  routes: z.array(routeText),
  ports: z.array(portsText),
  last_seen: time.nullable(),
  os: z.string().nullable(),
  protocol: z.number().int().nullable(),
  /** What an administrator allows. */
  allowed_routes: z.array(routeText),
  /** What it asks for beyond that. */
  refused_routes: z.array(routeText),
  /** Of the certificate that it uses. */
  not_after: time.nullable(),
  /** It should have been renewed by now: no more than 15 days are left, or a sixth of its life where that is less. */
  expires_soon: z.boolean(),
  /** Oldest first; more than one while an agent moves. */
  links: z.array(LinkRow),
  lock: LockShown.nullable(),
});
export const AgentList = z.object({ agents: z.array(AgentRow), next: z.string().nullable() });
export const AgentChange = z.object({
  routes: z.array(routeText).max(1000).optional(),
  ports: z.array(portsText).max(256).optional(),
  /** Null takes it from its site. */
  site: name.nullable().optional(),
  weight: z.number().int().min(0).max(1000).optional(),
  on_offline: z.enum(['next', 'fail']).optional(),
});

/** `warnings`: where what is allowed now overlaps with what another agent is allowed. */
export const AgentChanged = AgentRow.extend({ warnings: z.array(z.string()) });

export const RouteRow = z.object({
  route: routeText,
  agent: name,
  agent_id: uuid,
  site: z.string().nullable(),
  /** `refused`: the agent asks for it, and is not allowed it, or not all of it; nothing is routed by it. */
  state: z.enum(['online', 'offline', 'refused']),
  auto_detected: z.boolean(),
  /** What other agents are allowed that shares hosts with it; the first ones. */
  overlaps: z.array(z.object({ route: routeText, agent: name })),
});
export const RouteList = z.object({ routes: z.array(RouteRow), next: z.string().nullable() });

export type AgentRow = z.infer<typeof AgentRow>;
export type AgentList = z.infer<typeof AgentList>;
export type AgentChange = z.infer<typeof AgentChange>;
export type AgentChanged = z.infer<typeof AgentChanged>;
export type RouteList = z.infer<typeof RouteList>;
export type RouteRow = z.infer<typeof RouteRow>;
