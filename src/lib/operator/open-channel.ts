// One channel: a stream of the connection to the edge, which answers once the agent has reached the target or says why not.
import { within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Clock } from '../base/world.ts';
import type { FirstBytes } from '../link/first-bytes.ts';
import { askEdge } from '../link/operator-request.ts';
import type { EdgeGranted } from '../protocol/operator.ts';
import { type Link, type LinkStream, StreamReset } from '../transport/link.ts';
import type { WhyCut } from './session-end.ts';

/** Bytes to a target and back; half-open. */
export type Channel = LinkStream & { readonly agent: string; readonly granted: Omit<EdgeGranted, 'kind' | 'agent'>; readonly whyCut?: WhyCut };

/** The slowest honest answer: a version 1 agent may take 30 s, and the next one its time after it. */
const ANSWER_MS = LIMITS.connectResponseV1Ms + LIMITS.connectTargetMs;

/** Errors: what the edge refuses with; `link.lost` when the connection went before any answer; `gateway.silent`. */
export async function openChannel(link: Link, target: string, token: string, clock: Clock, signal: AbortSignal, first?: FirstBytes): Promise<Channel> {
  const silent = () =>
    new TunnelError('gateway.silent', `the gateway did not answer for ${target}`, { hint: 'Try again; tunnel agent list shows which agents are online.' });
  try {
    const request = { kind: 'operator-connect', target, token } as const;
    const { stream, agent = '', granted } = await within(clock, ANSWER_MS, silent, signal, (limit) => askEdge(link, request, clock, limit, first));
    return Object.assign(stream, { agent, granted });
  } catch (error) {
    throw isLost(error) ? lost(target, error) : error;
  }
}

function isLost(error: unknown): boolean {
  return error instanceof StreamReset || (error instanceof TunnelError && error.code === 'link.lost');
}

function lost(target: string, cause: unknown): TunnelError {
  return new TunnelError('link.lost', `the connection to the gateway was lost before ${target} answered`, { hint: 'Is the gateway running?', cause });
}
