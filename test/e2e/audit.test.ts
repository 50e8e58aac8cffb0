// The audit log as an administrator uses it: filtered, followed, verified; and found out when somebody changed the file.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';

async function folderWithRows(t: TestContext): Promise<string> {
  const gateway = join(temporaryFolder(t), 'gw');
  await succeed(['ca', 'init', '--data-dir', gateway]);
  for (const name of ['web1', 'web2', 'web3', 'web4']) await mint(gateway, name);
  return gateway;
}

function mint(gateway: string, name: string) {
  return succeed(['token', 'mint', '--data-dir', gateway, '--kind', 'agent', '--name', name, '--expires', '1h', '--public-url', 'https://gw.example:8443']);
}

function byHand(gateway: string, ...statements: readonly string[]): void {
  const database = new DatabaseSync(join(gateway, 'gateway.db'));
  for (const trigger of ['audit_no_update', 'audit_no_delete']) database.exec(`drop trigger if exists ${trigger}`);
  for (const statement of statements) database.exec(statement);
  database.close();
}

test('rows are found by code, actor, subject and time', async (t) => {
  const gateway = await folderWithRows(t);
  const read = async (...filter: string[]) => {
    const { rows } = (await succeed(['audit', '--data-dir', gateway, ...filter, '--json'])).json() as { rows: { seq: number; code: string }[] };
    return rows.map(({ code }) => code);
  };
  const all = await read();
  assert.equal(all.filter((code) => code === 'token.minted').length, 4);
  assert.deepEqual(await read('--code', 'token'), Array(4).fill('token.minted'));
  assert.deepEqual(await read('--code', 'toke'), []);
  assert.deepEqual(await read('--code', 'token.minted', '--limit', '1'), ['token.minted']);
  assert.equal((await read('--actor', 'local-admin', '--code', 'token')).length, 4);
  assert.deepEqual(await read('--subject', 'agent:nobody'), []);
  assert.deepEqual(await read('--since', '1h'), all);
  assert.deepEqual(await read('--until', '1h'), []);
  const refused = await tunnel(['audit', '--data-dir', gateway, '--since', 'yesterday', '--json']);
  assert.equal(refused.code, 2);
});

test('an untouched log verifies; an edited, a removed, a moved and a cut-off row are each named', async (t) => {
  const gateway = await folderWithRows(t);
  const verify = () => tunnel(['audit', 'verify', '--data-dir', gateway, '--json']);
  const whole = await verify();
  const { rows, faults, head } = whole.json() as { rows: number; faults: unknown[]; head: { seq: number } };
  assert.deepEqual([whole.code, faults, head.seq], [0, [], rows]);

  const said = async () => {
    const finished = await verify();
    return [finished.code, (finished.json()['error'] as { message: string }).message] as const;
  };
  byHand(gateway, `update audit set actor = 'operator:mallory' where seq = 3`);
  assert.deepEqual(await said(), [1, 'the audit log was changed: row 3 edited']);
  byHand(gateway, `update audit set actor = 'local-admin' where seq = 3`);
  assert.equal((await verify()).code, 0);
  byHand(gateway, 'update audit set seq = 1000 where seq = 2', 'update audit set seq = 2 where seq = 3', 'update audit set seq = 3 where seq = 1000');
  assert.deepEqual(await said(), [1, 'the audit log was changed: row 2 edited, row 3 edited, row 4 edited']);
  byHand(gateway, 'update audit set seq = 1000 where seq = 2', 'update audit set seq = 2 where seq = 3', 'update audit set seq = 3 where seq = 1000');
  byHand(gateway, 'delete from audit where seq = 2');
  assert.deepEqual(await said(), [1, 'the audit log was changed: row 2 missing']);
  byHand(gateway, `delete from audit where seq = ${rows}`);
  assert.deepEqual(await said(), [1, `the audit log was changed: row 2 missing, row ${rows} missing`]);
});

test('--follow goes on with each row as it comes, through a running gateway', async (t) => {
  const gateway = await folderWithRows(t);
  const running = start(t, ['gateway', 'start', '--data-dir', gateway, '--listen', '127.0.0.1:0']);
  await running.event('ready');
  const following = start(t, ['audit', '--follow', '--data-dir', gateway, '--code', 'token.minted']);
  for (let row = 0; row < 4; row += 1) assert.equal((await following.event('audit'))['code'], 'token.minted');
  await mint(gateway, 'web5');
  assert.equal(((await following.event('audit'))['detail'] as { name: string }).name, 'web5');
  assert.equal(await following.stop('SIGINT'), 130);
  assert.equal((await tunnel(['audit', 'verify', '--data-dir', gateway])).code, 0);
});
