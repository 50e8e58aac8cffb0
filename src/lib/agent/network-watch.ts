// Notices that this machine has moved: another address leads to the gateway, or the machine slept. Node hears no network events, so it looks once a second.
import { LIMITS } from '../base/limits.ts';
import type { SocketAddress, World } from '../base/world.ts';

export interface Look {
  /** Wall-clock and monotonic ms. */
  readonly wall: number;
  readonly monotonic: number;
  /** Where the link leads; undefined while there is none. */
  readonly to: string | undefined;
  /** From which of our addresses, as last known. */
  readonly source: string | undefined;
  /** All of this machine. */
  readonly addresses: string;
}

/**
 * What has changed, in words; undefined: nothing that matters. Only the way to the gateway counts while there is a link, so that bridges and containers that come and go
 * change nothing. A monotonic clock stands still in sleep; the gateway has dropped a link that was silent for its dead time.
 */
export function judgeMove(before: Look, now: Look): string | undefined {
  const slept = now.wall - before.wall - (now.monotonic - before.monotonic);
  if (slept >= LIMITS.deadLinkV2Ms) return `${Math.round(slept / 1000)} s passed while this machine slept`;
  if (now.to === undefined) return now.addresses === before.addresses ? undefined : 'the addresses of this machine changed';
  if (now.to !== before.to || before.source === undefined || now.source === before.source) return undefined;
  return `the gateway is reached from ${now.source} now, not from ${before.source}`;
}

export class NetworkWatch {
  readonly #watchers = new Set<(what: string) => void>();
  #lookNow = new AbortController();

  onMove(callback: (what: string) => void): Disposable {
    this.#watchers.add(callback);
    return { [Symbol.dispose]: () => void this.#watchers.delete(callback) };
  }

  /** A link came up: what is seen now is what it began with. */
  linked(): void {
    this.#lookNow.abort();
  }

  moved(what: string): void {
    for (const callback of [...this.#watchers]) callback(what);
  }

  /** Looks until `signal` aborts, then resolves. `remote` is the other end of the link that is up. */
  async run(remote: () => SocketAddress | undefined, world: Pick<World, 'clock' | 'net'>, signal: AbortSignal): Promise<void> {
    let before = await look(remote(), undefined, world);
    for (;;) {
      await world.clock.sleep(LIMITS.networkLookMs, AbortSignal.any([signal, this.#lookNow.signal]));
      if (signal.aborted) return;
      this.#lookNow = new AbortController();
      const now = await look(remote(), before, world);
      const what = judgeMove(before, now);
      before = now;
      if (what !== undefined && !signal.aborted) this.moved(what);
    }
  }
}

async function look(remote: SocketAddress | undefined, before: Look | undefined, { clock, net }: Pick<World, 'clock' | 'net'>): Promise<Look> {
  const to = remote === undefined ? undefined : `${remote.address} ${remote.port}`;
  // A way that is gone for the moment may come back as it was, and the link with it.
  const known = before !== undefined && before.to === to ? before.source : undefined;
  const source = remote === undefined ? undefined : ((await net.sourceAddress(remote)) ?? known);
  const addresses = net.interfaces().map(({ address }) => address);
  return { wall: clock.now(), monotonic: clock.monotonic(), to, source, addresses: addresses.sort().join(' ') };
}
