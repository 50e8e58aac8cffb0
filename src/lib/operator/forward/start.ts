// Local listeners for one or more targets and proxies: bound first, then the session, ready when both are there.

import { unlessAborted } from '../../base/deadline.ts';
import type { World } from '../../base/world.ts';
import type { Lease, LeaseEvent, LeaseOptions } from '../lease.ts';
import { startLease } from '../start-lease.ts';
import { Traffic } from './carry.ts';
import { httpProxy } from './http.ts';
import { type ConnectTarget, type LocalListener, listenLocally, type Serve, toTarget } from './local.ts';
import { socksProxy } from './socks5.ts';
import { type ForwardSpec, formatListen, isPublic, type Protocol } from './spec.ts';

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
  /** host:port as bound, or `unix:/PATH`. */
  readonly listen: string;
  readonly protocol: Protocol;
  /** Null where each connection has its own. */
  readonly agent: string | null;
  /** Other machines can reach it. */
  readonly shared: boolean;
}

export interface Forwards extends AsyncDisposable {
  readonly ready: readonly ReadyForward[];
  readonly lease: Pick<Lease, 'grant' | 'roundTripMs'>;
  readonly traffic: Traffic;
  readonly ended: Promise<void>;
}

/** Errors `port.in-use`, `address.not-here` before the gateway is asked; then those of `startLease`. */
export async function startForwards({ specs, agent, alternates = [], ...options }: ForwardsOptions, world: World, signal: AbortSignal): Promise<Forwards> {
  await using starting = new AsyncDisposableStack();
  const granted = Promise.withResolvers<Lease>();
  const traffic = new Traffic();
  let closing = false; // what is cut by that did not fail
  const onFailure = (error: unknown) => void (closing || options.onFailure(error));
  const connect: ConnectTarget = async (target, gone, first) => (await unlessAborted(granted.promise, gone)).connect(target, gone, first);
  const serveAs = ({ protocol, target }: ForwardSpec): Serve => {
    if (protocol === 'tcp') return toTarget(target, connect, traffic);
    if (protocol === 'socks5') return socksProxy({ connect, traffic, onFailure, clock: world.clock });
    const proxy = httpProxy({ connect, traffic, onFailure }, world);
    starting.defer(() => proxy.close());
    return proxy.serve;
  };
  const bound: { readonly spec: ForwardSpec; readonly listener: LocalListener }[] = [];
  for (const spec of specs) {
    bound.push({ spec, listener: starting.use(await listenLocally({ listen: spec.listen, serve: serveAs(spec), onFailure }, world)) });
  }

  const request = { targets: [...new Set(specs.map(({ target }) => target))], alternates: [...alternates], ...(agent === undefined ? {} : { agent }) };
  const onEvent = (event: LeaseEvent) => {
    if (event.kind === 'target-over') for (const { spec, listener } of bound) if (spec.target === event.target) void listener[Symbol.asyncDispose]();
    options.onEvent?.(event);
  };
  const lease = starting.use(await startLease({ ...options, request, onEvent }, world, signal));
  granted.resolve(lease);
  const agentOf = new Map(lease.grant.targets.map((grant) => [grant.target, grant.agent]));
  const ready = bound.map(({ spec: { target, protocol }, listener: { listen } }) => {
    return { target, listen: formatListen(listen), protocol, agent: agentOf.get(target) ?? null, shared: isPublic(listen) };
  });
  const running = starting.move();
  const close = () => {
    closing = true;
    return running.disposeAsync();
  };
  return { ready, lease, traffic, ended: lease.ended, [Symbol.asyncDispose]: close };
}
