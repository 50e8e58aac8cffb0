// What the operator's side keeps between commands: login.json in the configuration folder, for this user alone.
import { join } from 'node:path';
import { TunnelError } from '../base/errors.ts';
import type { Files } from '../base/world.ts';
import type { Credentials } from './login-file.ts';

const FILE = 'login.json';

/** Undefined where nobody is logged in. Errors `file.loose-mode`, `file.corrupt`. */
export async function findCredentials(configDir: string, files: Files): Promise<Credentials | undefined> {
  const path = join(configDir, FILE);
  const content = await files.readSecret(path);
  if (content === undefined) return undefined;
  const { readLoginFile } = await import('./login-file.ts'); // zod is not free, and without a login there is nothing to check
  const login = readLoginFile(content);
  if (login === undefined) throw new TunnelError('file.corrupt', `${path} is not a login`, { hint: 'Run: tunnel logout, then tunnel login --token-file FILE' });
  return login;
}

/** Error `login.missing` besides those of `findCredentials`. */
export async function loadCredentials(configDir: string, files: Files): Promise<Credentials> {
  const found = await findCredentials(configDir, files);
  if (found === undefined)
    throw new TunnelError('login.missing', 'nobody is logged in on this machine', { hint: 'Ask for a login string, then: tunnel login --token-file FILE' });
  return found;
}

export async function saveCredentials(configDir: string, credentials: Credentials, files: Files): Promise<void> {
  await files.makePrivateDirectory(configDir);
  await files.replaceAtomically(join(configDir, FILE), `${JSON.stringify(credentials, null, 2)}\n`);
}

export async function dropCredentials(configDir: string, files: Files): Promise<void> {
  await files.remove(join(configDir, FILE));
}
