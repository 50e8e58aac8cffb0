// `tunnel connect`, all of it but its words: the login, the session, and local ports or standard input and output on top.
import type { World } from '../base/world.ts';
import type { Plan } from './forward/plan.ts';
import { type Forwards, startForwards } from './forward/start.ts';
import { forwardStdio, type StdioPair } from './forward/stdio.ts';
import type { LeaseEvent } from './lease.ts';
import { openRemote } from './remote.ts';
import { startLease } from './start-lease.ts';

export interface ConnectOptions extends Plan {
  readonly configDir: string;
  /** Instead of the agent that routing would choose. */
  readonly agent: string | undefined;
  /** Of what proxies are asked for; the targets of the specs name their own. */
  readonly site?: string | undefined;
  readonly waitMs: number;
  readonly healWaitMs?: number | undefined;
  readonly keepAlive?: boolean | undefined;
  readonly onEvent?: ((event: LeaseEvent) => void) | undefined;
  readonly onFailure: (error: unknown) => void;
}

export interface Connected extends Forwards {
  /** RFC 3339. No session outlives it. */
  readonly loginExpiresAt: string;
}

/** Resolves when every forward can be used. Errors `login.missing`; then those of `startForwards`. */
export async function connectPorts({ configDir, ...options }: ConnectOptions, world: World, signal: AbortSignal): Promise<Connected> {
  const { client, credentials } = await openRemote(configDir, world);
  const forwards = await startForwards({ api: client, ...options }, world, signal);
  return { ...forwards, loginExpiresAt: credentials.expires_at };
}

/** Resolves when both directions of the one channel have ended. Errors `link.reset` besides those of the session and of the target. */
export async function connectStdio(
  { configDir, agent, site, alternates, specs, waitMs, healWaitMs, keepAlive, onEvent }: ConnectOptions,
  openStdio: () => StdioPair,
  world: World,
  signal: AbortSignal,
): Promise<void> {
  const [{ target }] = specs;
  const { client } = await openRemote(configDir, world);
  const request = { targets: [target], alternates: [...alternates], ...(agent === undefined ? {} : { agent }), ...(site === undefined ? {} : { site }) };
  await using lease = await startLease({ api: client, request, waitMs, healWaitMs, keepAlive, onEvent }, world, signal);
  const channel = await lease.connect(target, signal);
  const cut = () => channel.destroy(new Error('interrupted'));
  signal.addEventListener('abort', cut, { once: true });
  const why = lease.ended.catch((error: unknown) => error);
  try {
    await forwardStdio(channel, target, openStdio());
  } catch (error) {
    throw (await Promise.race([why, undefined])) ?? error;
  } finally {
    signal.removeEventListener('abort', cut);
  }
}
