// The agent as its data folder has it: configuration and identity in force, and the one way in which a renewal replaces them.
import { join } from 'node:path';
import type { AgentRenewalAnswer } from '../api/agent-renewal.ts';
import { type AgentStatusAnswer, failureOf } from '../api/agent-status.ts';
import { OneAtATime } from '../base/one-at-a-time.ts';
import type { World } from '../base/world.ts';
import { certificateFacts } from '../pki/certificate-facts.ts';
import type { CertRenewalGranted } from '../protocol/messages.ts';
import { checkIssued } from './check-issued.ts';
import { type AgentConfig, readConfig, settingsOf, writeConfig } from './config.ts';
import { addIdentity, type Identity, readIdentityFolder, removeOthers } from './identity-folder.ts';

/** An identity, for as long as it is the one in force. */
export interface InForce {
  readonly identity: Identity;
  /** Aborts when another one has taken its place. */
  readonly superseded: AbortSignal;
}

export class Installed {
  /** Of this process: the gateway tells by it an agent that moves from two that share one identity. */
  readonly instance: string;
  readonly #dataDir: string;
  readonly #world: World;
  #config: AgentConfig;
  #inForce: InForce & { readonly over: AbortController };
  #renewalError: AgentStatusAnswer['renewal_error'] = null;
  /** One at a time: two links may renew, and each takes the next folder. */
  readonly #changes = new OneAtATime();

  private constructor(dataDir: string, config: AgentConfig, identity: Identity, world: World) {
    this.#dataDir = dataDir;
    this.#config = config;
    this.#inForce = inForce(identity);
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
    return this.#inForce.identity;
  }

  get inForce(): InForce {
    return this.#inForce;
  }

  /** Why the certificate in force could not be renewed when that was last tried; null where it never failed. */
  get renewalError(): AgentStatusAnswer['renewal_error'] {
    return this.#renewalError;
  }

  notRenewed(error: unknown): void {
    this.#renewalError = failureOf(error, this.#world.clock.now());
  }

  /** What came of a renewal that was asked for. */
  renewed(keyChanged: boolean): AgentRenewalAnswer {
    const { agent_id, name, gateway } = this.#config;
    const { notAfter } = certificateFacts(this.identity.certificatePem);
    return { agent_id, name, gateway, not_after: new Date(notAfter).toISOString(), key_changed: keyChanged };
  }

  /**
   * A new certificate, for the key in force or for another one. Complete on disk before it is named, and named before it is used.
   * Errors `certificate.refused`, `file.failed`: the old identity stays in force.
   */
  async adopt(granted: CertRenewalGranted, privateKeyPem = this.identity.privateKeyPem): Promise<void> {
    await this.#changes.run(() => this.#adopt(granted, privateKeyPem));
  }

  /** Takes over what people set; identity and gateway stay as they are. */
  use(after: AgentConfig): void {
    this.#config = { ...this.#config, ...settingsOf(after) };
  }

  async #adopt({ certificatePem, caPem, sessionKeys }: CertRenewalGranted, privateKeyPem: string): Promise<void> {
    const { files, clock } = this.#world;
    const identity = { privateKeyPem, certificatePem, trustedCaPem: caPem };
    checkIssued(identity, { agentId: this.#config.agent_id, now: clock.now() });
    const folder = await addIdentity(this.#dataDir, identity, files);
    this.#config = await this.#name(folder, sessionKeys);
    const { over } = this.#inForce;
    this.#inForce = inForce(identity);
    this.#renewalError = null;
    over.abort();
    await removeOthers(this.#dataDir, [folder], files).catch((error: unknown) => this.#world.log.warn({ error }, 'the identity before could not be removed'));
  }

  /** Read again, since people edit it. A failure leaves no folder with a key that nothing names. */
  async #name(folder: string, sessionKeys: string | undefined): Promise<AgentConfig> {
    const { files, log } = this.#world;
    try {
      const stored = await readConfig(this.#dataDir, files);
      const config = { ...stored, identity: folder, session_keys: sessionKeys ?? stored.session_keys };
      await writeConfig(this.#dataDir, config, files);
      return { ...config, ...settingsOf(this.#config) }; // what was edited meanwhile waits for a reload
    } catch (error) {
      const tidy = async () => {
        // Named all the same, where only the end of the writing failed.
        if ((await readConfig(this.#dataDir, files)).identity !== folder) await files.remove(join(this.#dataDir, folder));
      };
      await tidy().catch((left: unknown) => log.warn({ error: left }, 'an identity that is not in force could not be removed'));
      throw error;
    }
  }
}

function inForce(identity: Identity): InForce & { readonly over: AbortController } {
  const over = new AbortController();
  return { identity, superseded: over.signal, over };
}

/** Makes the folder where it is missing. Held by whoever uses or changes it; what killed runs left goes. Errors `state.locked`, `file.loose-mode`. */
export async function lockAgent(dataDir: string, { files }: World): Promise<AsyncDisposable> {
  await files.makePrivateDirectory(dataDir);
  const held = await files.lock(join(dataDir, 'agent.lock'));
  await files.removeTemporaries(dataDir);
  return held;
}
