// The HTTP contract of a gateway: every path and the JSON shapes that have no file of their own beside this one, for the server that implements it and the client that calls it.
import { z } from 'zod';
import { LIMITS } from '../base/limits.ts';
import { name, routeText, targetText, time, uuid } from './shapes.ts';

/** Of version 1; the agent paths are served under both. */
export const AGENT_PREFIXES = ['/jet/tunnel', '/jet/agent-tunnel'] as const;

export const PATHS = {
  ca: '/api/v1/ca',
  issued: '/api/v1/ca/issued',
  caRotation: '/api/v1/ca/rotation',
  login: '/api/v1/login',
  logout: '/api/v1/logout',
  whoami: '/api/v1/whoami',
  status: '/api/v1/status',
  drain: '/api/v1/drain',
  config: '/api/v1/config',
  reload: '/api/v1/reload',
  tokens: '/api/v1/tokens',
  agents: '/api/v1/agents',
  routes: '/api/v1/routes',
  resolve: '/api/v1/routes/resolve',
  operators: '/api/v1/operators',
  sessions: '/api/v1/sessions',
  locks: '/api/v1/locks',
  policy: '/api/v1/policy',
  audit: '/api/v1/audit',
  enroll: '/jet/tunnel/enroll',
  livez: '/livez',
  readyz: '/readyz',
  openapi: '/openapi.json',
  metrics: '/metrics',
} as const;

/** Of every answer: SHA-256 of the text that `ca` gives, so that a client learns of a CA that was replaced. */
export const CA_HEADER = 'tunnel-ca';

/** In and out: an id that a caller gives stands in our log and in its answer. */
export const REQUEST_ID_HEADER = 'x-request-id';

// First contact: read without verification, kept only if the pin fits.
export const CaAnswer = z.object({ ca_pem: z.string() });

/** Certificates of agents, revoked and expired ones too. For admins. */
export const IssuedAnswer = z.object({ issued: z.number() });

export const RotateRequest = z.object({ window_ms: z.number().int().positive() });
export const RotationAnswer = z.object({
  /** Of the CA that issues now. */
  spki_sha256: z.string(),
  not_after: time,
  /** Until when the CA before is accepted; null when none is. */
  accepted_until: time.nullable(),
  /** Agents whose certificate is still of the CA before. */
  agents_behind: z.number().int(),
  warnings: z.array(z.string()),
});

// Version 1, byte for byte the reference's names; what is ours is optional.
export const EnrollRequest = z.object({
  agent_id: uuid,
  csr_pem: z.string().min(1).max(16_384),
  agent_hostname: z.string().max(253).nullish(),
  os: z.string().max(32).optional(),
});
/** Where no header can be sent. */
export const EnrolQuery = z.object({ token: z.string().max(LIMITS.tokenCharacters).optional() });
export const EnrollAnswer = z.object({
  agent_id: uuid,
  client_cert_pem: z.string(),
  gateway_ca_cert_pem: z.string(),
  quic_endpoint: z.string(),
  server_spki_sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** JWKS as JSON text, for session material; stock gateways give none. */
  session_keys: z.string().optional(),
});
export const StockAgent = z.object({
  agent_id: uuid,
  name,
  cert_fingerprint: z.string().nullable(),
  is_online: z.boolean(),
  last_seen_ms: z.number().int().nullable(),
  subnets: z.array(routeText),
  domains: z.array(z.object({ domain: z.string(), auto_detected: z.boolean() })),
  route_epoch: z.number().int(),
});

/** The login string is the bearer. Whoever logs in makes the credential, so that a lost answer loses nothing: it asks again with the same one. */
export const LoginRequest = z.object({
  /** SHA-256 of the credential, lower-case hex. */
  credential_sha256: z.string().regex(/^[0-9a-f]{64}$/, 'not 64 lower-case hex digits'),
});
export const LoginAnswer = z.object({
  operator: name,
  kind: z.enum(['operator', 'admin']),
  gateway: z.string(),
  expires_at: time,
  ca_pem: z.string(),
});
export const WhoamiAnswer = z.object({
  operator: name,
  kind: z.enum(['operator', 'admin', 'local-admin']),
  gateway: z.string(),
  /** Names of the agents that the operator may reach; null: all. */
  agents: z.array(name).nullable(),
  /** Hosts with ports that it may reach, in canonical form; null: all. */
  targets: z.array(targetText).nullable(),
  expires_at: time.nullable(),
  /** Of the gateway's program, and where agents dial QUIC, host:port. Gateways before 0.2 do not say. */
  version: z.string().optional(),
  quic_endpoint: z.string().optional(),
});

