// State on disk as the real commands leave it and find it: private under any umask, no planted link followed, loose or foreign state refused by name, one at a time.
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { startChain } from '../support/chain.ts';
import { type Finished, start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';

const onPosix = { skip: process.platform === 'win32' && 'modes and owners of POSIX' };
const isRoot = process.geteuid?.() === 0;
const NOBODY = 65_534;

/** Every entry below a folder with its mode, and what a link leads to. */
function entries(folder: string): { readonly path: string; readonly mode: number; readonly kind: 'folder' | 'file' | 'socket' | 'link' }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name);
    const kind = entry.isDirectory() ? 'folder' : entry.isSymbolicLink() ? 'link' : entry.isSocket() ? 'socket' : 'file';
    return { path, mode: lstatSync(path).mode & 0o777, kind };
  });
}

function assertPrivate(folder: string): void {
  assert.equal(lstatSync(folder).mode & 0o777, 0o700, folder);
  for (const { path, mode, kind } of entries(folder)) assert.equal(mode, kind === 'folder' ? 0o700 : 0o600, `${path} (${kind})`);
}

function assertError({ code, stdout, stderr }: Finished, exit: number, name: string, ...says: string[]): void {
  assert.equal(code, exit, `${stdout}\n${stderr}`);
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string; hint: string } };
  assert.equal(error.code, name, stdout);
  for (const text of says) assert.ok(`${error.message}\n${error.hint}`.includes(text), `${text} in ${stdout}`);
}

/** The whole life of state on one machine: made, used, renewed by a second enrolment, used again; looked at while everything runs. */
for (const umask of [0o000, 0o022, 0o077]) {
  test(
    `everything is 0600 in 0700 under umask ${umask.toString(8).padStart(3, '0')}: sockets, write-ahead log, renewed and temporary files`,
    onPosix,
    async (t) => {
      const mask = process.umask(umask); // children have it from us
      t.after(() => process.umask(mask));
      const chain = await startChain(t);
      process.umask(mask);
      const seen = ['gw', 'ag', 'op'].flatMap((folder) => entries(join(chain.folder, folder)).map(({ path }) => relative(chain.folder, path)));
      for (const expected of [
        'gw/control.sock',
        'gw/gateway.db-wal',
        'gw/gateway.db-shm',
        'gw/ca-key.pem',
        'ag/agent.sock',
        'ag/identity-1/key.pem',
        'op/login.json',
      ])
        assert.ok(seen.includes(expected), `${expected} in ${seen}`);
      for (const folder of [chain.gatewayFolder, chain.agentFolder, chain.operatorFolder]) assertPrivate(folder);
      for (const token of ['web1.token', 'alice.token']) assert.equal(lstatSync(join(chain.folder, token)).mode & 0o777, 0o600);
      await chain.agent.stop();
      process.umask(umask);
      const { stdout } = await succeed(['token', 'mint', '--data-dir', chain.gatewayFolder, '--kind', 'agent', '--name', 'web1', '--replace']);
      await succeed(['agent', 'enroll', '--token-file', '-', '--data-dir', chain.agentFolder], { input: stdout });
      await chain.gateway.stop();
      process.umask(mask);
      for (const folder of [chain.gatewayFolder, chain.agentFolder]) assertPrivate(folder);
      assert.deepEqual(readdirSync(chain.agentFolder).sort(), ['agent.json', 'agent.lock', 'audit.jsonl', 'identity-2'], 'nothing of the identity before');
    },
  );
}

