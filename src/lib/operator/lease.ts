// What a session in use is to those who connect through it and to those who watch it.
import type { SessionGrant, SessionRequest } from '../api/contract.ts';
import type { TunnelError } from '../base/errors.ts';
import type { EdgeConnection } from './edge-connection.ts';
import type { ConnectTarget } from './forward/local.ts';
import type { SessionApi } from './session.ts';

/** What happens to a lease while it is used, for whoever watches. */
export type LeaseEvent =
  | { readonly kind: 'lost'; readonly targets: readonly string[]; readonly error: TunnelError }
  | { readonly kind: 'healed'; readonly targets: readonly string[]; readonly outageMs: number }
  | { readonly kind: 'ends-soon'; readonly reason: string; readonly message: string; readonly endsInMs: number }
  /** A session behind a proxy: the next connection opens another. */
  | { readonly kind: 'session-ended'; readonly error: TunnelError }
  /** It cannot be had any more; others can. */
  | { readonly kind: 'target-over'; readonly target: string; readonly error: TunnelError };

export interface LeaseOptions {
  readonly api: SessionApi;
  readonly request: SessionRequest;
  /** How long the start tries again while agent or gateway are not there yet. */
  readonly waitMs: number;
  /** How long a connection waits while they are lost; `LIMITS.healWaitMs` where not said. */
  readonly healWaitMs?: number | undefined;
  /** The operator is at work, whether bytes pass or not. */
  readonly keepAlive?: boolean | undefined;
  readonly onEvent?: ((event: LeaseEvent) => void) | undefined;
}

export interface Lease extends AsyncDisposable {
  /** The first one. */
  readonly grant: SessionGrant;
  readonly connect: ConnectTarget;
  /** To the gateway and back, in ms, as last measured. */
  readonly roundTripMs: number | undefined;
  /** Rejects with why when nothing is left that could be connected to; resolves when the lease is given up. */
  readonly ended: Promise<void>;
}

export type DialEdge = (grant: SessionGrant, signal: AbortSignal) => Promise<EdgeConnection>;
