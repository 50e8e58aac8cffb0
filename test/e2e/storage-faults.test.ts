// Disks that fail under the real commands: full, read-only, held by another process, damaged. A clear error, nothing half done, what runs goes on, nothing begins anew.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { connectTo, startChain } from '../support/chain.ts';
import { type Finished, start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';
import { noSmallDisk, smallDisk } from '../support/small-disk.ts';
import { echoClient, startTarget } from '../support/tcp.ts';

const onSmallDisk = { skip: noSmallDisk() };

function assertError({ code, stdout, stderr }: Finished, exit: number, name: string, ...says: (string | RegExp)[]): void {
  assert.equal(code, exit, `${stdout}\n${stderr}`);
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string; hint: string } };
  assert.equal(error.code, name, stdout);
  assert.ok(error.hint, `a hint in ${stdout}`);
  for (const text of says) assert.match(`${error.message}\n${error.hint}`, typeof text === 'string' ? new RegExp(text.replaceAll('.', '\\.')) : text);
}

/** A gateway whose folder is what `ca init` and a first start leave, and a string in it. */
async function stoppedGateway(t: Parameters<typeof start>[0]): Promise<string> {
  const gw = join(temporaryFolder(t), 'gw');
  await succeed(['ca', 'init', '--data-dir', gw]);
  await succeed(['token', 'mint', '--data-dir', gw, '--kind', 'agent', '--name', 'web1', '--public-url', 'https://gw.example:8443']);
  return gw;
}

test('a damaged database is refused, kept as it is, and never replaced by an empty one', async (t) => {
  const gw = await stoppedGateway(t);
  const [database, good] = [join(gw, 'gateway.db'), join(gw, '..', 'good')];
  copyFileSync(database, good);
  const whole = readFileSync(good);
  const pageBytes = whole.readUInt16BE(16);
  const pages = whole.length / pageBytes;
  // Pages of tables and indices begin with one of four bytes (SQLite's file format, 1.6).
  const trees = Array.from({ length: pages - 1 }, (_, index) => (index + 1) * pageBytes).filter((at) => [2, 5, 10, 13].includes(whole[at] ?? 0));
  const flipped = (at: number, count = 1) => {
    const bytes = Buffer.from(whole);
    for (let index = at; index < at + count; index += 1) bytes[index] = ~(bytes[index] ?? 0) & 0xff;
    return bytes;
  };
  const damages: [string, Buffer | undefined][] = [
    ['empty', Buffer.alloc(0)],
    ['missing', undefined],
    ['not a database', Buffer.from('this is no database, '.repeat(500))],
    ['another database', sqliteFile(join(gw, '..', 'other'))],
    ['cut in the first page', whole.subarray(0, 100)],
    ['cut in the middle', whole.subarray(0, Math.floor(pages / 2) * pageBytes)],
    ['cut in its last page', whole.subarray(0, whole.length - 100)],
    ['zeros', Buffer.alloc(whole.length)],
    ['its magic flipped', flipped(0, 16)],
    ['its schema flipped', flipped(100, 64)],
    ['a page in the middle flipped', flipped(trees[trees.length >> 1] ?? 0, 64)],
    ['the last page of a tree flipped', flipped(trees.at(-1) ?? 0, 64)],
  ];
  for (const [name, bytes] of damages) {
    if (bytes === undefined) rmSync(database);
    else writeFileSync(database, bytes, { mode: 0o600 });
    for (const command of [
      ['gateway', 'start', '--data-dir', gw, '--listen', '127.0.0.1:0'],
      ['token', 'list', '--data-dir', gw],
    ]) {
      assertError(await tunnel([...command, '--json']), 1, 'store.corrupt', 'gateway.db', /backup/);
      if (bytes === undefined) assert.equal(existsSync(database), false, 'nothing was made');
      else assert.deepEqual(readFileSync(database), bytes, `${name}: untouched`);
    }
  }
  copyFileSync(good, database);
  const { tokens } = (await succeed(['token', 'list', '--data-dir', gw, '--json'])).json();
  assert.equal((tokens as unknown[]).length, 1);
});

