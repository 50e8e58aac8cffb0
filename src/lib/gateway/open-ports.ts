// Which ports a starting gateway gets: the edge's UDP port, and TCP with the same number, chosen again or waited for where they are taken.
import { TunnelError } from '../base/errors.ts';
import type { Clock, SocketAddress } from '../base/world.ts';
import type { EdgePlaces } from './border/messages.ts';
import type { WantedConfig } from './config.ts';
import type { FrontDoor } from './control/front-door.ts';
import type { EdgeConfig } from './edge/start.ts';

/** A port that the system chose for UDP may be taken for TCP. */
const PORT_ATTEMPTS = 8;
/** The edge of a gateway that was killed ends a moment after it, and holds its ports until then. */
const HELD_MS = 2000;
const HELD_RETRY_MS = 50;

interface Opening {
  readonly edge: {
    start(at: Pick<EdgeConfig, 'udp' | 'proxyListen'>): Promise<EdgePlaces>;
    stop(): Promise<void>;
  };
  readonly openDoor: (at: SocketAddress) => Promise<FrontDoor>;
  /** Whether a gateway of this folder has listened here before. */
  readonly again: boolean;
}

/** The edge first, then the door on TCP. Errors of both. */
export async function openPorts(
  { listen, proxyListen }: WantedConfig,
  { edge, openDoor, again }: Opening,
  clock: Clock,
): Promise<{ places: EdgePlaces; door: FrontDoor }> {
  const heldUntil = again ? clock.monotonic() + HELD_MS : 0;
  for (let attempt = 1; ; attempt++) {
    const places = await startWhenFree(() => edge.start({ udp: listen, ...(proxyListen && { proxyListen }) }), heldUntil, clock);
    try {
      return { places, door: await openDoor({ address: listen.address, port: places.udp.port }) };
    } catch (error) {
      await edge.stop();
      const another = listen.port === 0 && isTaken(error) && attempt < PORT_ATTEMPTS;
      if (!another) throw error;
    }
  }
}

async function startWhenFree(start: () => Promise<EdgePlaces>, heldUntil: number, clock: Clock): Promise<EdgePlaces> {
  for (;;) {
    try {
      return await start();
    } catch (error) {
      if (!isTaken(error) || clock.monotonic() >= heldUntil) throw error;
      await clock.sleep(HELD_RETRY_MS);
    }
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof TunnelError && error.code === 'port.in-use';
}
