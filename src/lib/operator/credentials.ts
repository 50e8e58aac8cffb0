// What the operator's side keeps between commands: login.json in the configuration folder, for this user alone; and what it keeps while a login is not answered.
import { join } from 'node:path';
import { type ErrorCode, TunnelError } from '../base/errors.ts';
import type { Files, World } from '../base/world.ts';
import { assureRoom } from '../system/room.ts';
import { newCredential } from '../tokens/secret.ts';
import type { Credentials, MadeCredential } from './login-file.ts';
import { tryFor } from './try-for.ts';

const FILE = 'login.json';
const PENDING = 'login-pending.json';
const LOCK = 'login.lock';
const LOCK_WAIT_MS = 5000;

/** Undefined where nobody is logged in. Errors `file.loose-mode`, `file.corrupt`. */
export async function findCredentials(configDir: string, files: Files): Promise<Credentials | undefined> {
  const path = join(configDir, FILE);
  const content = await files.readSecret(path);
  if (content === undefined) return undefined;
  const { readLoginFile } = await import('./login-file.ts'); // zod is not free, and without a login there is nothing to check
  const login = readLoginFile(content);
  if (login === undefined) throw new TunnelError('file.corrupt', `${path} is not a login`, { hint: 'Run: tunnel login --token-file FILE, with a new string.' });
  await files.makePrivateDirectory(configDir); // judges the one that is there
  return login;
}

/** Error `login.missing` besides those of `findCredentials`. */
export async function loadCredentials(configDir: string, files: Files): Promise<Credentials> {
  const found = await findCredentials(configDir, files);
  if (found === undefined)
    throw new TunnelError('login.missing', 'nobody is logged in on this machine', { hint: 'Ask for a login string, then: tunnel login --token-file FILE' });
  return found;
}

/**
 * For whoever is about to spend a string: alone in the folder, which is made where it is missing, and with room for what will be saved. Two at once wait for each other.
 * Errors `state.locked`, `file.loose-mode`, `file.failed`.
 */
export async function prepareFolder(configDir: string, { files, clock }: Pick<World, 'files' | 'clock'>, signal: AbortSignal): Promise<AsyncDisposable> {
  await files.makePrivateDirectory(configDir);
  const held = await tryFor(LOCK_WAIT_MS, () => files.lock(join(configDir, LOCK)), clock, signal, new Set<ErrorCode>(['state.locked']));
  try {
    await files.removeTemporaries(configDir);
    await files.judgePrivate(join(configDir, FILE));
    await assureRoom(configDir, files);
    return held;
  } catch (error) {
    await held[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * For the string with this hash, on disk before it is sent: when the answer is lost, only the same credential can ask for it again. By whoever holds the folder.
 * Errors `file.loose-mode`, `file.failed`.
 */
export async function credentialFor(configDir: string, stringSha256: string, files: Files): Promise<string> {
  const { readMadeCredential } = await import('./login-file.ts');
  for (const name of [PENDING, FILE]) {
    const content = await files.readSecret(join(configDir, name));
    const made = content === undefined ? undefined : readMadeCredential(content);
    if (made?.logged_in_with === stringSha256) return made.credential;
  }
  const made: MadeCredential = { logged_in_with: stringSha256, credential: newCredential() };
  await files.replaceAtomically(join(configDir, PENDING), `${JSON.stringify(made)}\n`);
  return made.credential;
}

/** By whoever holds the folder. */
export async function saveCredentials(configDir: string, credentials: Credentials, files: Files): Promise<void> {
  await files.replaceAtomically(join(configDir, FILE), `${JSON.stringify(credentials, null, 2)}\n`);
  await dropPending(configDir, files);
}

export async function dropPending(configDir: string, files: Files): Promise<void> {
  await files.remove(join(configDir, PENDING));
}

export async function dropCredentials(configDir: string, files: Files): Promise<void> {
  await files.remove(join(configDir, FILE));
  await dropPending(configDir, files);
}
