// When a peer is asked for a sign of life, and when a link counts as dead (security.md, Limits: dead link). For every transport.
import { LIMITS } from '../base/limits.ts';

export interface Liveness {
  readonly keepAliveMs: number;
  readonly deadLinkMs: number;
}

/** For peers that answer pings: version 2 links, and the CLI's connection to an edge. */
export const LIVENESS: Liveness = { keepAliveMs: LIMITS.keepAliveMs, deadLinkMs: LIMITS.deadLinkV2Ms };