test('state that others could reach or that is not ours', onPosix, async (t) => {
  const chain = await startChain(t);
  await chain.agent.stop();
  await chain.gateway.stop();
  const { folder: home } = chain;
  const folders = { gw: chain.gatewayFolder, ag: chain.agentFolder, op: chain.operatorFolder };

  const startsOf = (which: keyof typeof folders) =>
    ({
      gw: ['gateway', 'start', '--data-dir', folders.gw],
      ag: ['agent', 'start', '--data-dir', folders.ag, '--wait', '1s'],
      op: ['agent', 'list', '--config-dir', folders.op],
    })[which];

  const owned = ['.', 'ca-key.pem', 'gateway.db', 'gateway.lock', 'identity-1/key.pem', 'login.json'];
  const table: [keyof typeof folders, string, boolean?][] = [
    ...[
      '.',
      'ca-cert.pem',
      'ca-key.pem',
      'server-cert.pem',
      'server-key.pem',
      'signing-keys.json',
      'secrets.json',
      'gateway.json',
      'gateway.db',
      'gateway.lock',
    ].map((name): [keyof typeof folders, string] => ['gw', name]),
    ['gw', 'gateway.db-wal', true],
    ['gw', 'gateway.db-shm', true],
    ...['.', 'agent.json', 'agent.lock', 'identity-1', 'identity-1/key.pem', 'identity-1/cert.pem', 'identity-1/ca.pem'].map(
      (name): [keyof typeof folders, string] => ['ag', name],
    ),
    ['op', '.'],
    ['op', 'login.json'],
  ];

  for (const [which, name, absent] of table) {
    await t.test(`${which}/${name}: a loose mode is refused, naming path and fix`, async (t) => {
      const path = join(folders[which], name);
      if (absent) writeFileSync(path, '', { mode: 0o600 });
      const good = lstatSync(path).mode & 0o777;
      t.after(() => (existsSync(path) ? chmodSync(path, good) : undefined));
      chmodSync(path, good | (name.length % 2 === 0 ? 0o040 : 0o002));
      assertError(await tunnel([...startsOf(which), '--json']), 4, 'file.loose-mode', path, `chmod 0${good.toString(8)} '${path}'`);
      if (absent) renameSync(path, join(home, 'away'));
    });

    if (owned.includes(name))
      await t.test(`${which}/${name}: a foreign owner is refused, for root too`, { skip: !isRoot && 'needs root' }, async (t) => {
        const path = join(folders[which], name);
        if (absent) writeFileSync(path, '', { mode: 0o600 });
        t.after(() => (existsSync(path) ? chownSync(path, 0, 0) : undefined));
        chownSync(path, NOBODY, NOBODY);
        assertError(await tunnel([...startsOf(which), '--json']), 4, 'file.loose-mode', path, `chown 0 '${path}'`);
        if (absent) renameSync(path, join(home, 'away'));
      });

    if (name === '.') continue;
    await t.test(`${which}/${name}: a link in its place is not followed`, async (t) => {
      const path = join(folders[which], name);
      const [kept, bait] = [join(home, 'kept'), join(temporaryFolder(t), 'bait')];
      if (!absent) renameSync(path, kept);
      t.after(() => {
        renameSync(path, join(home, 'away'));
        if (!absent) renameSync(kept, path);
      });
      symlinkSync(absent ? bait : kept, path); // also when what stands behind it would do
      if (absent) writeFileSync(bait, 'bait', { mode: 0o600 });
      const before = absent || lstatSync(kept).isDirectory() ? undefined : readFileSync(kept);
      assertError(await tunnel([...startsOf(which), '--json']), 1, 'file.failed', path);
      assert.equal(readlinkSync(path), absent ? bait : kept);
      if (before !== undefined) assert.deepEqual(readFileSync(kept), before);
      if (absent) assert.equal(readFileSync(bait, 'utf8'), 'bait');
    });
  }

  for (const name of ['gateway.db', 'gateway.lock'])
    await t.test(`gw/${name}: a second name of it is refused`, async (t) => {
      linkSync(join(folders.gw, name), join(temporaryFolder(t), 'other'));
      assertError(await tunnel([...startsOf('gw'), '--json']), 1, 'file.failed', join(folders.gw, name), '2 names');
    });

  await t.test('afterwards all of them still work', async (t) => {
    const gateway = start(t, startsOf('gw'));
    await gateway.event('ready');
    const agent = start(t, ['agent', 'start', '--data-dir', folders.ag]);
    await agent.event('ready');
    await succeed(startsOf('op'));
  });
});

