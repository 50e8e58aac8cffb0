// Is a profile up, and how is it? Its process holds a lock for as long as it lives, which no reused pid can imitate, and keeps a status file beside it.
import { join } from 'node:path';
import { z } from 'zod';
import { type ErrorCode, TunnelError } from '../../base/errors.ts';
import type { Files, World } from '../../base/world.ts';
import { tryFor } from '../try-for.ts';
import type { Profile } from './profile.ts';

/** What `up`, `down` and `profile list` wait for each other. */
export const TURN_WAIT_MS = 30_000;
const LOCKED = new Set<ErrorCode>(['state.locked']);

const Failure = z.object({ code: z.string(), message: z.string(), at: z.iso.datetime() });
const Forward = z.object({
  listen: z.string(),
  target: z.string(),
  protocol: z.enum(['tcp', 'socks5', 'http']),
  agent: z.string().nullable(),
  shared: z.boolean(),
});

/** As the process itself says it. */
const Said = z.object({
  state: z.enum(['starting', 'up', 'lost', 'stopped']),
  pid: z.number().int().positive(),
  since: z.iso.datetime(),
  forwards: z.array(Forward),
  last_error: Failure.nullable(),
  /** The profile with which it came up. */
  profile: z.record(z.string(), z.unknown()),
});

export type Said = z.infer<typeof Said>;

export interface ProfileStatus {
  readonly name: string;
  /** `lost`: its listeners stay while it tries to heal. */
  readonly state: 'starting' | 'up' | 'lost' | 'stopped';
  /** Null where it is stopped. */
  readonly pid: number | null;
  readonly since: string | null;
  readonly forwards: readonly z.infer<typeof Forward>[];
  /** The last one of its last run. */
  readonly last_error: z.infer<typeof Failure> | null;
  readonly log: string | null;
  /** It runs with what the profile was before it was changed. */
  readonly changed: boolean;
}

/** Of one profile. */
export interface Places {
  readonly folder: string;
  readonly status: string;
  readonly log: string;
  /** Held by the process that forwards. */
  readonly held: string;
  /** Held by whoever starts or stops it. */
  readonly turn: string;
  readonly draft: string;
}

/** `name` is one that `parseName` let through. */
export function placesOf(name: string, configDir: string): Places {
  const folder = join(configDir, 'profiles', name);
  const file = (name: string) => join(folder, name);
  return { folder, status: file('status.json'), log: file('log'), held: file('held.lock'), turn: file('turn.lock'), draft: file('draft.json') };
}

/** Whoever changes whether it runs is alone meanwhile. Error `state.locked` after `TURN_WAIT_MS` or `waitMs`, whichever is longer. */
export async function takeTurn({ folder, turn }: Places, waitMs: number, { files, clock }: World, signal: AbortSignal): Promise<AsyncDisposable> {
  await files.makePrivateDirectory(folder);
  return await tryFor(Math.max(waitMs, TURN_WAIT_MS), () => files.lock(turn), clock, signal, LOCKED);
}

/** Resolves when no process holds it any more, holding it. Error `state.locked` after `waitMs`. */
export async function takeHold({ held }: Places, waitMs: number, { files, clock }: World, signal: AbortSignal): Promise<AsyncDisposable> {
  return await tryFor(waitMs, () => files.lock(held), clock, signal, LOCKED);
}

export async function say({ status }: Places, said: Said, files: Files): Promise<void> {
  await files.replaceAtomically(status, `${JSON.stringify(said, null, 2)}\n`);
}

/** A status file that is damaged or of a killed process says nothing about what runs now. Errors `file.loose-mode`, `file.failed`. */
export async function statusOf(name: string, profile: Profile | undefined, configDir: string, files: Files): Promise<ProfileStatus> {
  const places = placesOf(name, configDir);
  const said = await read(places, files);
  const stopped = { name, state: 'stopped', pid: null, since: null, forwards: [], last_error: null, log: null, changed: false } as const;
  if (said === undefined) return stopped;
  const { state, pid, since, forwards, last_error } = said;
  if (state !== 'stopped' && isAlive(pid) && (await isHeld(places, files))) {
    return { name, state, pid, since, forwards, last_error, log: places.log, changed: !isSame(profile, said.profile) };
  }
  const killed = { code: 'interrupted', message: `process ${pid} was killed or died`, at: since };
  return { ...stopped, last_error: state === 'stopped' ? last_error : (last_error ?? killed), log: places.log };
}

async function read({ status }: Places, files: Files): Promise<Said | undefined> {
  const content = await files.readSecret(status);
  if (content === undefined) return undefined;
  try {
    return Said.safeParse(JSON.parse(Buffer.from(content).toString('utf8'))).data;
  } catch {
    return undefined;
  }
}

/** Two who ask at once find each other's lock; a killed process stays killed. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function isHeld({ held }: Places, files: Files): Promise<boolean> {
  try {
    await (await files.lock(held))[Symbol.asyncDispose]();
    return false;
  } catch (error) {
    if (error instanceof TunnelError && error.code === 'state.locked') return true;
    throw error;
  }
}

function isSame(profile: Profile | undefined, before: Readonly<Record<string, unknown>>): boolean {
  return profile !== undefined && JSON.stringify(profile) === JSON.stringify(before);
}
