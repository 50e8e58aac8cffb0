// One test an exit code, by the real command line: what scripts branch on.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, type TestContext, test } from 'node:test';
import { EXIT_CODES } from '../../src/lib/cli/exit-codes.ts';
import { sharedChain } from '../support/chain.ts';
import { start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';

const tested = new Set<number>();

/** The exit code and the error code behind it; text says the same. */
function exits(code: number, error: string | undefined, what: string, args: (t: TestContext) => readonly string[] | Promise<readonly string[]>): void {
  tested.add(code);
  test(`exit ${code}: ${what}`, async (t) => {
    const finished = await tunnel([...(await args(t)), '--json']);
    assert.equal(finished.code, code, finished.stdout + finished.stderr);
    assert.equal((finished.json()['error'] as { code: string } | undefined)?.code, error);
  });
}

describe('with a gateway and an agent', () => {
  const chain = sharedChain();
  /** A copy of alice's login whose gateway is at `url`. */
  const loginAt = (t: TestContext, url: string): string => {
    const folder = temporaryFolder(t);
    const login = JSON.parse(readFileSync(join(chain().operatorFolder, 'login.json'), 'utf8')) as object;
    writeFileSync(join(folder, 'login.json'), JSON.stringify({ ...login, gateway: url }), { mode: 0o600 });
    return folder;
  };

  exits(0, undefined, 'done', () => ['whoami', '--config-dir', chain().operatorFolder]);
  exits(1, 'file.failed', 'a file that is not there', (t) => ['login', '--token-file', join(temporaryFolder(t), 'absent'), '--config-dir', temporaryFolder(t)]);
  exits(2, 'target.malformed', 'a target that is none', () => ['connect', '127.0.0.1', '--config-dir', chain().operatorFolder]);
  exits(3, 'login.missing', 'nobody is logged in', (t) => ['whoami', '--config-dir', temporaryFolder(t)]);
  exits(4, 'file.loose-mode', 'a login that others can read', (t) => {
    const folder = loginAt(t, 'https://127.0.0.1:1');
    chmodSync(join(folder, 'login.json'), 0o644);
    return ['whoami', '--config-dir', folder];
  });
  exits(5, 'route.none', 'a target that no agent carries', () => ['connect', '192.0.2.1:22', '--config-dir', chain().operatorFolder]);
  exits(6, 'gateway.unreachable', 'a gateway that is not there', (t) => ['whoami', '--config-dir', loginAt(t, 'https://127.0.0.1:1')]);
  exits(7, 'gateway.silent', 'a gateway that takes the connection and says nothing', async (t) => {
    const silent = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    t.after(() => silent.close());
    return ['whoami', '--config-dir', loginAt(t, `https://127.0.0.1:${(silent.address() as AddressInfo).port}`)];
  });
  exits(8, 'state.locked', 'a folder that another process uses', () => ['ca', 'init', '--data-dir', chain().gatewayFolder]);
  exits(9, 'store.busy', 'a database that another process holds', (t) => {
    const holder = new DatabaseSync(join(chain().gatewayFolder, 'gateway.db'));
    t.after(() => holder.close());
    holder.exec('begin immediate');
    return ['token', 'mint', '--data-dir', chain().gatewayFolder, '--kind', 'agent', '--name', 'busy'];
  });

  tested.add(130);
  test('exit 130: Ctrl-C', async (t) => {
    const running = start(t, ['connect', '127.0.0.1:22', '--config-dir', chain().operatorFolder]);
    await running.event('ready');
    assert.equal(await running.stop('SIGINT'), 130);
  });
});

test('every exit code has its test', () => {
  assert.deepEqual(
    [...tested].sort((a, b) => a - b),
    [0, ...Object.values(EXIT_CODES)].sort((a, b) => a - b),
  );
});

test('a variable stands for a flag, and the flag goes before it', async (t) => {
  const folder = join(temporaryFolder(t), 'gw');
  await succeed(['ca', 'init'], { env: { TUNNEL_DATA_DIR: folder } });
  const absent = await tunnel(['gateway', 'start', '--json'], { env: { TUNNEL_DATA_DIR: folder, TUNNEL_GATEWAY_LISTEN: 'nonsense' } });
  assert.deepEqual([absent.code, (absent.json()['error'] as { code: string }).code], [2, 'address.malformed']);
  const other = join(temporaryFolder(t), 'other');
  mkdirSync(other, { mode: 0o700 });
  const flag = await tunnel(['ca', 'show', '--data-dir', other, '--json'], { env: { TUNNEL_DATA_DIR: folder } });
  assert.deepEqual([flag.code, (flag.json()['error'] as { code: string }).code], [5, 'ca.missing']);
  for (const bare of ['TUNNEL_TOKEN', 'TUNNEL_URL', 'TUNNEL_METRICS', 'TUNNEL_TOKEN_FILE'])
    assert.equal((await tunnel(['login', '--json'], { env: { [bare]: '/nowhere' } })).code, 2, `${bare} is cloudflared's`);
});
