// The lock of a data folder where it is free in a moment: commands hold it for less than a second, a gateway for as long as it runs.
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { type DataFolder, lockFolder } from './data-folder.ts';

const WAIT_MS = 5000;
const RETRY_MS = 50;

/** Undefined as soon as a gateway answers on this folder. Errors of `lockFolder`. */
export async function takeFolder(folder: DataFolder, world: World): Promise<AsyncDisposable | undefined> {
  const { clock, files } = world;
  const giveUpAt = clock.monotonic() + WAIT_MS;
  for (;;) {
    if (await serves(folder, world)) return undefined;
    try {
      return await lockFolder(folder, files);
    } catch (error) {
      if (!(error instanceof TunnelError) || error.code !== 'state.locked' || clock.monotonic() >= giveUpAt) throw error;
      await clock.sleep(RETRY_MS);
    }
  }
}

/** Does a gateway answer on this folder? */
export async function serves({ controlSocket }: DataFolder, { net }: Pick<World, 'net'>): Promise<boolean> {
  try {
    const socket = await net.connect({ path: controlSocket }, new AbortController().signal);
    socket.destroy();
    return true;
  } catch {
    return false; // no gateway runs, or none that takes connections
  }
}

export function noGateway(): TunnelError {
  return new TunnelError('gateway.unreachable', 'no gateway runs on this data folder', { hint: 'Start it: tunnel gateway start --data-dir DIR' });
}