describe('links planted where something is about to be made', onPosix, () => {
  const bait = (t: TestContext) => {
    const path = join(temporaryFolder(t), 'bait');
    mkdirSync(path, { mode: 0o700 });
    return path;
  };

  test('a data folder that is a link: ca init, enrol, login', async (t) => {
    const [folder, target] = [temporaryFolder(t), bait(t)];
    const link = join(folder, 'link');
    symlinkSync(target, link);
    assertError(await tunnel(['ca', 'init', '--data-dir', link, '--json']), 1, 'file.failed', link, 'symbolic link');
    assertError(await tunnel(['ca', 'init', '--data-dir', `${link}/`, '--json']), 1, 'file.failed', link);
    assert.deepEqual(readdirSync(target), []);
  });

  for (const name of ['ca-key.pem', 'ca-cert.pem', 'signing-keys.json', 'secrets.json', 'gateway.db', 'gateway.db-wal', 'gateway.lock']) {
    test(`ca init with a link at ${name}`, async (t) => {
      const [folder, outside] = [join(temporaryFolder(t), 'gw'), join(bait(t), 'file')];
      mkdirSync(folder, { mode: 0o700 });
      symlinkSync(outside, join(folder, name));
      assertError(await tunnel(['ca', 'init', '--data-dir', folder, '--json']), 1, 'file.failed', join(folder, name));
      assert.equal(existsSync(outside), false, 'nothing was made behind it');
    });
  }

  test('agent enroll with links at agent.json, at its lock and at its next identity; login with one at login.json', async (t) => {
    const folder = temporaryFolder(t);
    const gw = join(folder, 'gw');
    await succeed(['ca', 'init', '--data-dir', gw]);
    await start(t, ['gateway', 'start', '--data-dir', gw, '--listen', '127.0.0.1:0']).event('ready');
    const mint = async (kind: string, name: string) => (await succeed(['token', 'mint', '--data-dir', gw, '--kind', kind, '--name', name])).stdout;
    const string = await mint('agent', 'web1');
    for (const name of ['agent.json', 'agent.lock']) {
      const [ag, outside] = [join(temporaryFolder(t), 'ag'), join(bait(t), 'file')];
      mkdirSync(ag, { mode: 0o700 });
      symlinkSync(outside, join(ag, name));
      assertError(await tunnel(['agent', 'enroll', '--token-file', '-', '--data-dir', ag, '--json'], { input: string }), 1, 'file.failed', join(ag, name));
      assert.equal(existsSync(outside), false);
    }
    const [ag, outside] = [join(folder, 'ag'), bait(t)];
    mkdirSync(ag, { mode: 0o700 });
    symlinkSync(outside, join(ag, 'identity-1'));
    await succeed(['agent', 'enroll', '--token-file', '-', '--data-dir', ag], { input: string });
    assert.deepEqual(readdirSync(outside), [], 'the string was kept for the next try, and no key went behind the link');
    assertPrivate(ag);

    const [op, login] = [join(folder, 'op'), await mint('operator', 'alice')];
    mkdirSync(op, { mode: 0o700 });
    symlinkSync(join(outside, 'login'), join(op, 'login.json'));
    assertError(await tunnel(['login', '--token-file', '-', '--config-dir', op, '--json'], { input: login }), 1, 'file.failed', 'login.json');
    assert.deepEqual(readdirSync(outside), []);
    await succeed(['login', '--token-file', '-', '--config-dir', join(folder, 'op2')], { input: login }); // it was not spent
  });

  test('token mint --out takes no link, no device and no folder', async (t) => {
    const [folder, outside] = [temporaryFolder(t), join(bait(t), 'file')];
    const gw = join(folder, 'gw');
    await succeed(['ca', 'init', '--data-dir', gw]);
    symlinkSync(outside, join(folder, 'link'));
    const mint = ['token', 'mint', '--data-dir', gw, '--public-url', 'https://gw.example:8443', '--kind', 'agent', '--json'];
    for (const [index, out] of [join(folder, 'link'), '/dev/null', folder].entries())
      assertError(await tunnel([...mint, '--name', `web${index}`, '--out', out]), 1, 'file.failed', out);
    assert.equal(existsSync(outside), false);
    assert.ok(lstatSync('/dev/null').isCharacterDevice());
  });
});

