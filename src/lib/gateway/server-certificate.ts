// The gateway's own certificate: one key for ever, because version 1 agents pin it; issued anew when its names, its CA or its age ask for it.
import { X509Certificate } from 'node:crypto';
import type { World } from '../base/world.ts';
import type { Authority } from '../pki/authority.ts';
import { readIdentity } from '../pki/identity.ts';
import { generateKeyPem, publicSpki } from '../pki/keys.ts';
import { spkiPin } from '../pki/pin.ts';
import { renewalDue } from '../pki/renewal.ts';
import type { DataFolder } from './data-folder.ts';

const LIFETIME_MS = 365 * 86_400_000;
const LOOK_AGAIN_MS = 86_400_000;

export interface ServerCertificate {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** SHA-256 of the SPKI, lower-case hex. */
  readonly pin: string;
  /** When to come back, ms since 1970. */
  readonly renewAt: number;
}

/** The certificate for these names, from the folder or new. Errors `file.loose-mode`, `file.corrupt`, `file.failed`, `name.malformed`. */
export async function serverCertificate(
  folder: DataFolder,
  authority: Authority,
  names: readonly string[],
  { files, clock }: Pick<World, 'files' | 'clock'>,
): Promise<ServerCertificate> {
  const privateKeyPem = await keptKey(folder, files);
  const kept = await files.readSecret(folder.serverCertificate);
  const keptPem = kept && Buffer.from(kept).toString();
  const renewAt = keptPem && goodUntil(keptPem, { authority, names, privateKeyPem, now: clock.now() });
  if (keptPem && renewAt) return { certificatePem: keptPem, privateKeyPem, pin: spkiPin(keptPem), renewAt };
  const { issueServerLeaf } = await import('../pki/leaf.ts');
  const leaf = await issueServerLeaf(authority, { names, spki: publicSpki(privateKeyPem), now: clock.now(), lifetimeMs: LIFETIME_MS });
  await files.replaceAtomically(folder.serverCertificate, leaf.certificatePem);
  const judged = renewalDue(leaf.notBefore, leaf.notAfter, clock.now());
  return { certificatePem: leaf.certificatePem, privateKeyPem, pin: leaf.spkiSha256, renewAt: judged.due ? clock.now() + LOOK_AGAIN_MS : judged.askAgainAt };
}

/** Issues it anew in time, until `signal` aborts, then resolves. A failure is tried again the next day: a third of its life is left. */
export async function keepCertificate(
  current: ServerCertificate,
  renew: () => Promise<ServerCertificate>,
  use: (certificate: ServerCertificate) => Promise<void>,
  { clock, log }: Pick<World, 'clock' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  let { certificatePem, renewAt } = current;
  while (!signal.aborted) {
    await clock.sleep(Math.min(LOOK_AGAIN_MS, Math.max(1000, renewAt - clock.now())), signal);
    if (signal.aborted || clock.now() < renewAt) continue;
    try {
      const next = await renew();
      renewAt = Math.max(next.renewAt, clock.now() + LOOK_AGAIN_MS / 24);
      if (next.certificatePem === certificatePem) continue;
      await use(next);
      certificatePem = next.certificatePem;
    } catch (error) {
      log.error({ error }, 'the server certificate could not be renewed');
      renewAt = clock.now() + LOOK_AGAIN_MS;
    }
  }
}

async function keptKey(folder: DataFolder, files: World['files']): Promise<string> {
  const kept = await files.readSecret(folder.serverKey);
  if (kept) return Buffer.from(kept).toString();
  const made = await generateKeyPem();
  await files.replaceAtomically(folder.serverKey, made);
  return made;
}

/** When it must be renewed; undefined when that is now, or when it is not for these names, this key or this CA. */
function goodUntil(pem: string, wanted: { authority: Authority; names: readonly string[]; privateKeyPem: string; now: number }): number | undefined {
  try {
    const leaf = new X509Certificate(pem);
    const identity = readIdentity(leaf.raw, { usage: 'server' });
    const ours =
      leaf.checkIssued(new X509Certificate(wanted.authority.certificatePem)) &&
      leaf.publicKey.export({ type: 'spki', format: 'der' }).equals(publicSpki(wanted.privateKeyPem));
    const judged = renewalDue(identity.notBefore, identity.notAfter, wanted.now);
    return ours && wanted.names.every((name) => identity.isFor(name)) && !judged.due ? judged.askAgainAt : undefined;
  } catch {
    return undefined; // what cannot be read is replaced; the key stays
  }
}
