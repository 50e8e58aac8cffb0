// A disk that is full or may not be written, under an agent or a gateway: the identity before links, the string is not spent, the same command finishes later.
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { run } from '../support/cli.ts';
import { countEnrolments } from '../support/enrolment-counts.ts';
import { assertEnrolledOnce, assertLinks, assertTidy, codeOf, configOf, contentOf, enroll, startEnrolmentStand } from '../support/enrolment-stand.ts';

const DISK_BYTES = 512 * 1024;
const GATEWAY_DISK_BYTES = 4 * 1024 * 1024;

function noMounts(): string | false {
  if (process.platform !== 'linux') return 'a disk in memory is mounted on Linux only';
  return process.getuid?.() === 0 ? false : 'mounting a small disk needs root';
}

async function mount(...args: string[]): Promise<void> {
  const { code, stderr } = await run('mount', args);
  assert.equal(code, 0, stderr);
}

/** A folder that is a disk of its own; gone with the test. */
async function smallDisk(t: TestContext, bytes = DISK_BYTES): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'tunnel-disk-'));
  await mount('-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'tmpfs', folder);
  t.after(async () => {
    const { code, stderr } = await run('umount', ['--lazy', folder]);
    assert.equal(code, 0, stderr);
    rmdirSync(folder);
  });
  return folder;
}

/** Until not one byte more fits. */
function fill(path: string): void {
  const file = openSync(path, 'w', 0o600);
  try {
    for (let size = 4096; size > 0; ) {
      try {
        writeSync(file, new Uint8Array(size));
      } catch {
        size >>= 1;
      }
    }
  } finally {
    closeSync(file);
  }
}

for (const [what, block, unblock, hint] of [
  ['full', async (folder: string) => fill(join(folder, 'filler')), async (folder: string) => rmSync(join(folder, 'filler')), /Free some space/],
  ['read-only', (folder: string) => mount('-o', 'remount,ro', folder), (folder: string) => mount('-o', 'remount,rw', folder), /read-only/],
] as const) {
  test(`a disk that is ${what}: exit 1, the old identity links, nothing is spent; then the same command finishes`, { skip: noMounts() }, async (t) => {
    const stand = await startEnrolmentStand(t);
    const disk = await smallDisk(t);
    assert.equal((await enroll(await stand.mint('before'), disk)).code, 0);
    const before = contentOf(disk);
    const string = await stand.mint('after');
    await block(disk);
    const finished = await enroll(string, disk);
    assert.deepEqual([codeOf(finished), finished.code], ['file.failed', 1], finished.stdout);
    assert.match(finished.stdout, hint);
    assert.equal(countEnrolments(stand.gatewayFolder).uses, 1, 'the string was spent');
    if (what === 'full') await assertLinks(disk);
    await unblock(disk);
    assert.deepEqual(contentOf(disk), before);
    await assertLinks(disk);
    assert.equal((await enroll(string, disk)).code, 0);
    assertTidy(disk);
    assert.equal(configOf(disk)['name'], 'after');
  });
}

test("the gateway's disk is full: exit 1, not a word of its paths, no agent; then the same command finishes", { skip: noMounts() }, async (t) => {
  const gatewayDisk = await smallDisk(t, GATEWAY_DISK_BYTES);
  const stand = await startEnrolmentStand(t, {}, join(gatewayDisk, 'gw'));
  const dataDir = join(stand.folder, 'ag');
  const string = await stand.mint('web1');
  fill(join(gatewayDisk, 'filler'));
  for (;;) {
    // What the log of the store has room for is taken by other writes first.
    const written = await stand.mint('more').then(
      () => true,
      () => false,
    );
    if (!written) break;
  }
  const finished = await enroll(string, dataDir);
  assert.deepEqual([codeOf(finished), finished.code], ['internal', 1], finished.stdout);
  assert.ok(!finished.stdout.includes(gatewayDisk));
  assert.deepEqual(countEnrolments(stand.gatewayFolder).agents, 0);
  rmSync(join(gatewayDisk, 'filler'));
  const again = await enroll(string, dataDir);
  assert.equal(again.code, 0, again.stdout);
  assertTidy(dataDir);
  await assertEnrolledOnce(stand, 'web1', dataDir, t.signal);
  await stand.gateway().stop();
});
