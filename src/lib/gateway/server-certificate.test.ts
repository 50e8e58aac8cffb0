import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { quietWorld } from '../../../test/support/quiet-world.ts';
import { readIdentity } from '../pki/identity.ts';
import { dataFolder, initCa, loadKeys } from './data-folder.ts';
import { serverCertificate } from './server-certificate.ts';

const DAY = 86_400_000;

async function folderWithCa(t: TestContext) {
  const parent = await mkdtemp(join(tmpdir(), 'tunnel-certificate-'));
  t.after(() => rm(parent, { recursive: true }));
  const world = quietWorld();
  const folder = dataFolder(join(parent, 'gw'));
  await initCa(folder.directory, world);
  const { authority } = await loadKeys(folder, world.files);
  return { world, folder, issue: (...names: string[]) => serverCertificate(folder, authority, { names, lifetimeMs: 365 * DAY }, world) };
}

test('kept while it fits; new for other names; new when a third is left; the key is for ever', async (t) => {
  const { world, folder, issue } = await folderWithCa(t);
  const first = await issue('gw.example', '192.0.2.7', '::1');
  const identity = readIdentity(new X509Certificate(first.certificatePem).raw, { usage: 'server' });
  for (const name of ['gw.example', '192.0.2.7', '::1']) assert.ok(identity.isFor(name), name);
  assert.equal((await issue('gw.example')).certificatePem, first.certificatePem);
  const renamed = await issue('other.example');
  assert.notEqual(renamed.certificatePem, first.certificatePem);
  await world.clock.advance(240 * DAY);
  assert.equal((await issue('other.example')).certificatePem, renamed.certificatePem);
  await world.clock.advance(10 * DAY);
  const renewed = await issue('other.example');
  assert.notEqual(renewed.certificatePem, renamed.certificatePem);
  assert.deepEqual(new Set([first, renamed, renewed].map(({ pin }) => pin)).size, 1);
  assert.equal(await readFile(folder.serverKey, 'utf8'), renewed.privateKeyPem);
});

test('new when it would last longer than is wanted now', async (t) => {
  const { world, folder, issue } = await folderWithCa(t);
  const first = await issue('gw.example');
  const { authority } = await loadKeys(folder, world.files);
  const short = await serverCertificate(folder, authority, { names: ['gw.example'], lifetimeMs: 60_000 }, world);
  assert.notEqual(short.certificatePem, first.certificatePem);
  assert.deepEqual([short.renewAt - world.clock.now(), short.notAfter - world.clock.now()], [40_000, 60_000]);
});
