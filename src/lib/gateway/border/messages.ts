// What control and an edge in a process of its own say to each other: calls of the contract, their answers, signs of life. Shapes only.
import type { ErrorCode } from '../../base/errors.ts';
import type { SocketAddress } from '../../base/world.ts';
import type { LogLevel } from '../../system/log.ts';
import type { ControlForEdge, EdgeForControl } from '../contract.ts';
import type { EdgeConfig } from '../edge/start.ts';

/** How the edge's process behaves beside its work. */
export interface EdgeManner {
  readonly logLevel: LogLevel;
  /** Whether signals make it misbehave (test-hooks.ts). */
  readonly testHooks: boolean;
}

/** Where an edge serves. */
export interface EdgePlaces {
  readonly udp: SocketAddress;
  readonly proxy: SocketAddress | null;
}

/** What control asks of the process: the orders of the contract, and its beginning and end. */
export interface EdgeOrders extends EdgeForControl {
  /** Serves as the configuration says. Errors as `startEdge`; after one it may be asked again. */
  start(config: EdgeConfig, manner: EdgeManner): Promise<EdgePlaces>;
  /** For its log, from now on. */
  useLogLevel(level: LogLevel): Promise<void>;
  /** Cuts what still runs; resolves when control has heard of each end. */
  stop(): Promise<void>;
}

export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
}

export interface Call<Method extends string> {
  readonly kind: 'call';
  readonly id: number;
  readonly method: Method;
  readonly arguments: readonly unknown[];
}

export type Answer =
  | { readonly kind: 'done'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly error: PlainError };

/** A sign of life from the edge's own event loop. */
export interface Beat {
  readonly kind: 'beat';
  /** Resident memory. */
  readonly rssBytes: number;
  /** How much later than planned the loop came to it. */
  readonly lateMs: number;
}

/** Who is at the other end of a TCP connection that control accepted. */
export type HandedKind = 'operator' | 'agent';

/** A connection, its socket beside the message, with what control has read of it. */
export interface Handed {
  readonly kind: 'socket';
  readonly from: HandedKind;
  readonly received: Uint8Array;
}

export type FromControl = Call<keyof EdgeOrders> | Answer | Handed;
/** What became of a channel, or who was turned away, needs no answer. */
export type Told = {
  [Method in 'report' | 'refused']: { readonly kind: 'tell'; readonly method: Method; readonly arguments: Parameters<ControlForEdge[Method]> };
}['report' | 'refused'];
export type FromEdge = Call<keyof ControlForEdge> | Told | Answer | Beat;
