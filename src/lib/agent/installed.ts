// The agent as its data folder has it: configuration and identity in force, and the one way in which a renewal replaces them.
import { join } from 'node:path';
import type { World } from '../base/world.ts';
import type { CertRenewalGranted } from '../protocol/messages.ts';
import { checkIssued } from './check-issued.ts';
import { type AgentConfig, readConfig, writeConfig } from './config.ts';
import { addIdentity, type Identity, readIdentityFolder, removeOthers } from './identity-folder.ts';

export class Installed {
  /** Of this process: the gateway tells by it an agent that moves from two that share one identity. */
  readonly instance: string;
  readonly #dataDir: string;
  readonly #world: World;
  #config: AgentConfig;
  #identity: Identity;

  private constructor(dataDir: string, config: AgentConfig, identity: Identity, world: World) {
    this.#dataDir = dataDir;
    this.#config = config;
    this.#identity = identity;
    this.#world = world;
    this.instance = world.random.uuid();
  }

  /** Errors `agent.not-enrolled`, `config.invalid`, `file.corrupt`, `file.loose-mode`. */
  static async open(dataDir: string, world: World): Promise<Installed> {
    const config = await readConfig(dataDir, world.files);
    return new Installed(dataDir, config, await readIdentityFolder(dataDir, config.identity, world.files), world);
  }

  get config(): AgentConfig {
    return this.#config;
  }

  get identity(): Identity {
    return this.#identity;
  }

  /** Same key, new certificate. Stored before it is used; agent.json is read again, since people edit it. Errors `certificate.refused`, `file.failed`. */
  async adopt({ certificatePem, caPem, sessionKeys }: CertRenewalGranted): Promise<void> {
    const { files, clock } = this.#world;
    const identity = { privateKeyPem: this.#identity.privateKeyPem, certificatePem, trustedCaPem: caPem };
    checkIssued(identity, { agentId: this.#config.agent_id, now: clock.now() });
    const folder = await addIdentity(this.#dataDir, identity, files);
    const stored = await readConfig(this.#dataDir, files);
    const config = { ...stored, identity: folder, session_keys: sessionKeys ?? stored.session_keys };
    await writeConfig(this.#dataDir, config, files);
    this.#config = config;
    this.#identity = identity;
    await removeOthers(this.#dataDir, [folder], files);
  }
}

/** Makes the folder where it is missing. Held by whoever uses or changes it; what killed runs left goes. Errors `state.locked`, `file.loose-mode`. */
export async function lockAgent(dataDir: string, { files }: World): Promise<AsyncDisposable> {
  await files.makePrivateDirectory(dataDir);
  const held = await files.lock(join(dataDir, 'agent.lock'));
  await files.removeTemporaries(dataDir);
  return held;
}
