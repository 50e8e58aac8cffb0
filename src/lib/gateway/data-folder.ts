// The gateway's data folder: what each file is called, who makes it, and what is said when it is missing.
import { randomBytes } from 'node:crypto';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { TunnelError } from '../base/errors.ts';
import type { Files, World } from '../base/world.ts';
import type { Authority } from '../pki/authority.ts';
import { newSigningKey, readSigningKeys, type SigningKey, writeSigningKeys } from '../tokens/signing-keys.ts';

const CA_LIFETIME_MS = 3650 * 86_400_000;
const SECRET_BYTES = 32;
const Secrets = z.looseObject({ link_secret: z.string().regex(/^[0-9a-f]{64}$/) });

export interface DataFolder {
  readonly directory: string;
  readonly caCertificate: string;
  readonly caKey: string;
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

/** `ca init`. Errors `ca.exists`, `state.locked`, `file.loose-mode`, `file.failed`. The certificate is written last: without it nothing counts, and the next try begins anew. */
export async function initCa(directory: string, { files, clock }: Pick<World, 'files' | 'clock'>): Promise<CaFacts> {
  const folder = dataFolder(directory);
  await using _lock = await lockFolder(folder, files);
  if ((await files.read(folder.caCertificate)) !== undefined) {
    throw new TunnelError('ca.exists', `${directory} holds a CA already`, {
      hint: 'It is kept: agents and operators trust it. Choose another --data-dir for another gateway.',
    });
  }
  const { createAuthority } = await import('../pki/create-authority.ts');
  const { certificateFacts } = await import('../pki/certificate-facts.ts');
  const { openStore } = await import('../store/open.ts');
  const { certificatePem, privateKeyPem } = await createAuthority({ commonName: 'tunnel CA', now: clock.now(), lifetimeMs: CA_LIFETIME_MS });
  await files.replaceAtomically(folder.caKey, privateKeyPem);
  await files.replaceAtomically(folder.signingKeys, writeSigningKeys([newSigningKey(randomBytes(8).toString('hex'))]));
  await files.replaceAtomically(folder.secrets, `${JSON.stringify({ link_secret: randomBytes(SECRET_BYTES).toString('hex') }, null, 2)}\n`);
  const facts = certificateFacts(certificatePem);
  await using store = await openStore(folder.database, { clock });
  await store.audit.append({
    code: 'ca.created',
    actor: 'local-admin',
    subject: 'ca',
    detail: { spki_sha256: facts.spkiSha256, not_after: new Date(facts.notAfter).toISOString() },
  });
  await files.replaceAtomically(folder.caCertificate, certificatePem);
  return { caFile: folder.caCertificate, pin: facts.spkiSha256, notAfter: facts.notAfter };
}

export interface Keys {
  readonly authority: Authority;
  readonly signing: readonly [SigningKey, ...SigningKey[]];
  /** Of Retry tokens and stateless resets: kept, so that a restarted gateway can end its old links. */
  readonly linkSecret: Uint8Array;
}

/** Errors `ca.missing`, `file.loose-mode`, `file.corrupt`, `store.corrupt`. */
export async function loadKeys(folder: DataFolder, files: Files): Promise<Keys> {
  const text = async (path: string) => {
    const content = await files.readSecret(path);
    if (content === undefined) throw missing(folder, path);
    return Buffer.from(content).toString();
  };
  const caPem = await text(folder.caCertificate);
  const [caKeyPem, signingText, secretsText] = [await text(folder.caKey), await text(folder.signingKeys), await text(folder.secrets)];
  if (!(await files.list(folder.directory)).includes(basename(folder.database))) throw databaseMissing(folder);
  const { loadAuthority } = await import('../pki/authority.ts');
  return {
    authority: await loadAuthority(caPem, caKeyPem),
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
