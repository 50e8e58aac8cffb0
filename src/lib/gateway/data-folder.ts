// The gateway's data folder: what each file is called, who makes it, and what is said when it is missing.
import { createPrivateKey, randomBytes } from 'node:crypto';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { TunnelError } from '../base/errors.ts';
import type { Files, World } from '../base/world.ts';
import type { Authority } from '../pki/authority.ts';
import type { ImportedAuthority, PemFile } from '../pki/import-authority.ts';
import { sealKey } from '../pki/keys.ts';
import { newSigningKey, readSigningKeys, type SigningKey, writeSigningKeys } from '../tokens/signing-keys.ts';
import { CA_LIFETIME_MS, CaOnDisk } from './ca-on-disk.ts';

const SECRET_BYTES = 32;
const Secrets = z.looseObject({ link_secret: z.string().regex(/^[0-9a-f]{64}$/) });

export interface DataFolder {
  readonly directory: string;
  readonly caCertificate: string;
  readonly caKey: string;
  /** Only while a rotation is being written. */
  readonly nextCaKey: string;
  readonly serverCertificate: string;
  readonly serverKey: string;
  readonly signingKeys: string;
  readonly secrets: string;
  readonly config: string;
  readonly database: string;
  readonly lock: string;
  readonly controlSocket: string;
}

export function dataFolder(directory: string): DataFolder {
  return {
    directory,
    caCertificate: join(directory, 'ca-cert.pem'),
    caKey: join(directory, 'ca-key.pem'),
    nextCaKey: join(directory, 'ca-next-key.pem'),
    serverCertificate: join(directory, 'server-cert.pem'),
    serverKey: join(directory, 'server-key.pem'),
    signingKeys: join(directory, 'signing-keys.json'),
    secrets: join(directory, 'secrets.json'),
    config: join(directory, 'gateway.json'),
    database: join(directory, 'gateway.db'),
    lock: join(directory, 'gateway.lock'),
    controlSocket: join(directory, 'control.sock'),
  };
}

export interface CaFacts {
  readonly caFile: string;
  /** SHA-256 of its SPKI, lower-case hex: what strings carry. */
  readonly pin: string;
  readonly notAfter: number;
}

/** Held by whoever uses or changes the folder, which is made where it is missing. What killed runs left goes. Errors `state.locked`, `file.loose-mode`, `file.failed`. */
export async function lockFolder({ directory, lock, database }: DataFolder, files: Files): Promise<AsyncDisposable> {
  await files.makePrivateDirectory(directory);
  const held = await files.lock(lock);
  try {
    await files.removeTemporaries(directory);
    for (const suffix of ['', '-wal', '-shm', '-journal']) await files.judgePrivate(database + suffix);
    return held;
  } catch (error) {
    await held[Symbol.asyncDispose]();
    throw error;
  }
}

export interface InitCaOptions {
  /** A CA that was made elsewhere; its key in `key`, or in the same file. */
  readonly from?: { readonly pem: string; readonly key?: string | undefined } | undefined;
  /** The key is kept encrypted with it; an encrypted one that comes in is opened with it. */
  readonly passphrase?: string | undefined;
}

/**
 * `ca init`. Errors `ca.exists`, `ca.refused`, `ca.passphrase`, `state.locked`, `file.loose-mode`, `file.failed`.
 * The certificate is written last: without it nothing counts, and the next try begins anew.
 */
export async function initCa(directory: string, { files, clock }: Pick<World, 'files' | 'clock'>, { from, passphrase }: InitCaOptions = {}): Promise<CaFacts> {
  const folder = dataFolder(directory);
  const imported = from && (await readForeign(from, passphrase, { files, clock })); // before anything is made
  await using _lock = await lockFolder(folder, files);
  if ((await files.read(folder.caCertificate)) !== undefined) {
    throw new TunnelError('ca.exists', `${directory} holds a CA already`, {
      hint: 'It is kept: agents and operators trust it. Choose another --data-dir for another gateway.',
    });
  }
  const { certificateFacts } = await import('../pki/certificate-facts.ts');
  const { openStore } = await import('../store/open.ts');
  const { certificatePem, key } = imported ?? (await makeOwn(clock.now()));
  await files.replaceAtomically(folder.caKey, sealKey(key, passphrase));
  await files.replaceAtomically(folder.signingKeys, writeSigningKeys([newSigningKey(randomBytes(8).toString('hex'))]));
  await files.replaceAtomically(folder.secrets, `${JSON.stringify({ link_secret: randomBytes(SECRET_BYTES).toString('hex') }, null, 2)}\n`);
  const facts = certificateFacts(certificatePem);
  await using store = await openStore(folder.database, { clock });
  await store.audit.append({
    code: 'ca.created',
    actor: 'local-admin',
    subject: 'ca',
    detail: {
      spki_sha256: facts.spkiSha256,
      not_after: new Date(facts.notAfter).toISOString(),
      imported: imported !== undefined,
      encrypted: passphrase !== undefined,
    },
  });
  await files.replaceAtomically(folder.caCertificate, certificatePem);
  return { caFile: folder.caCertificate, pin: facts.spkiSha256, notAfter: facts.notAfter };
}

