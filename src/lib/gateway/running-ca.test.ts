// What a running gateway does with its CA and its certificate: on a folder of its own, with a clock that stands still until it is moved.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type QuietWorld, quietWorld } from '../../../test/support/quiet-world.ts';
import type { Authority } from '../pki/authority.ts';
import { splitPemBundle } from '../pki/pin.ts';
import { dataFolder, initCa, loadKeys } from './data-folder.ts';
import { type Credentials, RunningCa } from './running-ca.ts';
import { serverCertificate } from './server-certificate.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

interface Stand {
  readonly ca: RunningCa;
  readonly world: QuietWorld;
  readonly caFile: () => Promise<string>;
  readonly used: Credentials[];
  /** When windows ended by themselves. */
  readonly ends: number[];
  /** The next so many attempts fail, to issue or to put to use. */
  readonly failing: { issue: number; use: number };
  /** Moves the clock, then waits until what that has set going has come to `what`. */
  pass(ms: number, what: () => boolean): Promise<void>;
}

async function stand(t: TestContext, { lifetimeMs = 365 * DAY } = {}): Promise<Stand> {
  const parent = await mkdtemp(join(tmpdir(), 'tunnel-running-ca-'));
  const world = quietWorld();
  const folder = dataFolder(join(parent, 'gw'));
  await initCa(folder.directory, world);
  const { ca: disk } = await loadKeys(folder, world.files, { now: world.clock.now });
  const failing = { issue: 0, use: 0 };
  const issue = async (authority: Authority) => {
    if (failing.issue-- > 0) throw new Error('disk full');
    return await serverCertificate(folder, authority, { names: ['gw.example'], lifetimeMs }, world);
  };
  const ca = await RunningCa.open({ disk, issue }, world);
  const used: Credentials[] = [];
  const ends: number[] = [];
  const stop = new AbortController();
  const use = async (now: Credentials) => {
    if (failing.use-- > 0) throw new Error('no edge');
    used.push(now);
  };
  const kept = ca.keep(use, async () => void ends.push(world.clock.now()), stop.signal);
  t.after(async () => {
    stop.abort();
    await kept;
    assert.equal(world.clock.pending, 0);
    await rm(parent, { recursive: true });
  });
  const pass = async (ms: number, what: () => boolean) => {
    await world.clock.timerSet();
    await world.clock.advance(ms);
    for (let turns = 0; turns < 100_000 && !what(); turns += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(what(), 'it has not come to it');
  };
  return { ca, world, caFile: () => readFile(folder.caCertificate, 'utf8'), used, ends, failing, pass };
}

test('the certificate is renewed with a third of its life left, a short one too; the key stays', async (t) => {
  for (const [lifetimeMs, early, rest] of [
    [365 * DAY, 243 * DAY, DAY],
    [60_000, 39_000, 1000],
  ] as const) {
    const { ca, used, pass } = await stand(t, { lifetimeMs });
    const { server } = ca.now;
    await pass(early, () => used.length === 0);
    await pass(rest, () => used.length === 1);
    assert.notEqual(used[0]?.server.certificatePem, server.certificatePem);
    assert.equal(used[0]?.server.pin, server.pin);
    assert.equal(ca.authority.previous, undefined);
  }
});

test('what fails is tried again, often enough for a life of a minute', async (t) => {
  const { world, used, failing, pass } = await stand(t, { lifetimeMs: 60_000 });
  failing.issue = 2;
  failing.use = 1;
  await pass(40_000, () => world.logged.length === 1);
  await pass(3000, () => world.logged.length === 2);
  await pass(3000, () => world.logged.length === 3);
  await pass(7000, () => used.length === 1); // of the new one's life
  assert.deepEqual(new Set(world.logged), new Set(['the certificates of this gateway could not be renewed']));
});

test('a rotation is in use when it is answered; the window ends by itself', async (t) => {
  const { ca, world, caFile, used, ends, pass } = await stand(t);
  const before = ca.authority;
  await ca.rotate(2 * HOUR);
  assert.equal(used.length, 1);
  const during = ca.now;
  assert.deepEqual([during.authority.previous?.spkiSha256, during.authority.previous?.notAfter], [before.spkiSha256, world.clock.now() + 2 * HOUR]);
  const [leaf = '', cross = ''] = splitPemBundle(during.server.certificatePem);
  const [next = '', ending = ''] = splitPemBundle(during.authority.bundlePem);
  assert.ok(new X509Certificate(leaf).verify(new X509Certificate(next).publicKey));
  assert.ok(new X509Certificate(cross).publicKey.equals(new X509Certificate(next).publicKey));
  assert.ok(new X509Certificate(ending).publicKey.equals(new X509Certificate(before.certificatePem).publicKey));
  await assert.rejects(ca.rotate(HOUR), { code: 'ca.rotating' });

  await pass(2 * HOUR - 1000, () => ends.length === 0);
  await pass(1000, () => ends.length === 1);
  assert.deepEqual([ca.authority.previous, ca.authority.bundlePem, ca.authority.crossPem], [undefined, next, '']);
  assert.equal(used.at(-1)?.server.certificatePem, leaf);
  assert.equal(await caFile(), next);
  await assert.rejects(ca.finish(), { code: 'ca.not-rotating' });
  await ca.rotate(HOUR);
  await ca.finish();
  assert.equal(splitPemBundle(await caFile()).length, 1);
  assert.equal(ends.length, 1, 'who ends it by hand knows');
});

test('a rotation that could not be put to use is on disk, and is put to use later', async (t) => {
  const { ca, caFile, used, failing, pass } = await stand(t);
  failing.use = 1;
  await assert.rejects(ca.rotate(DAY), /no edge/);
  assert.equal(used.length, 0);
  assert.equal(splitPemBundle(await caFile()).length, 3);
  await pass(HOUR, () => used.length === 1);
  assert.equal(used[0]?.authority.spkiSha256, ca.authority.spkiSha256);
});
