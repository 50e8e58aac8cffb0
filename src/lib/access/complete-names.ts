// Names for whoever types a command line: quick, silent where they cannot be had, and harmless in a shell.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { ApiClient } from '../api/client.ts';
import type { World } from '../base/world.ts';
import { openAccess } from './open.ts';

type Kind = 'agents' | 'operators' | 'profiles' | 'sessions';

const KEEP_MS = 5000;
const TAKES_MS = 1000;
/** Shells expand what completes: a name that is more than a name is none. */
const HARMLESS = /^[A-Za-z0-9][\w.-]{0,99}$/;

/** Kept in the configuration folder for a few seconds, because a shell asks at every key. */
export async function completeNames(kind: Kind, dataDir: string | undefined, configDir: string, world: World, interrupted: AbortSignal): Promise<string[]> {
  const about = createHash('sha256')
    .update(dataDir ?? '')
    .digest('hex')
    .slice(0, 8);
  const file = join(configDir, `names-${kind}-${about}.json`);
  try {
    const kept = await readKept(file, world);
    if (kept !== undefined) return kept;
    const signal = AbortSignal.any([interrupted, AbortSignal.timeout(TAKES_MS)]);
    const names = (await (kind === 'profiles' ? profiles(configDir, world) : ask(kind, dataDir, configDir, world, signal))).filter((name) =>
      HARMLESS.test(name),
    );
    // Only beside a login: a folder is not made for this.
    if ((await world.files.list(configDir)).length > 0)
      await world.files.replaceAtomically(file, JSON.stringify({ at: world.clock.now(), names })).catch(() => {}); // the next key asks again
    return names;
  } catch {
    return []; // whoever presses a key wants no error message in the line
  }
}

async function readKept(file: string, { files, clock }: Pick<World, 'files' | 'clock'>): Promise<string[] | undefined> {
  const content = await files.read(file);
  if (content === undefined) return undefined;
  const { at, names } = JSON.parse(Buffer.from(content).toString('utf8')) as { at: unknown; names: unknown };
  const age = clock.now() - Number(at);
  if (!(age >= 0 && age < KEEP_MS) || !Array.isArray(names)) return undefined;
  return names.map(String).filter((name) => HARMLESS.test(name));
}

async function profiles(configDir: string, world: World): Promise<string[]> {
  const { showProfiles } = await import('../operator/profiles/show.ts');
  return (await showProfiles(configDir, world)).map(({ name }) => name);
}

async function ask(kind: Exclude<Kind, 'profiles'>, dataDir: string | undefined, configDir: string, world: World, signal: AbortSignal): Promise<string[]> {
  await using access = await openAccess({ dataDir, configDir }, world);
  return await namesOf(kind, access.client, signal);
}

async function namesOf(kind: Exclude<Kind, 'profiles'>, client: ApiClient, signal: AbortSignal): Promise<string[]> {
  const page = { limit: 200 };
  if (kind === 'agents') return (await client.listAgents(page, signal)).agents.map(({ name }) => name);
  if (kind === 'operators') return (await client.listOperators(page, signal)).operators.map(({ name }) => name);
  return (await client.listSessions({ ...page, ended: 'false' }, signal)).sessions.map(({ id }) => id);
}
