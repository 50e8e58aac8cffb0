// The settings of an agent with their origins: of one that runs by asking it, else as the next start would find them.
import { unknownKeys } from '../base/config-file.ts';
import { TunnelError } from '../base/errors.ts';
import { type FileSettings, type Setting, settle } from '../base/settings.ts';
import type { World } from '../base/world.ts';
import { askSettings } from './ask-agent.ts';
import { AgentConfig, type AgentFlags, configPath, givenBy, parseConfig, SHOWN_DEFAULTS } from './config.ts';

/** `variables`: what the environment says for flags of a start. Undefined where the folder holds no agent. Errors `config.invalid`, `file.loose-mode`. */
export async function agentSettings(dataDir: string, variables: AgentFlags, world: World, signal: AbortSignal): Promise<FileSettings | undefined> {
  const file = configPath(dataDir);
  const content = await world.files.readSecret(file);
  if (content === undefined) return undefined;
  const stored = parseConfig(file, content);
  const running = await ofRunning(dataDir, world, signal);
  const settings = running ?? settle(SHOWN_DEFAULTS, givenBy(variables, new Set(Object.keys(SHOWN_DEFAULTS))), stored);
  return { file, running: running !== undefined, settings, unknown: unknownKeys(content, AgentConfig.shape) };
}

async function ofRunning(dataDir: string, world: World, signal: AbortSignal): Promise<readonly Setting[] | undefined> {
  try {
    return (await askSettings(dataDir, world, signal)).settings;
  } catch (error) {
    if (error instanceof TunnelError && error.code === 'agent.offline') return undefined;
    throw error;
  }
}
