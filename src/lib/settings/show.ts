// Every setting of what a data folder holds, a gateway, an agent or both, for `tunnel config`.
import type { AgentFlags } from '../agent/config.ts';
import { agentSettings } from '../agent/settings.ts';
import { TunnelError } from '../base/errors.ts';
import type { FileSettings } from '../base/settings.ts';
import type { World } from '../base/world.ts';
import type { GatewayFlags } from '../gateway/config.ts';
import { gatewaySettings } from '../gateway/settings.ts';

export interface FolderSettings {
  readonly gateway: FileSettings | null;
  readonly agent: FileSettings | null;
}

/** What the environment says for flags of their starts. */
export interface Variables {
  readonly gateway: GatewayFlags;
  readonly agent: AgentFlags;
}

/** Errors `resource.unknown` where there is neither, `config.invalid`, `file.loose-mode`. */
export async function settingsOf(dataDir: string, variables: Variables, world: World, signal: AbortSignal): Promise<FolderSettings> {
  const gateway = (await gatewaySettings(dataDir, variables.gateway, world, signal)) ?? null;
  const agent = (await agentSettings(dataDir, variables.agent, world, signal)) ?? null;
  if (gateway !== null || agent !== null) return { gateway, agent };
  throw new TunnelError('resource.unknown', `${dataDir} holds neither a gateway nor an agent`, {
    hint: 'Name another folder with --data-dir; tunnel ca init makes a gateway, tunnel agent enroll an agent.',
  });
}
