// Where a `connect` in the background says what it has to say: one file for what it forwards, written anew at each start.
import { join } from 'node:path';
import type { World } from '../../base/world.ts';
import type { Plan } from './plan.ts';
import { formatListen } from './spec.ts';

/** In the configuration folder, which is made where there is none. Error `file.loose-mode`. */
export async function logFileOf({ specs: [first] }: Plan, configDir: string, { files }: Pick<World, 'files'>): Promise<string> {
  await files.makePrivateDirectory(configDir);
  const what = first.protocol === 'tcp' ? first.target : `${first.protocol}-${formatListen(first.listen)}`;
  return join(configDir, `connect-${what.replaceAll(/[^a-z0-9.-]+/g, '-')}.log`);
}
