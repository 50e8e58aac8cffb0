// `tunnel up`: one background process a profile, started when none runs, ready when every forward can be used.
import { TunnelError } from '../../base/errors.ts';
import type { World } from '../../base/world.ts';
import { startInBackground } from '../../system/background.ts';
import { type Connected, connectPorts } from '../connect.ts';
import type { LeaseEvent } from '../lease.ts';
import { type Profile, planProfile } from './profile.ts';
import { type ProfileStatus, placesOf, type Said, say, statusOf, takeHold, takeTurn } from './status.ts';
import { findProfile } from './stored.ts';

/** Nobody but a passing question holds it when a process begins. */
const HOLD_WAIT_MS = 5000;

export interface UpOptions {
  readonly name: string;
  readonly configDir: string;
  readonly waitMs: number;
  readonly healWaitMs: number | undefined;
}

export interface BroughtUp extends ProfileStatus {
  /** It ran before. */
  readonly already: boolean;
}

/** Resolves when it is up. Two at once are one after the other. Errors `profile.unknown`, `config.invalid`, `state.locked`; then those of `connect`. */
export async function bringUp({ name, configDir, waitMs }: UpOptions, world: World, signal: AbortSignal): Promise<BroughtUp> {
  await findProfile(name, configDir, world.files);
  const places = placesOf(name, configDir);
  await using _turn = await takeTurn(places, waitMs, world, signal);
  const profile = await findProfile(name, configDir, world.files);
  const before = await statusOf(name, profile, configDir, world.files);
  if (before.state !== 'stopped') return { ...before, already: true };
  await world.files.remove(places.status);
  await startInBackground(places.log, signal);
  return { ...(await statusOf(name, profile, configDir, world.files)), already: false };
}

/** Told of what happens while it is up. */
export interface UpWatcher {
  readonly onReady: (forwards: Connected) => Promise<void>;
  readonly onEvent: (event: LeaseEvent) => void;
  readonly onFailure: (error: unknown) => void;
}

/** The background process itself: until the signal, or until nothing can be connected to any more. */
export async function runProfile({ name, configDir, ...wait }: UpOptions, watcher: UpWatcher, world: World, signal: AbortSignal): Promise<void> {
  const { files, clock } = world;
  const profile = await findProfile(name, configDir, files);
  const places = placesOf(name, configDir);
  const held = await takeHold(places, HOLD_WAIT_MS, world, signal);
  process.once('exit', () => void held[Symbol.asyncDispose]()); // not before: who finds it free finds nothing running
  const status = new StatusFile(
    profile,
    async (said) => await say(places, said, files),
    () => new Date(clock.now()).toISOString(),
  );
  await status.change({});
  try {
    const options = { ...planProfile(profile), ...wait, configDir, agent: profile.agent, site: profile.site, keepAlive: profile.keep_alive };
    const onEvent = (event: LeaseEvent) => {
      watcher.onEvent(event);
      status.heard(event);
    };
    const onFailure = (error: unknown) => {
      watcher.onFailure(error);
      status.failed(error);
    };
    await using forwards = await connectPorts({ ...options, onEvent, onFailure }, world, signal);
    await status.change({ state: 'up', forwards: [...forwards.ready] });
    await watcher.onReady(forwards);
    await Promise.race([forwards.ended, aborted(signal)]);
    await status.change({ state: 'stopped' });
  } catch (error) {
    status.failed(error);
    await status.change({ state: 'stopped' });
    throw error;
  }
}

/** The status file, one write after the other. What cannot be written is told to nobody: the forwards matter more. */
class StatusFile {
  readonly #write: (said: Said) => Promise<void>;
  readonly #now: () => string;
  #said: Said;
  #written: Promise<void> = Promise.resolve();

  constructor(profile: Profile, write: (said: Said) => Promise<void>, now: () => string) {
    this.#write = write;
    this.#now = now;
    this.#said = { state: 'starting', pid: process.pid, since: now(), forwards: [], last_error: null, profile };
  }

  change(change: Partial<Said>): Promise<void> {
    this.#said = { ...this.#said, ...change };
    const said = this.#said;
    this.#written = this.#written.then(() => this.#write(said)).catch(() => {});
    return this.#written;
  }

  heard(event: LeaseEvent): void {
    if (event.kind === 'lost') void this.change({ state: 'lost', last_error: this.#failure(event.error) });
    else if (event.kind === 'healed') void this.change({ state: 'up' });
    else if (event.kind !== 'ends-soon') this.failed(event.error);
  }

  failed(error: unknown): void {
    void this.change({ last_error: this.#failure(error) });
  }

  #failure(error: unknown): Said['last_error'] {
    if (error instanceof TunnelError) return { code: error.code, message: error.message, at: this.#now() };
    return { code: 'internal', message: String(error), at: this.#now() };
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
