// kill -9 at the writes of `ca init`, of a gateway's first start and of `login`: the next run works or finishes, and nothing is left of the one before. FULL=1 tries every write.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';
import { faultPoints } from '../support/fault-points.ts';

const onPosix = { skip: process.platform === 'win32' && 'SIGKILL' };

/** Every one, or some that are spread over all of them. */
function chosen(count: number, most: number): number[] {
  const all = Array.from({ length: count }, (_, index) => index + 1);
  return process.env['FULL'] ? all : all.filter((n) => n % Math.ceil(count / most) === 0);
}

/** Lets `run` reach its nth write and kills it there; then `judge` in the same folder. */
async function eachKill(
  t: TestContext,
  most: number,
  run: (folder: string, env: NodeJS.ProcessEnv) => Promise<unknown>,
  judge: (folder: string, point: string) => Promise<void>,
): Promise<void> {
  const points = faultPoints(join(temporaryFolder(t), 'faults'));
  points.arm();
  await run(temporaryFolder(t), points.env);
  const all = points.seen();
  const tried = chosen(all.length, most);
  for (const n of tried) {
    const folder = temporaryFolder(t);
    points.arm(n);
    await run(folder, points.env);
    points.disarm();
    await judge(folder, `${n} of ${all.length}, ${all[n - 1]}`);
  }
  assert.ok(tried.length > 0);
  t.diagnostic(`${all.length} points, killed at ${tried.length}, 0 broken`);
}

function assertTidy(folder: string, point: string): void {
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes('.tmp') || name.includes('room')),
    [],
    point,
  );
}

test('ca init', onPosix, async (t) => {
  const init = (folder: string, env: NodeJS.ProcessEnv) => tunnel(['ca', 'init', '--data-dir', join(folder, 'gw'), '--json'], { env });
  await eachKill(t, 6, init, async (folder, point) => {
    const { code, stdout } = await init(folder, {});
    assert.ok(code === 0 || /"ca\.exists"/.test(stdout), `${point}: ${stdout}`);
    await succeed(['token', 'list', '--data-dir', join(folder, 'gw')]); // the keys, the store and the CA fit together
    assertTidy(join(folder, 'gw'), point);
  });
});

test('the first start of a gateway', onPosix, async (t) => {
  const command = (folder: string) => ['gateway', 'start', '--data-dir', join(folder, 'gw'), '--listen', '127.0.0.1:0'];
  const startOnce = async (folder: string, env: NodeJS.ProcessEnv) => {
    await succeed(['ca', 'init', '--data-dir', join(folder, 'gw')]);
    const gateway = start(t, command(folder), { env });
    await gateway.event('ready').catch(() => {}); // killed before
    await gateway.stop('SIGKILL');
  };
  await eachKill(t, 6, startOnce, async (folder, point) => {
    const again = start(t, command(folder));
    await again.event('ready');
    await again.stop();
    assertTidy(join(folder, 'gw'), point);
  });
});

test('login: the same string finishes what was cut short', onPosix, async (t) => {
  const gw = join(temporaryFolder(t), 'gw');
  await succeed(['ca', 'init', '--data-dir', gw]);
  await start(t, ['gateway', 'start', '--data-dir', gw, '--listen', '127.0.0.1:0']).event('ready');
  let count = 0;
  const strings = new Map<string, { name: string; string: string }>();
  const login = (folder: string, input: string, env: NodeJS.ProcessEnv = {}) =>
    tunnel(['login', '--token-file', '-', '--config-dir', join(folder, 'op'), '--json'], { input, env });
  const mint = async (name: string) => (await succeed(['token', 'mint', '--data-dir', gw, '--kind', 'operator', '--name', name])).stdout;
  const first = async (folder: string, env: NodeJS.ProcessEnv) => {
    const name = `alice${++count}`;
    const string = await mint(name);
    strings.set(folder, { name, string });
    await login(folder, string, env);
  };
  await eachKill(t, 6, first, async (folder, point) => {
    const { name, string } = strings.get(folder) ?? assert.fail();
    const again = await login(folder, string);
    assert.equal(again.code, 0, `${point}: ${again.stdout}`);
    assert.equal((await succeed(['whoami', '--config-dir', join(folder, 'op'), '--json'])).json()['operator'], name);
    assert.deepEqual(readdirSync(join(folder, 'op')).sort(), ['login.json', 'login.lock'], point);
  });
});
