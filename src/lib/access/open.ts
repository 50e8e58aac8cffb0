// Which gateway an administrative command means: a data folder on this machine, or the one that its user is logged in to.
import type { ApiClient } from '../api/client.ts';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { defaultDataDir } from '../system/paths.ts';

export interface Access extends AsyncDisposable {
  readonly client: ApiClient;
}

export interface AccessOptions {
  /** As given by flag or variable: then that folder is meant and no login. */
  readonly dataDir: string | undefined;
  readonly configDir: string;
  /** What only a gateway that runs can answer; nothing is opened beside it. */
  readonly running?: true;
}

/** A named folder, else the login, else the folder of this machine's own gateway. Error `login.missing` where there is none of them. */
export async function openAccess({ dataDir, configDir, running }: AccessOptions, world: World): Promise<Access> {
  if (dataDir !== undefined) return await openFolder(dataDir, running, world);
  const { findCredentials } = await import('../operator/credentials.ts');
  const credentials = await findCredentials(configDir, world.files);
  if (credentials !== undefined) {
    const { remoteClient } = await import('../operator/remote.ts');
    return { client: await remoteClient(credentials, world, configDir), async [Symbol.asyncDispose]() {} };
  }
  try {
    return await openFolder(defaultDataDir(), running, world);
  } catch (cause) {
    if (!(cause instanceof TunnelError) || cause.code !== 'ca.missing') throw cause;
    const hint = "Log in with tunnel login --token-file FILE, or name the gateway's folder with --data-dir.";
    throw new TunnelError('login.missing', 'nobody is logged in, and this machine has no gateway of its own', { hint, cause });
  }
}

async function openFolder(dataDir: string, running: true | undefined, world: World): Promise<Access> {
  const { openGateway } = await import('../gateway/open.ts');
  return await openGateway({ dataDir, running }, world);
}
