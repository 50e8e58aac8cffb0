// `tunnel down`: ends the process of a profile and waits until it has gone; and what must be true before a profile is deleted.
import { type ErrorCode, TunnelError } from '../../base/errors.ts';
import type { World } from '../../base/world.ts';
import { placesOf, statusOf, takeHold, takeTurn } from './status.ts';
import { findProfile, replaceProfile } from './stored.ts';

/** A process that was told to end and did not is killed. */
const END_WITHIN_MS = 10_000;

export interface TakenDown {
  readonly name: string;
  /** False: it was not up. */
  readonly stopped: boolean;
}

/** Works for a profile that was deleted while it was up, too. Errors `profile.unknown`, `state.locked`. */
export async function takeDown(name: string, configDir: string, world: World, signal: AbortSignal): Promise<TakenDown> {
  const places = placesOf(name, configDir);
  if ((await statusOf(name, undefined, configDir, world.files)).log === null) await findProfile(name, configDir, world.files);
  await using _turn = await takeTurn(places, 0, world, signal);
  const { pid } = await statusOf(name, undefined, configDir, world.files);
  if (pid === null) return { name, stopped: false };
  for (const how of ['SIGTERM', 'SIGKILL'] as const) {
    end(pid, how);
    try {
      await using _held = await takeHold(places, END_WITHIN_MS, world, signal);
      break;
    } catch (error) {
      if (how === 'SIGKILL' || signal.aborted || !(error instanceof TunnelError) || error.code !== ('state.locked' satisfies ErrorCode)) throw error;
    }
  }
  return { name, stopped: true };
}

/** Errors `profile.unknown`, `profile.running`, `state.locked`. */
export async function deleteProfile(name: string, configDir: string, world: World, signal: AbortSignal): Promise<void> {
  const places = placesOf(name, configDir);
  await findProfile(name, configDir, world.files).catch((error: unknown) => {
    if (!(error instanceof TunnelError) || error.code === 'profile.unknown') throw error; // one that cannot be read can go
  });
  {
    await using _turn = await takeTurn(places, 0, world, signal);
    const { pid } = await statusOf(name, undefined, configDir, world.files);
    if (pid !== null) throw new TunnelError('profile.running', `profile ${name} is up (pid ${pid})`, { hint: `First: tunnel down ${name}` });
    await replaceProfile(name, undefined, configDir, world, signal);
  }
  await world.files.remove(places.folder);
}

function end(pid: number, how: NodeJS.Signals): void {
  try {
    process.kill(pid, how);
  } catch {
    // It has gone by itself.
  }
}
