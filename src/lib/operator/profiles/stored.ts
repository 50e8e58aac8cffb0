// The profiles of this operator, in config.json: found, saved and deleted by name, one change at a time.
import { z } from 'zod';
import { type ErrorCode, TunnelError } from '../../base/errors.ts';
import type { Files, World } from '../../base/world.ts';
import { readSettings, saveSetting, settingsFile, settingsLock } from '../../system/settings.ts';
import { tryFor } from '../try-for.ts';
import { type Profile, readProfile } from './profile.ts';

const KEY = 'profiles';
const LOCK_WAIT_MS = 5000;
const Profiles = z.record(z.string(), z.unknown());

/** As they stand in the file, by name. Errors `config.invalid`, and those of `readSettings`. */
export async function listProfiles(configDir: string, files: Files): Promise<ReadonlyMap<string, Profile>> {
  const found = await readAll(configDir, files);
  return new Map(Object.entries(found).map(([name, value]) => [name, readProfile(value, where(configDir, name))]));
}

/** Errors `profile.unknown`, `config.invalid`, and those of `readSettings`. */
export async function findProfile(name: string, configDir: string, files: Files): Promise<Profile> {
  const found = await readAll(configDir, files);
  if (Object.hasOwn(found, name)) return readProfile(found[name], where(configDir, name));
  throw new TunnelError('profile.unknown', `there is no profile ${name}`, {
    hint: `tunnel profile list shows those that there are; tunnel profile save ${name} TARGET makes it.`,
  });
}

/** What a later version wrote into the one that is replaced stays there. Errors `name.taken` unless `replace`, `state.locked`, and those of `readSettings`. */
export async function saveProfile(name: string, profile: Profile, replace: boolean, configDir: string, world: World, signal: AbortSignal): Promise<void> {
  await change(configDir, world, signal, (profiles) => {
    if (!replace && Object.hasOwn(profiles, name))
      throw new TunnelError('name.taken', `there is a profile ${name} already`, { hint: `Add --replace, or: tunnel profile edit ${name}` });
    return { ...profiles, [name]: { ...unknownKeys(profiles[name]), ...profile } };
  });
}

/** Exactly as given. Errors `profile.unknown`, `state.locked`, and those of `readSettings`. */
export async function replaceProfile(name: string, profile: Profile | undefined, configDir: string, world: World, signal: AbortSignal): Promise<void> {
  await findRaw(name, configDir, world.files);
  await change(configDir, world, signal, ({ [name]: _old, ...others }) => (profile === undefined ? others : { ...others, [name]: profile }));
}

type Raw = Readonly<Record<string, unknown>>;

async function change(configDir: string, { files, clock }: World, signal: AbortSignal, how: (profiles: Raw) => Raw): Promise<void> {
  await files.makePrivateDirectory(configDir);
  const lock = () => files.lock(settingsLock(configDir));
  await using _held = await tryFor(LOCK_WAIT_MS, lock, clock, signal, new Set<ErrorCode>(['state.locked']));
  await saveSetting(configDir, KEY, how(await readAll(configDir, files)), files);
}

async function readAll(configDir: string, files: Files): Promise<Raw> {
  const { [KEY]: found } = await readSettings(configDir, files);
  const read = Profiles.optional().safeParse(found);
  if (read.success) return read.data ?? {};
  throw new TunnelError('config.invalid', `${settingsFile(configDir)}: ${KEY} is no object`, { hint: 'Nothing was changed: correct it in an editor.' });
}

async function findRaw(name: string, configDir: string, files: Files): Promise<unknown> {
  const found = await readAll(configDir, files);
  return Object.hasOwn(found, name) ? found[name] : await findProfile(name, configDir, files);
}

function unknownKeys(old: unknown): object {
  const known = new Set(['targets', 'local', 'socks', 'http', 'listen', 'agent', 'site', 'alternates', 'keep_alive']);
  return Object.fromEntries(Object.entries(Profiles.safeParse(old).data ?? {}).filter(([key]) => !known.has(key)));
}

function where(configDir: string, name: string): string {
  return `${settingsFile(configDir)}: ${KEY}.${name}`;
}