test('a write-ahead log cut by a power failure costs its last change at most; one that is nonsense costs nothing before it', async (t) => {
  const gw = await stoppedGateway(t);
  const gateway = start(t, ['gateway', 'start', '--data-dir', gw, '--listen', '127.0.0.1:0', '--public-url', 'https://gw.example:8443']);
  await gateway.event('ready');
  await succeed(['token', 'mint', '--data-dir', gw, '--kind', 'agent', '--name', 'web2']);
  gateway.child.kill('SIGKILL');
  await once(gateway.child, 'exit');
  const log = join(gw, 'gateway.db-wal');
  const names = async () =>
    ((await succeed(['token', 'list', '--data-dir', gw, '--json'])).json()['tokens'] as { name: string }[]).map(({ name }) => name).sort();
  truncateSync(log, readFileSync(log).length - 100);
  const left = await names();
  assert.ok(left.includes('web1'), String(left));
  writeFileSync(log, 'nonsense'.repeat(4096), { mode: 0o600 });
  assert.deepEqual(await names(), left);
});

test('a database that another process holds: store.busy within its deadline, running channels go on, and it goes on when it is free', async (t) => {
  const chain = await startChain(t);
  const target = await startTarget(t, (socket) => void socket.pipe(socket));
  const { port } = await connectTo(t, chain, `127.0.0.1:${target}`);
  const { echo } = await echoClient(t, port);
  await echo('before');
  const holder = new DatabaseSync(join(chain.gatewayFolder, 'gateway.db'));
  t.after(() => holder.isOpen && holder.close());
  holder.exec('begin immediate');
  const mint = ['token', 'mint', '--data-dir', chain.gatewayFolder, '--kind', 'agent', '--name', 'web2', '--json'];
  assertError(await tunnel(mint), 9, 'store.busy', /try again/i);
  await echo('meanwhile');
  holder.exec('rollback');
  holder.close();
  await succeed(mint);
  await echo('after');
  assert.equal(chain.gateway.child.exitCode, null);
});

test('a first start on a database that another process holds says so and can be repeated', async (t) => {
  const gw = await stoppedGateway(t);
  const holder = new DatabaseSync(join(gw, 'gateway.db'));
  t.after(() => holder.isOpen && holder.close());
  holder.exec('begin immediate');
  const command = ['gateway', 'start', '--data-dir', gw, '--listen', '127.0.0.1:0', '--public-url', 'https://gw.example:8443'];
  assertError(await tunnel([...command, '--json']), 9, 'store.busy', 'gateway.db');
  holder.close();
  await start(t, command).event('ready');
});

test('ca init on a full disk leaves nothing that counts; with room it works', onSmallDisk, async (t) => {
  for (const size of ['4k', '12k', '24k', '48k', '96k']) {
    const disk = await smallDisk(t, size);
    const gw = join(disk.path, 'gw');
    const first = await tunnel(['ca', 'init', '--data-dir', gw, '--json'], { on: disk.on });
    assertError(first, 1, 'file.failed', /[Ff]ree some space/);
    assert.deepEqual(
      existsSync(disk.seen('gw')) ? readdirSync(disk.seen('gw')).filter((name) => name === 'ca-cert.pem' || name.endsWith('.tmp')) : [],
      [],
      size,
    );
    await disk.remount('size=4m');
    await succeed(['ca', 'init', '--data-dir', gw], { on: disk.on });
    await succeed(['token', 'list', '--data-dir', gw], { on: disk.on });
  }
});

test('an agent or an operator whose disk is full: with room the same string works, or finishes', onSmallDisk, async (t) => {
  const gw = join(temporaryFolder(t), 'gw');
  await succeed(['ca', 'init', '--data-dir', gw]);
  await start(t, ['gateway', 'start', '--data-dir', gw, '--listen', '127.0.0.1:0']).event('ready');
  const mint = async (kind: string, name: string) => (await succeed(['token', 'mint', '--data-dir', gw, '--kind', kind, '--name', name])).stdout;
  for (const size of ['4k', '8k', '16k']) {
    for (const { args, input, counts } of [
      { args: ['agent', 'enroll', '--data-dir'], input: await mint('agent', `web${size}`), counts: 'agent.json' },
      { args: ['login', '--config-dir'], input: await mint('operator', `alice${size}`), counts: 'login.json' },
    ]) {
      const disk = await smallDisk(t, size);
      const command = [...args, join(disk.path, 'state'), '--token-file', '-', '--json'];
      assertError(await tunnel(command, { input, on: disk.on }), 1, 'file.failed', /[Ff]ree some space/);
      assert.equal(existsSync(disk.seen('state', counts)), false);
      await disk.remount('size=4m');
      await succeed(command, { input, on: disk.on });
    }
  }
});

