// Files on a real disk: private under any umask, replaced whole, no link followed, locks that hold between processes and die with them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { realFiles as files } from './files.ts';

const onPosix = { skip: process.platform === 'win32' && 'modes and owners of POSIX' };
const asRoot = { skip: process.geteuid?.() !== 0 && 'needs root' };

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tunnel-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const modeOf = (path: string) => lstatSync(path).mode & 0o777;

for (const umask of [0o000, 0o022, 0o077]) {
  test(`0600 in 0700 under umask ${umask.toString(8).padStart(3, '0')}`, onPosix, async (t) => {
    const before = process.umask(umask);
    t.after(() => process.umask(before));
    const folder = join(folderOf(t), 'a', 'b');
    await files.makePrivateDirectory(folder);
    await files.replaceAtomically(join(folder, 'state'), 'one');
    await files.append(join(folder, 'log'), 'one\n');
    await using _held = await files.lock(join(folder, 'lock'));
    assert.deepEqual([modeOf(folder), modeOf(join(folder, '..'))], [0o700, 0o700]);
    for (const name of readdirSync(folder)) assert.equal(modeOf(join(folder, name)), 0o600, name);
  });
}

/** What each way of touching a path does to a bait that a link there leads to: nothing. */
const TOUCH: Record<string, (path: string) => Promise<unknown>> = {
  read: (path) => files.read(path),
  readSecret: (path) => files.readSecret(path),
  judgePrivate: (path) => files.judgePrivate(path),
  replaceAtomically: (path) => files.replaceAtomically(path, 'mine'),
  append: (path) => files.append(path, 'mine'),
  lock: (path) => files.lock(path),
};

for (const [name, touch] of Object.entries(TOUCH)) {
  test(`${name} follows no symbolic link, be there something behind it or not`, onPosix, async (t) => {
    const folder = folderOf(t);
    const [bait, link, nowhere, dangling] = ['bait', 'link', 'nowhere', 'dangling'].map((each) => join(folder, each)) as [string, string, string, string];
    writeFileSync(bait, 'bait', { mode: 0o600 });
    symlinkSync(bait, link);
    symlinkSync(nowhere, dangling);
    for (const path of [link, dangling]) await assert.rejects(touch(path), { code: 'file.failed', message: new RegExp(path) });
    assert.equal(readFileSync(bait, 'utf8'), 'bait');
    assert.deepEqual(readdirSync(folder).sort(), ['bait', 'dangling', 'link']);
  });

  test(`${name} takes no folder for a file`, async (t) => {
    const folder = folderOf(t);
    mkdirSync(join(folder, 'state'), { mode: 0o700 });
    await assert.rejects(touch(join(folder, 'state')), { code: 'file.failed' });
    assert.deepEqual(readdirSync(folder), ['state']);
  });
}

for (const name of ['judgePrivate', 'append', 'lock'] as const) {
  test(`${name} refuses a file with a second name, replaceAtomically leaves the other one alone`, onPosix, async (t) => {
    const folder = folderOf(t);
    const [bait, link] = [join(folder, 'bait'), join(folder, 'link')];
    writeFileSync(bait, 'bait', { mode: 0o600 });
    linkSync(bait, link);
    await assert.rejects(TOUCH[name]?.(link) ?? assert.fail(), { code: 'file.failed', message: /2 names/ });
    await files.replaceAtomically(link, 'mine');
    assert.deepEqual([readFileSync(bait, 'utf8'), readFileSync(link, 'utf8')], ['bait', 'mine']);
  });
}

for (const name of ['readSecret', 'judgePrivate', 'append', 'lock'] as const) {
  test(`${name} refuses a loose mode, naming path and fix`, onPosix, async (t) => {
    const path = join(folderOf(t), 'state');
    writeFileSync(path, '');
    for (const mode of [0o640, 0o604, 0o602, 0o610]) {
      chmodSync(path, mode);
      const touched = TOUCH[name]?.(path) ?? assert.fail();
      await assert.rejects(touched, {
        code: 'file.loose-mode',
        kind: 'forbidden',
        message: new RegExp(`${path} has mode 0${mode.toString(8)}`),
        hint: `chmod 0600 '${path}'`,
      });
    }
  });

  test(`${name} refuses another user's file, for root too`, asRoot, async (t) => {
    const path = join(folderOf(t), 'state');
    writeFileSync(path, '', { mode: 0o600 });
    chownSync(path, 65_534, 65_534);
    await assert.rejects(TOUCH[name]?.(path) ?? assert.fail(), {
      code: 'file.loose-mode',
      message: new RegExp(`${path} belongs to another user`),
      hint: /chown 0 /,
    });
  });
}

test('a private folder is no link, no file, no other user’s, and closed to others', onPosix, async (t) => {
  const folder = folderOf(t);
  const [real, link, file] = [join(folder, 'real'), join(folder, 'link'), join(folder, 'file')];
  await files.makePrivateDirectory(real);
  symlinkSync(real, link);
  writeFileSync(file, '');
  for (const path of [link, `${link}/`]) await assert.rejects(files.makePrivateDirectory(path), { code: 'file.failed', message: /symbolic link/ });
  await assert.rejects(files.makePrivateDirectory(file), { code: 'file.failed' });
  chmodSync(real, 0o750);
  await assert.rejects(files.makePrivateDirectory(real), { code: 'file.loose-mode', hint: `chmod 0700 '${real}'` });
  if (process.geteuid?.() !== 0) return;
  chmodSync(real, 0o700);
  chownSync(real, 65_534, 65_534);
  await assert.rejects(files.makePrivateDirectory(real), { code: 'file.loose-mode', message: /another user/ });
});

test('what killed runs left goes, and nothing else', async (t) => {
  const folder = folderOf(t);
  const kept = ['state', 'state.tmp', 'a.0123456789ab.tmp.pem'];
  for (const name of [...kept, 'state.0123456789ab.tmp', 'gateway.db.0123456789ab.tmp-wal']) writeFileSync(join(folder, name), '');
  await files.removeTemporaries(folder);
  assert.deepEqual(readdirSync(folder).sort(), kept.sort());
  await files.removeTemporaries(join(folder, 'none'));
});

test('a lock: not twice, not by another process even after this one tried again, free when its holder dies', async (t) => {
  const path = join(folderOf(t), 'lock');
  const { href } = new URL('./files.ts', import.meta.url);
  const program = `const { realFiles } = await import('${href}');
    try { await realFiles.lock(${JSON.stringify(path)}); console.log('held'); setInterval(() => {}, 1000); } catch (error) { console.log(error.code); }`;
  const other = async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    return { child, said: said.toString().trim() };
  };
  {
    await using _held = await files.lock(path);
    await assert.rejects(files.lock(path), { code: 'state.locked', kind: 'conflict' });
    assert.equal((await other()).said, 'state.locked');
  }
  const { child, said } = await other();
  assert.equal(said, 'held');
  await assert.rejects(files.lock(path), { code: 'state.locked' });
  child.kill('SIGKILL');
  await once(child, 'exit');
  await using _held = await files.lock(path);
  assert.ok(existsSync(path));
});
