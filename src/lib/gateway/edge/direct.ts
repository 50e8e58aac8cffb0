// Connections that the edge makes itself, to addresses that control has judged; they end with their sessions, as channels of agents do (requirement A11).
import { within } from '../../base/deadline.ts';
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { SocketAddress, TcpSocket, World } from '../../base/world.ts';
import { dialAddresses } from '../../streams/dial-addresses.ts';
import { formatAddressPort } from '../../streams/happy-eyeballs.ts';
import type { Way } from '../contract.ts';

export interface DirectChannel {
  readonly socket: TcpSocket;
  readonly address: string;
  /** Aborts when the session ends. */
  readonly session: AbortSignal;
}

export class DirectWays {
  readonly #world: World;
  readonly #sessions = new Map<string, AbortController>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Errors as the agents' for a target, the signal's reason. */
  async open({ target, session }: Way, addresses: readonly SocketAddress[], signal: AbortSignal): Promise<DirectChannel> {
    const ending = this.#sessions.get(session.sessionId) ?? new AbortController();
    this.#sessions.set(session.sessionId, ending);
    const late = () => new TunnelError('target.timed-out', `${target} did not answer within ${LIMITS.connectTargetMs / 1000} s`);
    const either = AbortSignal.any([signal, ending.signal]);
    const { socket, to } = await within(this.#world.clock, LIMITS.connectTargetMs, late, either, (before) => dialAddresses(addresses, this.#world, before));
    return { socket, address: formatAddressPort(to), session: ending.signal };
  }

  endSession(sessionId: string, reason: string): void {
    this.#sessions.get(sessionId)?.abort(new TunnelError('session.refused', reason));
    this.#sessions.delete(sessionId);
  }
}
