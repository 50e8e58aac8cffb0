// Identities of an agent on its disk: a folder each, of which agent.json names the one in force; a new one is complete before it is named (A4, A13).
import { join } from 'node:path';
import { z } from 'zod';
import { TunnelError } from '../base/errors.ts';
import type { Files } from '../base/world.ts';

export interface Identity {
  readonly privateKeyPem: string;
  readonly certificatePem: string;
  readonly trustedCaPem: string;
}

/** A key whose certificate has been asked for and not yet stored. */
export interface PendingIdentity {
  readonly folder: string;
  readonly privateKeyPem: string;
  /** The id that was proposed; the gateway chooses. */
  readonly agentId: string;
}

const FILES = { key: 'key.pem', certificate: 'cert.pem', ca: 'ca.pem', pending: 'pending.json' } as const;
const Pending = z.object({ agent_id: z.uuid(), enrolled_with: z.string() });

/** Errors `file.corrupt` where a file is missing, `file.loose-mode`. */
export async function readIdentityFolder(dataDir: string, folder: string, files: Files): Promise<Identity> {
  const read = async (name: string) => {
    const path = join(dataDir, folder, name);
    const content = await files.readSecret(path);
    if (content !== undefined) return Buffer.from(content).toString('utf8');
    throw new TunnelError('file.corrupt', `${path} is missing`, { hint: 'Restore it, or enrol this agent again with a string of token mint --replace.' });
  };
  const identity = { privateKeyPem: await read(FILES.key), certificatePem: await read(FILES.certificate), trustedCaPem: await read(FILES.ca) };
  await files.makePrivateDirectory(join(dataDir, folder)); // judges the one that is there
  return identity;
}

/** A folder with everything in it; its name. It counts for nothing before agent.json names it, and a failure leaves nothing of it. */
export async function addIdentity(dataDir: string, { privateKeyPem, ...issued }: Identity, files: Files): Promise<string> {
  return await addFolder(dataDir, privateKeyPem, files, (folder) => completeIdentity(dataDir, folder, issued, files));
}

/** Certificate and CA to a key that is there. */
export async function completeIdentity(
  dataDir: string,
  folder: string,
  { certificatePem, trustedCaPem }: Omit<Identity, 'privateKeyPem'>,
  files: Files,
): Promise<void> {
  await files.replaceAtomically(join(dataDir, folder, FILES.ca), trustedCaPem);
  await files.replaceAtomically(join(dataDir, folder, FILES.certificate), certificatePem);
}

/** On disk before the string is sent: when the answer is lost, only this key can ask for it again. A failure leaves nothing of it. */
export async function addPending(dataDir: string, pending: Omit<PendingIdentity, 'folder'>, enrolledWith: string, files: Files): Promise<PendingIdentity> {
  const marker = `${JSON.stringify({ agent_id: pending.agentId, enrolled_with: enrolledWith })}\n`;
  const folder = await addFolder(dataDir, pending.privateKeyPem, files, (folder) => files.replaceAtomically(join(dataDir, folder, FILES.pending), marker));
  return { ...pending, folder };
}

/** It is in force now. */
export async function noLongerPending(dataDir: string, folder: string, files: Files): Promise<void> {
  await files.remove(join(dataDir, folder, FILES.pending));
}

/** What an earlier run with the same string left when it was cut short. */
export async function findPending(dataDir: string, enrolledWith: string, files: Files): Promise<PendingIdentity | undefined> {
  for (const folder of await identityFolders(dataDir, files)) {
    const [pending, key] = await Promise.all([FILES.pending, FILES.key].map((name) => files.readSecret(join(dataDir, folder, name))));
    const read = pending === undefined ? undefined : Pending.safeParse(parseJson(pending));
    if (key !== undefined && read?.success && read.data.enrolled_with === enrolledWith) {
      return { folder, privateKeyPem: Buffer.from(key).toString('utf8'), agentId: read.data.agent_id };
    }
  }
  return undefined;
}

/** Removes every identity but those named, and from these what killed runs left. */
export async function removeOthers(dataDir: string, keep: readonly (string | undefined)[], files: Files): Promise<void> {
  for (const folder of await identityFolders(dataDir, files)) {
    if (keep.includes(folder)) await files.removeTemporaries(join(dataDir, folder));
    else await files.remove(join(dataDir, folder));
  }
}

/** Removes every identity that is neither in force nor waits for its certificate: a renewal that was killed left it. */
export async function removeAbandoned(dataDir: string, inForce: string, files: Files): Promise<void> {
  const isPending = async (folder: string) => (await files.list(join(dataDir, folder))).includes(FILES.pending);
  const folders = await identityFolders(dataDir, files);
  const pending = await Promise.all(folders.map(isPending));
  await removeOthers(dataDir, [inForce, ...folders.filter((_, index) => pending[index])], files);
}

async function addFolder(dataDir: string, privateKeyPem: string, files: Files, fill: (folder: string) => Promise<void>): Promise<string> {
  const numbers = (await identityFolders(dataDir, files)).map((folder) => Number(folder.slice('identity-'.length)));
  const folder = `identity-${Math.max(0, ...numbers) + 1}`;
  try {
    await files.makePrivateDirectory(join(dataDir, folder));
    await files.replaceAtomically(join(dataDir, folder, FILES.key), privateKeyPem);
    await fill(folder);
    return folder;
  } catch (error) {
    await files.remove(join(dataDir, folder));
    throw error;
  }
}

async function identityFolders(dataDir: string, files: Files): Promise<string[]> {
  return (await files.list(dataDir)).filter((name) => /^identity-[1-9]\d{0,8}$/.test(name));
}

function parseJson(content: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(content).toString('utf8'));
  } catch {
    return undefined; // cut short: then nothing was sent with it
  }
}