test('a disk that fills under a gateway: changes are refused with the reason, channels go on, and it goes on when there is room', onSmallDisk, async (t) => {
  const disk = await smallDisk(t, '2m');
  const [folder, gw] = [temporaryFolder(t), join(disk.path, 'gw')];
  const { on } = disk;
  await succeed(['ca', 'init', '--data-dir', gw], { on });
  const gateway = start(t, ['gateway', 'start', '--data-dir', gw, '--listen', '127.0.0.1:0'], { on });
  await gateway.event('ready');
  const mint = async (...args: string[]) => (await succeed(['token', 'mint', '--data-dir', gw, ...args], { on })).stdout;
  const chain = { folder, gatewayFolder: gw, agentFolder: join(folder, 'ag'), operatorFolder: join(folder, 'op') };
  await succeed(['agent', 'enroll', '--token-file', '-', '--data-dir', chain.agentFolder], {
    input: await mint('--kind', 'agent', '--name', 'web1', '--routes', '127.0.0.0/8', '--ports', '1-65535'),
  });
  await succeed(['login', '--token-file', '-', '--config-dir', chain.operatorFolder], { input: await mint('--kind', 'operator', '--name', 'alice') });
  const agent = start(t, ['agent', 'start', '--data-dir', chain.agentFolder]);
  await agent.event('ready');
  const target = await startTarget(t, (socket) => void socket.pipe(socket));
  const connecting = start(t, ['connect', `127.0.0.1:${target}`, '--config-dir', chain.operatorFolder]);
  const { listen } = await connecting.event('ready');
  const { echo } = await echoClient(t, Number(String(listen).split(':').at(-1)));
  await echo('before');
  disk.fill();
  assertError(
    await tunnel(['token', 'mint', '--data-dir', gw, '--kind', 'agent', '--name', 'web2', '--json'], { on }),
    1,
    'file.failed',
    /disk.*full/,
    /[Ff]ree some space/,
  );
  await echo('meanwhile');
  const names = async () =>
    ((await succeed(['token', 'list', '--data-dir', gw, '--json'], { on })).json()['tokens'] as { name: string }[]).map(({ name }) => name);
  assert.ok(!(await names()).includes('web2'), 'nothing half done, and reading goes on');
  disk.free();
  await mint('--kind', 'agent', '--name', 'web2');
  await echo('after');
  assert.equal(gateway.child.exitCode, null);
});

test('a disk that is read-only: each command says so and changes nothing', onSmallDisk, async (t) => {
  const disk = await smallDisk(t, '8m');
  const { on } = disk;
  const [gw, ag, op] = ['gw', 'ag', 'op'].map((name) => join(disk.path, name)) as [string, string, string];
  await succeed(['ca', 'init', '--data-dir', gw], { on });
  const gateway = start(t, ['gateway', 'start', '--data-dir', gw, '--listen', '127.0.0.1:0'], { on });
  await gateway.event('ready');
  const mint = async (kind: string, name: string) => (await succeed(['token', 'mint', '--data-dir', gw, '--kind', kind, '--name', name], { on })).stdout;
  await succeed(['agent', 'enroll', '--token-file', '-', '--data-dir', ag], { on, input: await mint('agent', 'web1') });
  const [again, login] = [await mint('agent', 'web2'), await mint('operator', 'alice')];
  const elsewhere = await smallDisk(t, '1m');
  await elsewhere.remount('ro');
  const enrol = ['agent', 'enroll', '--token-file', '-', '--json', '--data-dir'];
  assertError(await tunnel([...enrol, join(elsewhere.path, 'ag')], { on: elsewhere.on, input: again }), 1, 'file.failed', /read-only/);
  assertError(
    await tunnel(['login', '--token-file', '-', '--json', '--config-dir', join(elsewhere.path, 'op')], { on: elsewhere.on, input: login }),
    1,
    'file.failed',
    /read-only/,
  );
  await gateway.stop();
  await disk.remount('ro');
  for (const args of [
    ['gateway', 'start', '--data-dir', gw],
    ['token', 'mint', '--data-dir', gw, '--kind', 'agent', '--name', 'web3'],
    ['ca', 'init', '--data-dir', join(disk.path, 'gw2')],
  ])
    assertError(await tunnel([...args, '--json'], { on }), 1, 'file.failed', /read-only|cannot be written/);
  await disk.remount('rw');
  await start(t, ['gateway', 'start', '--data-dir', gw], { on }).event('ready');
  await succeed(['login', '--token-file', '-', '--config-dir', op], { on, input: login });
});

function sqliteFile(path: string): Buffer {
  const database = new DatabaseSync(path);
  database.exec('create table other (a); insert into other values (1)');
  database.close();
  return readFileSync(path);
}
