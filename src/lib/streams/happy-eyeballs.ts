// Races connection attempts over the addresses of one target (RFC 8305), for the agent's dialling and for our clients.
import { messageOf, TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { SocketAddress, World } from '../base/world.ts';

/** One for all: without a reason of ours, Node makes one with a stack at each abort, a twentieth of what an agent spends on a connection. */
const DECIDED = new Error('decided');

interface Failure {
  readonly to: SocketAddress;
  readonly error: unknown;
}

/**
 * The first connection that comes up. Families take turns, the next attempt starts 250 ms after the last one or at once when that failed; losers are aborted,
 * and one that comes up all the same is destroyed. `signal` is the deadline for all together. Rejects with the code of the first failure
 * (or of the signal's reason, else `target.timed-out`) and names everything that was tried.
 */
export async function connectFirst<T extends { destroy(): unknown }>(
  addresses: readonly SocketAddress[],
  connect: (to: SocketAddress, signal: AbortSignal) => Promise<T>,
  { clock }: Pick<World, 'clock'>,
  signal: AbortSignal,
): Promise<T> {
  const over = new AbortController();
  const giveUp = () => over.abort(signal.reason);
  signal.addEventListener('abort', giveUp, { once: true });
  const tried: SocketAddress[] = [];
  const failures: Failure[] = [];
  let winner: T | undefined;

  const attempt = async (to: SocketAddress): Promise<void> => {
    tried.push(to);
    try {
      const connected = await connect(to, over.signal);
      if (winner !== undefined || over.signal.aborted) return void connected.destroy();
      winner = connected;
      over.abort(DECIDED);
    } catch (error) {
      if (!over.signal.aborted) failures.push({ to, error }); // what an abort ends has not failed
    }
  };

  try {
    if (signal.aborted) giveUp();
    const attempts: Promise<void>[] = [];
    for (const to of interleave(addresses)) {
      if (over.signal.aborted) break;
      const next = attempt(to);
      attempts.push(next);
      await sleepUnless(next, clock, over.signal);
    }
    await Promise.race([Promise.all(attempts), aborted(over.signal)]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
  if (winner !== undefined) return winner;
  throw describeFailure(tried, failures, signal);
}

/** RFC 8305, 4: the resolver's order kept, families taking turns, each address once. */
export function interleave(addresses: readonly SocketAddress[]): SocketAddress[] {
  const unique = [...new Map(addresses.map((to) => [formatAddressPort(to), to])).values()];
  const isV6 = (to: SocketAddress | undefined) => to?.address.includes(':') ?? false;
  const first = unique.filter((to) => isV6(to) === isV6(unique[0]));
  const second = unique.filter((to) => isV6(to) !== isV6(unique[0]));
  return Array.from({ length: Math.max(first.length, second.length) }, (_, turn) => [first[turn], second[turn]])
    .flat()
    .filter((to) => to !== undefined);
}

/** `10.0.0.1:22`, `[fd00::1]:22`. */
export function formatAddressPort({ address, port }: SocketAddress): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

async function sleepUnless(attempt: Promise<void>, clock: World['clock'], over: AbortSignal): Promise<void> {
  const wake = new AbortController();
  const stop = () => wake.abort(DECIDED);
  over.addEventListener('abort', stop, { once: true });
  if (over.aborted) stop();
  await Promise.race([attempt.then(stop), clock.sleep(LIMITS.happyEyeballsDelayMs, wake.signal)]);
  over.removeEventListener('abort', stop);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function describeFailure(tried: SocketAddress[], failures: Failure[], signal: AbortSignal): TunnelError {
  const outcomes = tried.map((to) => {
    const failure = failures.find((candidate) => candidate.to === to);
    return failure === undefined ? `${formatAddressPort(to)} (no answer)` : messageOf(failure.error);
  });
  const cause = signal.aborted ? signal.reason : failures[0]?.error;
  const list = outcomes.length === 0 ? 'no address to try' : outcomes.join('; ');
  if (cause instanceof TunnelError) {
    return new TunnelError(cause.code, signal.aborted ? `${cause.message}; tried ${list}` : list, { hint: cause.hint, cause });
  }
  return new TunnelError(signal.aborted ? 'target.timed-out' : 'target.unreachable', list, { cause });
}
