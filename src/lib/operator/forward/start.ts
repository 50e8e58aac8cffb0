// Local ports for one or more targets: bound first, then the session, ready when both are there.

import { unlessAborted } from '../../base/deadline.ts';
import type { World } from '../../base/world.ts';
import { type Lease, type LeaseOptions, startLease } from '../lease.ts';
import { type ConnectTarget, forwardLocal } from './local.ts';
import { type ForwardSpec, formatSocketAddress } from './spec.ts';

export interface ForwardsOptions extends Omit<LeaseOptions, 'request'> {
  readonly specs: readonly ForwardSpec[];
  /** Instead of the agent that routing would choose. */
  readonly agent?: string | undefined;
  /** Canonical targets, tried in order where the only target cannot be had. */
  readonly alternates?: readonly string[] | undefined;
  readonly onFailure: (error: unknown) => void;
}

export interface ReadyForward {
  readonly target: string;
  /** host:port as bound. */
  readonly listen: string;
  readonly agent: string;
}

export interface Forwards extends AsyncDisposable {
  readonly ready: readonly ReadyForward[];
  readonly ended: Promise<void>;
}

/** Errors `port.in-use`, `address.not-here` before the gateway is asked; then those of `startLease`. */
export async function startForwards(
  { specs, agent, alternates = [], onFailure, ...options }: ForwardsOptions,
  world: World,
  signal: AbortSignal,
): Promise<Forwards> {
  await using starting = new AsyncDisposableStack();
  const granted = Promise.withResolvers<Lease>();
  const connect: ConnectTarget = async (target, gone) => (await unlessAborted(granted.promise, gone)).connect(target, gone);
  const bound = [];
  for (const spec of specs) bound.push(starting.use(await forwardLocal({ spec, connect, onFailure }, world)));

  const request = { targets: [...new Set(specs.map(({ target }) => target))], alternates: [...alternates], ...(agent === undefined ? {} : { agent }) };
  const lease = starting.use(await startLease({ ...options, request }, world, signal));
  granted.resolve(lease);
  const agentOf = new Map(lease.grant.targets.map((grant) => [grant.target, grant.agent]));
  const ready = bound.map(({ target, listen }) => ({ target, listen: formatSocketAddress(listen), agent: agentOf.get(target) ?? '' }));
  const running = starting.move();
  return { ready, ended: lease.ended, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
