// What the operator's side keeps between commands: login.json in the configuration folder, for this user alone.
import { join } from 'node:path';
import { z } from 'zod';
import { TunnelError } from '../base/errors.ts';
import type { Files } from '../base/world.ts';

const FILE = 'login.json';

const Stored = z.object({
  gateway: z.url(),
  ca_pem: z.string().min(1),
  operator: z.string().min(1),
  kind: z.enum(['operator', 'admin']),
  credential: z.string().min(1),
  expires_at: z.iso.datetime(),
  /** Whose certificate the API shows: the tunnel's own CA, or one that the system trusts. */
  tls: z.enum(['tunnel', 'public']).default('tunnel'),
});

export type Credentials = z.infer<typeof Stored>;

/** Undefined where nobody is logged in. Errors `file.loose-mode`, `file.corrupt`. */
export async function findCredentials(configDir: string, files: Files): Promise<Credentials | undefined> {
  const path = join(configDir, FILE);
  const content = await files.readSecret(path);
  if (content === undefined) return undefined;
  const parsed = Stored.safeParse(parseJson(content));
  if (!parsed.success) throw new TunnelError('file.corrupt', `${path} is not a login`, { hint: 'Run: tunnel logout, then tunnel login --token-file FILE' });
  return parsed.data;
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

function parseJson(content: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(content).toString('utf8'));
  } catch {
    return undefined;
  }
}
