// An agent's folder on a disk that is full, or that may not be written: the identity before links, the string is not spent, the same command finishes later.
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { run } from '../support/cli.ts';
import { countEnrolments } from '../support/enrolment-counts.ts';
import { assertLinks, assertTidy, codeOf, configOf, contentOf, enroll, startEnrolmentStand } from '../support/enrolment-stand.ts';

const DISK_BYTES = 512 * 1024;

function noMounts(): string | false {
  if (process.platform !== 'linux') return 'a disk in memory is mounted on Linux only';
  return process.getuid?.() === 0 ? false : 'mounting a small disk needs root';
}

async function mount(...args: string[]): Promise<void> {
  const { code, stderr } = await run('mount', args);
  assert.equal(code, 0, stderr);
}

/** A folder that is a disk of its own; gone with the test. */
async function smallDisk(t: TestContext): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'tunnel-disk-'));
  await mount('-t', 'tmpfs', '-o', `size=${DISK_BYTES},mode=0700`, 'tmpfs', folder);
  t.after(async () => {
    const { code, stderr } = await run('umount', [folder]);
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
