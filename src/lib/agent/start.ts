// The running agent: opens its data folder, keeps its link up until it is closed, and says when it can be reached.

import { unlessAborted } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import type { Link } from '../transport/link.ts';
import { ownRoutes, readConfig } from './config.ts';
import { dialGateway, parseEndpoint } from './dial-gateway.ts';
import { Installed, lockAgent } from './installed.ts';
import { keepLinked } from './keep-linked.ts';
import { type Online, serveLink } from './serve-link.ts';
import { servingOf } from './serving.ts';

export interface AgentOptions {
  readonly dataDir: string;
  /** host:port, before what is stored. */
  readonly quicEndpoint?: string | undefined;
}

export interface AgentOnline extends Online {
  readonly gateway: string;
}

export interface Agent extends AsyncDisposable {
  /** Resolves when the gateway has answered on the link that is up now, or on the next one. An abort rejects with the signal's reason. */
  online(signal: AbortSignal): Promise<AgentOnline>;
  /** Ends the link, telling the gateway; resolves when nothing is left. Calling twice is calling once. */
  close(): Promise<void>;
  /** Settles after `close`; nothing else ends an agent. */
  readonly stopped: Promise<void>;
}

/** Does not wait for the gateway, which may be away for hours. Errors: those of `Installed.open`, `route.malformed`, `address.malformed`, `state.locked`. */
export async function startAgent({ dataDir, quicEndpoint }: AgentOptions, world: World): Promise<Agent> {
  await using starting = new AsyncDisposableStack();
  await readConfig(dataDir, world.files); // without one there is no folder to lock
  starting.use(await lockAgent(dataDir, world));
  const installed = await Installed.open(dataDir, world);
  const endpoint = () => quicEndpoint ?? installed.config.quic_endpoint;
  parseEndpoint(endpoint());
  ownRoutes(installed.config);

  const presence = new Presence();
  const stopping = new AbortController();
  const dial = (signal: AbortSignal) => dialGateway({ endpoint: endpoint(), config: installed.config, identity: installed.identity }, world, signal);
  const serve = async (link: Link, signal: AbortSignal, afterLoss: boolean) => {
    const online = (now: Online) => {
      world.log.info({ gateway: installed.config.gateway, ...now }, 'online');
      presence.arrive({ gateway: installed.config.gateway, ...now });
    };
    try {
      return await serveLink(link, { ...servingOf(installed), afterLoss, online }, world, signal);
    } finally {
      presence.leave();
    }
  };
  const stopped = keepLinked(dial, serve, world, stopping.signal);
  starting.defer(async () => {
    stopping.abort(new TunnelError('interrupted', 'the agent was stopped'));
    await stopped;
  });

  const running = starting.move();
  const close = () => running.disposeAsync();
  return { online: (signal) => presence.wait(signal), close, stopped, [Symbol.asyncDispose]: close };
}

/** Whether the agent can be reached now, for those who wait for it. */
class Presence {
  #online = false;
  #next = Promise.withResolvers<AgentOnline>();

  arrive(now: AgentOnline): void {
    this.#next.resolve(now);
    this.#next = Promise.withResolvers();
    this.#next.resolve(now);
    this.#online = true;
  }

  leave(): void {
    if (this.#online) this.#next = Promise.withResolvers();
    this.#online = false;
  }

  wait(signal: AbortSignal): Promise<AgentOnline> {
    return unlessAborted(this.#next.promise, signal);
  }
}
