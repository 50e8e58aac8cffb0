// A copy of everything that a gateway is, and a gateway out of such a copy; for `tunnel store`.
import { join } from 'node:path';
import { z } from 'zod';
import { TunnelError } from '../base/errors.ts';
import type { Files, World } from '../base/world.ts';
import { sha256Hex } from '../pki/certificate-facts.ts';
import { checkStore, copyStore, type StoreVerdict } from '../store/maintenance.ts';
import { type DataFolder, dataFolder, lockFolder } from './data-folder.ts';

const MANIFEST = 'backup.json';
const DATABASE = 'gateway.db';
const CA_CERTIFICATE = 'ca-cert.pem';
const ANOTHER = 'Take another backup.';
const Manifest = z.object({ format: z.literal(1), made_at: z.iso.datetime(), files: z.record(z.string().regex(/^[a-z0-9][a-z0-9._-]{0,99}$/), z.string()) });
/** Belongs to running processes, or is copied by the store itself. */
const LEFT_OUT = /^gateway\.db(-wal|-shm|-journal)?$|\.(lock|sock|tmp|log|pid)$|^backup\.json$/;

type Outer = Pick<World, 'clock' | 'files'>;

export interface BackupFacts {
  readonly directory: string;
  readonly made_at: string;
  readonly files: readonly string[];
}

/** Judges the database, also of a running gateway. Errors `store.corrupt`, `ca.missing`, `file.failed`. */
export async function checkGatewayStore(dataDir: string, world: Outer): Promise<StoreVerdict> {
  const folder = dataFolder(dataDir);
  await assertDatabase(folder, world.files);
  return assertSound(folder.database, 'Restore a backup: tunnel store restore.', world);
}

/** Of a running gateway too. `to` is a folder that is not there yet or empty; the manifest is written last, so that half a copy is none. Errors also `file.failed`, `state.locked` where `to` holds something. */
export async function backUp(dataDir: string, to: string, { clock, files }: Outer): Promise<BackupFacts> {
  const folder = dataFolder(dataDir);
  await assertDatabase(folder, files);
  await files.makePrivateDirectory(to);
  if ((await files.list(to)).length > 0) throw new TunnelError('state.locked', `${to} is not empty`, { hint: 'Name a folder that is not there yet.' });
  const madeAt = new Date(clock.now()).toISOString();
  const copy = dataFolder(to);
  await files.replaceAtomically(copy.database, '');
  await copyStore(folder.database, copy.database, { clock });
  const hashes: Record<string, string> = {};
  for (const name of (await files.list(dataDir)).filter((name) => !LEFT_OUT.test(name)).sort()) {
    const content = await files.readSecret(join(dataDir, name)).catch(ignoreFolder);
    if (content === undefined) continue;
    hashes[name] = sha256Hex(content);
    await files.replaceAtomically(join(to, name), content);
  }
  hashes[DATABASE] = await digestOf(copy.database, files);
  await files.replaceAtomically(
    join(to, MANIFEST),
    `${JSON.stringify({ format: 1, made_at: madeAt, files: hashes } satisfies z.infer<typeof Manifest>, null, 2)}\n`,
  );
  return { directory: to, made_at: madeAt, files: Object.keys(hashes).sort() };
}

/**
 * Into a folder that holds no gateway. What is copied is checked against the manifest first; the CA's certificate comes last: without it nothing counts, and the same command begins anew.
 * Errors `file.corrupt`, `store.corrupt`, `ca.exists`, `state.locked`, `file.failed`.
 */
export async function restore(from: string, dataDir: string, world: Outer): Promise<BackupFacts> {
  const { files } = world;
  const manifest = await readManifest(from, files);
  const source = dataFolder(from);
  const contents = new Map<string, Uint8Array>();
  for (const [name, hash] of Object.entries(manifest.files)) {
    const path = join(from, name);
    const content = name === DATABASE ? undefined : ((await files.readSecret(path)) ?? missing(path));
    if (content) contents.set(name, content);
    if ((content ? sha256Hex(content) : await digestOf(path, files)) !== hash)
      throw new TunnelError('file.corrupt', `${path} is not what was backed up`, { hint: ANOTHER });
  }
  const last = contents.get(CA_CERTIFICATE) ?? missing(source.caCertificate);
  contents.delete(CA_CERTIFICATE);
  const folder = dataFolder(dataDir);
  await using _lock = await lockFolder(folder, files);
  if ((await files.read(folder.caCertificate)) !== undefined)
    throw new TunnelError('ca.exists', `${dataDir} holds a gateway already`, { hint: 'Move it away first; nothing was changed.' });
  for (const suffix of ['', '-wal', '-shm', '-journal']) await files.remove(folder.database + suffix);
  await files.replaceAtomically(folder.database, '');
  await copyStore(source.database, folder.database, world);
  await assertSound(folder.database, ANOTHER, world);
  for (const [name, content] of contents) await files.replaceAtomically(join(dataDir, name), content);
  await recordRestore(folder, manifest.made_at, world);
  await files.replaceAtomically(folder.caCertificate, last);
  return { directory: dataDir, made_at: manifest.made_at, files: Object.keys(manifest.files).sort() };
}

async function assertSound(database: string, hint: string, world: Outer): Promise<StoreVerdict> {
  const verdict = await checkStore(database, world);
  if (verdict.faults.length === 0) return verdict;
  throw new TunnelError('store.corrupt', `${database} is damaged: ${verdict.faults.slice(0, 3).join('; ')}`, { hint });
}

async function recordRestore({ database }: DataFolder, madeAt: string, { clock }: Outer): Promise<void> {
  const { openStore } = await import('../store/open.ts');
  await using store = await openStore(database, { clock });
  await store.audit.append({ code: 'store.restored', actor: 'local-admin', subject: 'gateway', detail: { made_at: madeAt } });
}

async function readManifest(from: string, files: Files): Promise<z.infer<typeof Manifest>> {
  const content = await files.readSecret(join(from, MANIFEST));
  if (content === undefined)
    throw new TunnelError('file.failed', `${from} is no backup: there is no ${MANIFEST} in it`, {
      hint: 'tunnel store backup writes it last, so a copy without it is half a copy.',
    });
  try {
    return Manifest.parse(JSON.parse(Buffer.from(content).toString()));
  } catch (cause) {
    throw new TunnelError('file.corrupt', `${join(from, MANIFEST)} is not what tunnel store backup wrote`, { cause });
  }
}

async function assertDatabase({ directory, database }: DataFolder, files: Files): Promise<void> {
  const names = await files.list(directory);
  if (!names.includes(CA_CERTIFICATE))
    throw new TunnelError('ca.missing', `${directory} holds no gateway`, { hint: `tunnel ca init --data-dir '${directory}'` });
  if (!names.includes(DATABASE)) throw new TunnelError('store.corrupt', `${database} is missing`, { hint: 'Restore it from a backup.' });
  await files.judgePrivate(database);
}

async function digestOf(path: string, files: Files): Promise<string> {
  return (await files.digestSecret(path)) ?? missing(path);
}

function missing(path: string): never {
  throw new TunnelError('file.corrupt', `${path} is missing`, { hint: ANOTHER });
}

function ignoreFolder(error: unknown): undefined {
  if (error instanceof TunnelError && error.cause instanceof Error && 'code' in error.cause && error.cause.code === 'EISDIR') return undefined;
  throw error;
}
