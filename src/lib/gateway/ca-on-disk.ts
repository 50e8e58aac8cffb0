// The CA in a gateway's data folder: opened, rotated, a rotation ended. Each is decided by one replacement of ca-cert.pem: killed at any write, one CA or the other is in force, whole.
import { createPrivateKey } from 'node:crypto';
import { TunnelError } from '../base/errors.ts';
import type { Clock, Files } from '../base/world.ts';
import { type Authority, isLocked, loadAuthority } from '../pki/authority.ts';
import { sealKey } from '../pki/keys.ts';
import type { DataFolder } from './data-folder.ts';

export const CA_LIFETIME_MS = 3650 * 86_400_000;

/** What control may do with the CA: the folder's own, and the one of a running gateway, which also puts each change to use. */
export interface CaDesk {
  /** As it is now; asked for again after anything was waited for. */
  readonly authority: Authority;
  /** A new CA issues from now on; the one before is accepted for `windowMs`. Errors `ca.rotating`, `ca.passphrase`, `file.failed`. */
  rotate(windowMs: number): Promise<void>;
  /** From now on the CA before is not accepted any more. Errors `ca.not-rotating`, `file.failed`. */
  finish(): Promise<void>;
}

export interface CaFilesOptions {
  readonly files: Files;
  readonly now: Clock['now'];
  /** Of an encrypted key; without it the CA can be shown and trusted, but does not issue. */
  readonly passphrase?: string | undefined;
}

export class CaOnDisk implements CaDesk {
  readonly #folder: DataFolder;
  readonly #options: CaFilesOptions;
  #authority: Authority;
  #sealed: boolean;

  private constructor(folder: DataFolder, options: CaFilesOptions, { authority, keyPem }: { authority: Authority; keyPem: string }) {
    this.#folder = folder;
    this.#options = options;
    this.#authority = authority;
    this.#sealed = isLocked(keyPem);
  }

  /** Under the folder's lock: finishes what a kill has cut short. Errors `file.corrupt`, `file.loose-mode`, `ca.passphrase` for a wrong one. */
  static async open(folder: DataFolder, options: CaFilesOptions): Promise<CaOnDisk> {
    const { files, now, passphrase } = options;
    const text = async (path: string) => {
      const content = await files.readSecret(path);
      return content && Buffer.from(content).toString();
    };
    const [caPem = '', keyPem = '', nextKeyPem] = [await text(folder.caCertificate), await text(folder.caKey), await text(folder.nextCaKey)];
    const load = async (pem: string) => ({ authority: await loadAuthority(caPem, { pem, passphrase }, now()), keyPem: pem });
    if (nextKeyPem === undefined) return new CaOnDisk(folder, options, await load(keyPem));
    if (isLocked(keyPem) && passphrase === undefined) return new CaOnDisk(folder, options, await load(keyPem)); // which of the two it is, is for whoever can open them
    const loaded = await load(keyPem).catch(async (error: unknown) => {
      if (!(error instanceof TunnelError) || error.code !== 'file.corrupt') throw error;
      const next = await load(nextKeyPem);
      await files.replaceAtomically(folder.caKey, nextKeyPem);
      return next;
    });
    await files.remove(folder.nextCaKey);
    return new CaOnDisk(folder, options, loaded);
  }

  get authority(): Authority {
    return this.#authority;
  }

  async rotate(windowMs: number): Promise<void> {
    const { files, now, passphrase } = this.#options;
    const { previous } = this.#authority;
    if (previous && previous.notAfter > now()) {
      const until = new Date(previous.notAfter).toISOString();
      throw new TunnelError('ca.rotating', `the CA is being rotated: the one before is accepted until ${until}`, {
        hint: 'End that first, once every agent has followed (tunnel ca show): tunnel ca rotate --finish',
      });
    }
    const { createSuccessor } = await import('../pki/rotation.ts');
    const { caPem, privateKeyPem } = await createSuccessor(this.#authority, { now: now(), lifetimeMs: CA_LIFETIME_MS, windowMs });
    const keyPem = this.#sealed ? sealKey(createPrivateKey(privateKeyPem), passphrase) : privateKeyPem;
    const next = await loadAuthority(caPem, privateKeyPem, now());
    await files.replaceAtomically(this.#folder.nextCaKey, keyPem);
    await files.replaceAtomically(this.#folder.caCertificate, caPem); // decides
    this.#authority = next;
    await files.replaceAtomically(this.#folder.caKey, keyPem);
    await files.remove(this.#folder.nextCaKey);
  }

  async finish(): Promise<void> {
    const before = this.#authority;
    if (!before.previous) throw new TunnelError('ca.not-rotating', 'no rotation of the CA is under way', { hint: 'Begin one: tunnel ca rotate' });
    await this.#options.files.replaceAtomically(this.#folder.caCertificate, before.certificatePem);
    this.#authority = alone(before);
  }
}

/** Without the CA before it. */
function alone(authority: Authority): Authority {
  const { certificatePem, serial, spkiSha256, fingerprintSha256, notBefore, notAfter } = authority;
  return {
    ...{ certificatePem, serial, spkiSha256, fingerprintSha256, notBefore, notAfter },
    bundlePem: certificatePem,
    crossPem: '',
    previous: undefined,
    get signingKey() {
      return authority.signingKey;
    },
  };
}
