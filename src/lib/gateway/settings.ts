// The settings of a gateway with their origins: of one that runs by asking it, else as the next start would find them.
import { apiClient } from '../api/client.ts';
import { localExchange } from '../api/exchange-local.ts';
import { unknownKeys } from '../base/config-file.ts';
import { TunnelError } from '../base/errors.ts';
import { type FileSettings, type Setting, settle } from '../base/settings.ts';
import type { World } from '../base/world.ts';
import { GATEWAY_DEFAULTS, type GatewayFlags, givenBy } from './config.ts';
import { parseConfig, StoredConfig } from './config-file.ts';
import { dataFolder } from './data-folder.ts';

/** `variables`: what the environment says for flags of a start. Undefined where the folder holds no gateway. Errors `config.invalid`, `file.loose-mode`. */
export async function gatewaySettings(dataDir: string, variables: GatewayFlags, world: World, signal: AbortSignal): Promise<FileSettings | undefined> {
  const folder = dataFolder(dataDir);
  const content = await world.files.readSecret(folder.config);
  if (content === undefined && (await world.files.read(folder.caCertificate)) === undefined) return undefined;
  const running = await ofRunning(folder.controlSocket, world, signal);
  const given = givenBy(variables, new Set(Object.keys(GATEWAY_DEFAULTS)));
  const settings = running ?? settle(GATEWAY_DEFAULTS, given, content === undefined ? {} : parseConfig(folder.config, content));
  return { file: folder.config, running: running !== undefined, settings, unknown: content === undefined ? [] : unknownKeys(content, StoredConfig.shape) };
}

async function ofRunning(socket: string, world: World, signal: AbortSignal): Promise<readonly Setting[] | undefined> {
  try {
    return (await apiClient(localExchange(socket, world)).config(signal)).settings;
  } catch (error) {
    if (error instanceof TunnelError && error.code === 'gateway.unreachable') return undefined;
    throw error;
  }
}