async function makeOwn(now: number): Promise<ImportedAuthority> {
  const { createAuthority } = await import('../pki/create-authority.ts');
  const { certificatePem, privateKeyPem } = await createAuthority({ commonName: 'tunnel CA', now, lifetimeMs: CA_LIFETIME_MS });
  return { certificatePem, key: createPrivateKey(privateKeyPem) };
}

async function readForeign(
  { pem, key }: NonNullable<InitCaOptions['from']>,
  passphrase: string | undefined,
  { files, clock }: Pick<World, 'files' | 'clock'>,
): Promise<ImportedAuthority> {
  const read = async (path: string): Promise<PemFile> => {
    const content = await files.read(path);
    if (content === undefined)
      throw new TunnelError('file.failed', `no file at ${path}`, { hint: 'Name a file with the certificate and the key of the CA in PEM.' });
    return { path, text: Buffer.from(content).toString() };
  };
  const { importAuthority } = await import('../pki/import-authority.ts');
  const imported = importAuthority({ pem: await read(pem), key: key === undefined ? undefined : await read(key), passphrase, now: clock.now() });
  await files.readSecret(key ?? pem); // a key that others could read is no secret any more
  return imported;
}

export interface Keys {
  readonly ca: CaOnDisk;
  /** As it was when it was loaded. */
  readonly authority: Authority;
  readonly signing: readonly [SigningKey, ...SigningKey[]];
  /** Of Retry tokens and stateless resets: kept, so that a restarted gateway can end its old links. */
  readonly linkSecret: Uint8Array;
}

/** Error `ca.missing`: there is nothing to lock in this folder. */
export async function assertCa(folder: DataFolder, files: Files): Promise<void> {
  if ((await files.read(folder.caCertificate)) === undefined) throw missing(folder, folder.caCertificate);
}

/** Under the folder's lock. Errors `ca.missing`, `ca.passphrase` for a wrong one, `file.loose-mode`, `file.corrupt`, `store.corrupt`. */
export async function loadKeys(
  folder: DataFolder,
  files: Files,
  { now = () => 0, passphrase }: { readonly now?: () => number; readonly passphrase?: string | undefined } = {},
): Promise<Keys> {
  const text = async (path: string) => {
    const content = await files.readSecret(path);
    if (content === undefined) throw missing(folder, path);
    return Buffer.from(content).toString();
  };
  await text(folder.caCertificate);
  const [, signingText, secretsText] = [await text(folder.caKey), await text(folder.signingKeys), await text(folder.secrets)];
  if (!(await files.list(folder.directory)).includes(basename(folder.database))) throw databaseMissing(folder);
  const ca = await CaOnDisk.open(folder, { files, now, passphrase });
  return {
    ca,
    authority: ca.authority,
    signing: readSigningKeys(signingText),
    linkSecret: readSecrets(secretsText, folder.secrets),
  };
}

function readSecrets(text: string, path: string): Uint8Array {
  try {
    return Buffer.from(Secrets.parse(JSON.parse(text)).link_secret, 'hex');
  } catch {
    throw new TunnelError('file.corrupt', `${path} is not what ca init wrote`, { hint: 'Restore it from a backup.' });
  }
}

/** Never begun anew: whoever was revoked would be let in again. */
function databaseMissing({ database }: DataFolder): TunnelError {
  return new TunnelError('store.corrupt', `${database} is missing, though there is a CA`, {
    hint: 'Restore it from a backup. An empty one would forget every revocation.',
  });
}

function missing({ directory, caCertificate }: DataFolder, path: string): TunnelError {
  if (path === caCertificate) return new TunnelError('ca.missing', `${directory} holds no CA`, { hint: `tunnel ca init --data-dir '${directory}'` });
  return new TunnelError('file.corrupt', `${path} is missing`, { hint: 'Restore it from a backup: agents and operators know these keys.' });
}