const Rule = z.enum(['explicit', 'subnet', 'name', 'wildcard', 'suffix', 'direct']);
export const CandidateRow = z.object({
  agent: name,
  agent_id: uuid,
  /** The target itself, or an alternate. */
  target: z.string(),
  route: z.string().nullable(),
  rule: Rule,
  /** Of the agent. */
  site: z.string().nullable(),
  /** `withheld`: a more specific route is offline and lets no other take its place. */
  standing: z.enum(['usable', 'offline', 'denied', 'withheld']),
  policy: z.string(),
  /** The code that it failed this target with a moment ago: others are tried first. */
  failed_lately: z.string().nullable(),
});
export const DecisionAnswer = z.union([
  z.object({ via: z.literal('agent'), agent: name, route: z.string().nullable(), rule: Rule }),
  z.object({ via: z.literal('direct'), rule: z.literal('direct'), network: z.string(), addresses: z.array(z.string()).readonly(), policy: z.string() }),
  z.object({ via: z.literal('none'), code: z.string(), reason: z.string() }),
]);
/** The decision record of `routing/decision.ts`; a test holds the two alike. */
export const Resolution = z.object({
  target: z.string(),
  operator: z.string().nullable(),
  explicit_agent: z.string().nullable(),
  site: z.string().nullable(),
  alternates: z.array(z.string()).readonly(),
  decision: DecisionAnswer,
  candidates: z.array(CandidateRow).readonly(),
  outcome: z
    .object({
      result: z.enum(['connected', 'refused']),
      agent: z.string().nullable(),
      address: z.string().nullable(),
      code: z.string().nullable(),
      reason: z.string().nullable(),
    })
    .nullable(),
});
/** Every failure, but for the bare statuses that version 1 agents know. */
export const ErrorAnswer = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    hint: z.string().optional(),
    /** Where a target was refused: how it was routed and judged. */
    decision: Resolution.optional(),
  }),
});
export const ResolveRequest = z.object({
  /** `host:port`, or `host:port@site`. */
  target: targetText,
  agent: name.optional(),
  /** Of the target and alternates that name none. */
  site: name.optional(),
  alternates: z.array(targetText).max(16).optional(),
});

export const SessionRequest = z.object({
  /** `host:port` or `host:port@site` each; `*` is whatever policy allows, decided at each connection: for proxies, whose clients name their targets later. */
  targets: z.array(targetText).min(1).max(64),
  agent: name.optional(),
  /** Of what names none. */
  site: name.optional(),
  /** Tried in order when the target itself cannot be had; one target only. */
  alternates: z.array(targetText).max(16).default([]),
  /** A new token for what was granted before: targets that cannot be had now are named as refused instead of failing all. */
  renewal: z.boolean().default(false),
});
export const SessionGrant = z.object({
  /** For Proxy-Authorization at the edge: Bearer, or Basic with this as the password. */
  token: z.string(),
  expires_at: time,
  /** host:port for the CLI's own CONNECT (ALPN tunnel-connect/1). */
  connect: z.string(),
  /** https URL for plain clients; null when the gateway runs without --proxy-listen. */
  proxy: z.string().nullable(),
  ca_pem: z.string(),
  idle_seconds: z.number().int(),
  /** `longest_ends_at` is when policy ends the session; null where it may last. */
  targets: z.array(z.object({ target: z.string(), agent: name, session_id: uuid, longest_ends_at: time.nullable() })),
  /** Of a renewal. */
  refused: z.array(z.object({ target: z.string(), code: z.string(), message: z.string(), hint: z.string().optional() })).default([]),
});

export const DrainRequest = z.object({ grace_ms: z.number().int().min(0).max(86_400_000) });
/** As it stands when draining has begun; the status shows how it goes on. */
export const DrainAnswer = z.object({ channels: z.number().int(), agents_online: z.number().int(), grace_ms: z.number().int() });

export const StatusAnswer = z.object({
  /** `draining`: nothing new begins, until the gateway is started again. */
  state: z.enum(['running', 'draining']),
  version: z.string(),
  url: z.string(),
  tcp: z.string(),
  udp: z.string(),
  proxy: z.string().nullable(),
  agents_online: z.number().int(),
  channels: z.number().int(),
  pid: z.number().int(),
  uptime_seconds: z.number(),
  /** The process that carries links and channels; null as pid while it is being replaced. Gateways before 0.2 had none. */
  edge: z
    .object({
      pid: z.number().int().nullable(),
      uptime_seconds: z.number(),
      memory_bytes: z.number(),
      /** How late its event loop was at its last sign of life. */
      late_ms: z.number(),
      restarts: z.number().int(),
      last_loss: z.string().nullable(),
    })
    .optional(),
});

export type EnrollRequest = z.infer<typeof EnrollRequest>;
export type EnrollAnswer = z.infer<typeof EnrollAnswer>;
export type RotateRequest = z.infer<typeof RotateRequest>;
export type RotationAnswer = z.infer<typeof RotationAnswer>;
export type LoginRequest = z.infer<typeof LoginRequest>;
export type LoginAnswer = z.infer<typeof LoginAnswer>;
export type WhoamiAnswer = z.infer<typeof WhoamiAnswer>;
export type Resolution = z.infer<typeof Resolution>;
export type ResolveRequest = z.infer<typeof ResolveRequest>;
export type SessionRequest = z.input<typeof SessionRequest>;
export type SessionGrant = z.infer<typeof SessionGrant>;
export type DrainRequest = z.infer<typeof DrainRequest>;
export type DrainAnswer = z.infer<typeof DrainAnswer>;
export type StatusAnswer = z.infer<typeof StatusAnswer>;
