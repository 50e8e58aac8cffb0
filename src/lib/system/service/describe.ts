// The service of a gateway or an agent, from its data folder: what runs, as whom, and where it may write.
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TunnelError } from '../../base/errors.ts';
import type { Files } from '../../base/world.ts';
import { filesOf, realFiles } from '../files.ts';
import type { ServiceDefinition } from './definition.ts';

const NAME = /^[a-z][a-z0-9-]{0,60}$/;
// The same place from src/lib/system/service and from dist/lib/system/service.
const PROGRAM = fileURLToPath(new URL('../../../../bin/run.js', import.meta.url));

export interface ServiceWish {
  readonly role: 'gateway' | 'agent';
  /** `tunnel-gateway` where not given. */
  readonly name?: string | undefined;
  readonly dataDir: string;
  /** More flags for its `start`. */
  readonly flags?: readonly string[] | undefined;
  readonly lowPort?: boolean | undefined;
}

/** Errors `name.malformed`, `file.failed` where the folder is missing. */
export async function describeService({ role, name = `tunnel-${role}`, dataDir, flags = [], lowPort = false }: ServiceWish): Promise<ServiceDefinition> {
  if (!NAME.test(name))
    throw new TunnelError('name.malformed', `--name is not the name of a service: ${JSON.stringify(name.slice(0, 80))}`, {
      hint: 'Lower-case letters, digits and hyphens.',
    });
  const folder = resolve(dataDir);
  return {
    name,
    description: role === 'gateway' ? 'tunnel gateway' : `tunnel agent of ${folder}`,
    command: [process.execPath, PROGRAM, role, 'start', '--data-dir', folder, ...flags],
    dataDir: folder,
    user: await ownerOf(folder),
    lowPort,
  };
}

/** What the service will find in its folder: root installs it, and the folder may be somebody else's. */
export async function serviceFiles(dataDir: string): Promise<Files> {
  const folder = await stat(resolve(dataDir)).catch(() => undefined);
  return process.geteuid?.() === 0 && folder !== undefined ? filesOf(folder.uid) : realFiles;
}

/** The name, or the number where it has none. */
async function ownerOf(folder: string): Promise<string> {
  const { uid } = await stat(join(folder, '.')).catch((cause: unknown) => {
    throw new TunnelError('file.failed', `there is no folder ${folder}`, { hint: 'Name the data folder with --data-dir.', cause });
  });
  if (process.platform === 'win32') return 'SYSTEM';
  if (uid === 0) return 'root';
  const { execa } = await import('execa');
  const { stdout, failed } = await execa('id', ['-nu', String(uid)], { reject: false });
  return failed || stdout === '' ? String(uid) : stdout.trim();
}
