// The HTTP contract of strings: how one is minted, and what the gateway tells of those that were. The string itself is told once, by minting.
import { z } from 'zod';
import { LockShown } from './locks.ts';
import { name, PageQuery, portsText, routeText, targetText, time, uuid } from './shapes.ts';

export const TokenKind = z.enum(['agent', 'operator', 'admin']);
/** `used`: no use is left. */
export const TokenState = z.enum(['open', 'used', 'revoked', 'locked', 'expired']);

export const MintRequest = z.object({
  kind: TokenKind,
  name,
  routes: z.array(routeText).max(1000).default([]),
  /** `22` or `1000-2000`; absent: the defaults of the agent's system. */
  ports: z.array(portsText).max(256).optional(),
  /** How many agents may enrol with it; absent: one. */
  uses: z.number().int().min(1).max(10_000).optional(),
  /** Where its agents stand. */
  site: name.optional(),
  /** Its agents are deleted when they have gone. */
  ephemeral: z.boolean().optional(),
  /** Networks that may enrol with it; absent: all. */
  sources: z.array(routeText).min(1).max(64).optional(),
  /** Operators only; absent: all agents. */
  agents: z.array(name).max(1000).optional(),
  /** Operators only, hosts with ports; absent: all targets. */
  targets: z.array(targetText).min(1).max(64).optional(),
  expires_ms: z.number().int().positive(),
  credential_expires_ms: z.number().int().positive().optional(),
  replace: z.boolean().default(false),
  /** For a gateway that was never started. */
  public_url: z.string().optional(),
});
export const MintAnswer = z.object({ token: z.string(), id: uuid, kind: TokenKind, name, expires_at: time, warnings: z.array(z.string()) });

export const TokenRow = z.object({
  id: uuid,
  kind: TokenKind,
  name,
  state: TokenState,
  created_at: time,
  created_by: z.string(),
  expires_at: time,
  /** The last time. */
  used_at: time.nullable(),
  uses: z.number().int(),
  max_uses: z.number().int(),
  replaces: z.boolean(),
  ephemeral: z.boolean(),
  routes: z.array(routeText),
  /** Null: the defaults of the agent's system. */
  ports: z.array(portsText).nullable(),
  /** Null, here and below: all. */
  sources: z.array(routeText).nullable(),
  agents: z.array(name).nullable(),
  targets: z.array(targetText).nullable(),
  site: z.string().nullable(),
  lock: LockShown.nullable(),
});
export const TokenQuery = z.object({ ...PageQuery.shape, kind: TokenKind.optional(), state: TokenState.optional() });
export const TokenList = z.object({ tokens: z.array(TokenRow), next: z.string().nullable() });
/** Of one name there may be several. */
export const TokensFound = z.object({ tokens: z.array(TokenRow) });
/** `state` as it was before; those that were revoked already are among them. */
export const TokensRevoked = z.object({ revoked: z.array(TokenRow) });

export type MintRequest = z.input<typeof MintRequest>;
export type MintAnswer = z.infer<typeof MintAnswer>;
export type TokenRow = z.infer<typeof TokenRow>;
export type TokenQuery = z.input<typeof TokenQuery>;
export type TokenList = z.infer<typeof TokenList>;
export type TokensFound = z.infer<typeof TokensFound>;
export type TokensRevoked = z.infer<typeof TokensRevoked>;