describe('two processes on one folder', () => {
  test('ca init races: one makes it, the others say so, and what stands is whole', async (t) => {
    const gw = join(temporaryFolder(t), 'gw');
    const all = await Promise.all(Array.from({ length: 6 }, () => tunnel(['ca', 'init', '--data-dir', gw, '--json'])));
    assert.equal(all.filter(({ code }) => code === 0).length, 1, all.map(({ stdout }) => stdout).join(''));
    for (const { code, stdout } of all) if (code !== 0) assert.match(`${code} ${stdout}`, /^8 .*"(state\.locked|ca\.exists)"/);
    await start(t, ['gateway', 'start', '--data-dir', gw, '--listen', '127.0.0.1:0']).event('ready');
  });

  test('a gateway that starts while a status waits for it', async (t) => {
    const gw = join(temporaryFolder(t), 'gw');
    await succeed(['ca', 'init', '--data-dir', gw]);
    const ready = start(t, ['gateway', 'start', '--data-dir', gw, '--listen', '127.0.0.1:0']).event('ready');
    await Promise.all([ready, succeed(['gateway', 'status', '--data-dir', gw, '--wait', '20s'])]);
  });

  test('a second gateway, a second agent, an enrolment beside a running agent; logins wait for each other', async (t) => {
    const chain = await startChain(t);
    const mint = async (kind: string, name: string, ...more: string[]) =>
      (await succeed(['token', 'mint', '--data-dir', chain.gatewayFolder, '--kind', kind, '--name', name, ...more])).stdout;
    assertError(
      await tunnel(['gateway', 'start', '--data-dir', chain.gatewayFolder, '--listen', '127.0.0.1:0', '--json']),
      8,
      'state.locked',
      'a gateway runs on',
    );
    assertError(await tunnel(['agent', 'start', '--data-dir', chain.agentFolder, '--json']), 8, 'state.locked', 'agent.lock');
    const string = await mint('agent', 'web2');
    assertError(await tunnel(['agent', 'enroll', '--token-file', '-', '--data-dir', chain.agentFolder, '--json'], { input: string }), 8, 'state.locked');
    await succeed(['agent', 'enroll', '--token-file', '-', '--data-dir', join(chain.folder, 'ag2')], { input: string }); // it was not spent
    const strings = await Promise.all(['bob', 'carol', 'dave'].map((name) => mint('operator', name)));
    const op = join(chain.folder, 'op2');
    const logins = await Promise.all(strings.map((input) => tunnel(['login', '--token-file', '-', '--config-dir', op, '--json'], { input })));
    assert.deepEqual(
      logins.map(({ code }) => code),
      [0, 0, 0],
      logins.map(({ stdout }) => stdout).join(''),
    );
    const { operator } = (await succeed(['whoami', '--config-dir', op, '--json'])).json();
    assert.ok(['bob', 'carol', 'dave'].includes(String(operator)));
    assert.deepEqual(readdirSync(op).sort(), ['login.json', 'login.lock']);
  });
});

test('keys that we do not know survive in gateway.json and agent.json', async (t) => {
  const chain = await startChain(t);
  await chain.agent.stop();
  await chain.gateway.stop();
  const paths = [join(chain.gatewayFolder, 'gateway.json'), join(chain.agentFolder, 'agent.json')];
  const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  for (const path of paths) writeFileSync(path, JSON.stringify({ ...read(path), from_the_future: { kept: [1, 'two'] } }));
  const gateway = start(t, ['gateway', 'start', '--data-dir', chain.gatewayFolder, '--proxy-listen', '127.0.0.1:0']);
  await gateway.event('ready');
  const { stdout } = await succeed(['token', 'mint', '--data-dir', chain.gatewayFolder, '--kind', 'agent', '--name', 'web1', '--replace']);
  await succeed(['agent', 'enroll', '--token-file', '-', '--data-dir', chain.agentFolder], { input: stdout });
  for (const path of paths) assert.deepEqual(read(path)['from_the_future'], { kept: [1, 'two'] }, path);
  assert.equal(read(paths[1] ?? '')['identity'], 'identity-2');
});
