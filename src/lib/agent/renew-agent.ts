// Renews an agent's certificate on demand: asks the agent that runs on the data folder, and links by itself where none does.
import type { AgentRenewalAnswer } from '../api/agent-renewal.ts';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { askRenewal } from './ask-agent.ts';
import { expiredOr } from './expired.ts';
import { Installed, lockAgent } from './installed.ts';
import { withLink } from './with-link.ts';

export interface RenewOptions {
  readonly dataDir: string;
  readonly rotateKey: boolean;
}

/**
 * The old identity stays in force until the new one is complete.
 * Errors: `agent.not-enrolled`, `config.invalid`, `file.loose-mode`, `state.locked`, `certificate.expired`, those of dialling, of `Agent.renew` and of `Renewal.renew`.
 */
export async function renewAgent(options: RenewOptions, world: World, signal: AbortSignal): Promise<AgentRenewalAnswer> {
  try {
    return await askRenewal(options.dataDir, options, world, signal);
  } catch (error) {
    if (!(error instanceof TunnelError) || error.code !== 'agent.offline') throw error;
    return await renewStopped(options, world, signal);
  }
}

/** Two short links: one with the old certificate to ask, one with the new one to see it work. */
async function renewStopped({ dataDir, rotateKey }: RenewOptions, world: World, signal: AbortSignal): Promise<AgentRenewalAnswer> {
  await using _lock = await lockAgent(dataDir, world);
  const installed = await Installed.open(dataDir, world);
  try {
    await withLink(installed, {}, world, signal, (link) => link.renew({ rotateKey }, signal));
    await withLink(installed, {}, world, signal, async () => {});
  } catch (error) {
    throw expiredOr(error, installed, world.clock);
  }
  return installed.renewed(rotateKey);
}
