// The gateway's own certificate: one key for ever, because version 1 agents pin it; issued anew when its names, its CA, its lifetime or its age ask for it.
import { X509Certificate } from 'node:crypto';
import type { World } from '../base/world.ts';
import type { Authority } from '../pki/authority.ts';
import { readIdentity } from '../pki/identity.ts';
import { generateKeyPem, publicSpki } from '../pki/keys.ts';
import { spkiPin } from '../pki/pin.ts';
import { renewalDue } from '../pki/renewal.ts';
import type { DataFolder } from './data-folder.ts';

export interface ServerCertificate {
  /** The leaf, and while the CA is rotated what leads from it to the CA before. */
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** SHA-256 of the SPKI, lower-case hex. */
  readonly pin: string;
  /** When to come back, ms since 1970. */
  readonly renewAt: number;
  readonly notAfter: number;
}

interface Wanted {
  readonly names: readonly string[];
  readonly lifetimeMs: number;
}

/** The certificate for these names, from the folder or new. Errors `file.loose-mode`, `file.corrupt`, `file.failed`, `name.malformed`, `ca.passphrase`. */
export async function serverCertificate(
  folder: DataFolder,
  authority: Authority,
  { names, lifetimeMs }: Wanted,
  { files, clock }: Pick<World, 'files' | 'clock'>,
): Promise<ServerCertificate> {
  const privateKeyPem = await keptKey(folder, files);
  const kept = await files.readSecret(folder.serverCertificate);
  const keptPem = kept && Buffer.from(kept).toString();
  const now = clock.now();
  const good = keptPem && whenGood(keptPem, { authority, names, lifetimeMs, privateKeyPem, now });
  const certificateOf = (leafPem: string) => ({ certificatePem: leafPem + authority.crossPem, privateKeyPem, pin: spkiPin(leafPem) });
  if (keptPem && good) return { ...certificateOf(keptPem), ...good };
  const { issueServerLeaf } = await import('../pki/leaf.ts');
  const { certificatePem, notBefore, notAfter } = await issueServerLeaf(authority, { names, spki: publicSpki(privateKeyPem), now, lifetimeMs });
  await files.replaceAtomically(folder.serverCertificate, certificatePem);
  const judged = renewalDue(notBefore, notAfter, now);
  return { ...certificateOf(certificatePem), renewAt: judged.due ? notAfter : judged.askAgainAt, notAfter };
}

async function keptKey(folder: DataFolder, files: World['files']): Promise<string> {
  const kept = await files.readSecret(folder.serverKey);
  if (kept) return Buffer.from(kept).toString();
  const made = await generateKeyPem();
  await files.replaceAtomically(folder.serverKey, made);
  return made;
}

/** When it must be renewed; undefined when that is now, when it would last longer than wanted, or when it is not for these names, this key or this CA. */
function whenGood(
  pem: string,
  wanted: Wanted & { readonly authority: Authority; readonly privateKeyPem: string; readonly now: number },
): Pick<ServerCertificate, 'renewAt' | 'notAfter'> | undefined {
  try {
    const leaf = new X509Certificate(pem);
    const { notBefore, notAfter, isFor } = readIdentity(leaf.raw, { usage: 'server' });
    const ours =
      leaf.checkIssued(new X509Certificate(wanted.authority.certificatePem)) &&
      leaf.publicKey.export({ type: 'spki', format: 'der' }).equals(publicSpki(wanted.privateKeyPem));
    const judged = renewalDue(notBefore, notAfter, wanted.now);
    const fits = ours && wanted.names.every((name) => isFor(name)) && notAfter <= wanted.now + wanted.lifetimeMs;
    return fits && !judged.due ? { renewAt: judged.askAgainAt, notAfter } : undefined;
  } catch {
    return undefined; // what cannot be read is replaced; the key stays
  }
}
