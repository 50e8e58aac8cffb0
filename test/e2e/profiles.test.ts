// Profiles: saved, brought up in the background, seen, taken down; killed, in a race, with a gateway that goes, and with files that are damaged.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { sharedChain } from '../support/chain.ts';
import { succeed, tunnel } from '../support/cli.ts';
import { dial, startTarget } from '../support/tcp.ts';

interface Shown {
  readonly state: string;
  readonly pid: number;
  readonly since: string;
  readonly forwards: readonly { readonly listen: string; readonly target: string; readonly agent: string }[];
  readonly last_error: { readonly code: string } | null;
  readonly already: boolean;
  readonly changed: boolean;
  readonly log: string;
}

describe('through one chain', () => {
  const chain = sharedChain();

  const at = (...args: string[]) => [...args, '--config-dir', chain().operatorFolder];
  const json = async (...args: string[]) => (await succeed([...at(...args), '--json'])).json() as unknown as Shown;
  const fails = async (code: string, exit: number, ...args: string[]) => {
    const finished = await tunnel([...at(...args), '--json']);
    assert.deepEqual([(finished.json()['error'] as { code: string }).code, finished.code], [code, exit], finished.stderr);
    return finished;
  };
  const save = async (t: TestContext, name: string, ...args: string[]) => {
    await succeed(at('profile', 'save', name, ...args));
    t.after(() => tunnel(at('down', name)));
  };
  const hello = async (t: TestContext) => `127.0.0.1:${await startTarget(t, (socket) => socket.end('hello'))}`;
  const reach = async (t: TestContext, { forwards: [forward] }: Shown) => await text(await dial(t, Number(forward?.listen.split(':').at(-1))));

  test('up, seen, up again, down, down again', async (t) => {
    const target = await hello(t);
    await save(t, 'work', target, '--keep-alive');
    assert.equal(statSync(join(chain().operatorFolder, 'config.json')).mode & 0o777, 0o600);
    assert.equal((await json('profile', 'show', 'work')).state, 'stopped');

    const up = await json('up', 'work');
    assert.deepEqual([up.state, up.already, up.last_error, up.changed], ['up', false, null, false]);
    assert.deepEqual([up.forwards[0]?.target, up.forwards[0]?.agent], [target, 'web1']);
    assert.equal(await reach(t, up), 'hello');
    assert.match(readFileSync(up.log, 'utf8'), /listening 127\.0\.0\.1:\d+ -> .* \(agent web1\)/);
    assert.equal(statSync(up.log).mode & 0o777, 0o600);

    const again = await succeed(at('up', 'work'));
    assert.match(again.stdout, new RegExp(`work is up already, pid ${up.pid}, since ${up.since}`));
    const [seen] = ((await succeed([...at('profile', 'list'), '--json'])).json() as unknown as { profiles: Shown[] }).profiles;
    assert.deepEqual([seen?.state, seen?.pid, seen?.forwards], ['up', up.pid, up.forwards]);
    await fails('profile.running', 8, 'profile', 'delete', 'work');

    await succeed(at('profile', 'save', 'work', target, '--replace'));
    assert.equal((await json('up', 'work')).changed, true);

    assert.equal((await succeed(at('down', 'work'))).stdout, 'work is down\n');
    assert.ok(isGone(up.pid));
    assert.equal((await succeed(at('down', 'work'))).stdout, 'work was not up\n');
    await succeed(at('profile', 'delete', 'work'));
    assert.ok(!existsSync(join(chain().operatorFolder, 'profiles', 'work')));
    await fails('profile.unknown', 5, 'up', 'work');
    await fails('profile.unknown', 5, 'down', 'work');
  });

  test('three at once bring up one', async (t) => {
    await save(t, 'race', await hello(t));
    const ups = await Promise.all([1, 2, 3].map(() => json('up', 'race')));
    assert.equal(new Set(ups.map(({ pid }) => pid)).size, 1);
    assert.deepEqual(ups.map(({ already }) => already).sort(), [false, true, true]);
  });

  test('one that was killed is stopped, whoever has its pid now', async (t) => {
    await save(t, 'killed', await hello(t));
    const up = await json('up', 'killed');
    process.kill(up.pid, 'SIGKILL');
    const status = join(chain().operatorFolder, 'profiles', 'killed', 'status.json');
    writeFileSync(status, readFileSync(status, 'utf8').replace(`${up.pid}`, `${process.pid}`));
    const seen = await json('profile', 'show', 'killed');
    assert.deepEqual([seen.state, seen.pid, seen.last_error?.code], ['stopped', null, 'interrupted']);
    assert.equal((await succeed(at('down', 'killed'))).stdout, 'killed was not up\n');
    const anew = await json('up', 'killed');
    assert.equal(anew.already, false);
    assert.equal(await reach(t, anew), 'hello');
  });

  test('what cannot come up says why, and is seen', async (t) => {
    await save(t, 'nowhere', '192.0.2.1:22');
    await fails('route.none', 5, 'up', 'nowhere');
    assert.deepEqual((await json('profile', 'show', 'nowhere')).last_error?.code, 'route.none');
  });

  test('a bad name, a bad target, a name that is taken', async (t) => {
    await fails('name.malformed', 2, 'profile', 'save', '../x', '127.0.0.1:22');
    await fails('target.malformed', 2, 'profile', 'save', 'bad', '127.0.0.1');
    await fails('usage.missing-value', 2, 'profile', 'save', 'bad');
    await save(t, 'taken', '127.0.0.1:22');
    await fails('name.taken', 8, 'profile', 'save', 'taken', '127.0.0.1:22');
  });

  test('unknown keys survive, and a damaged file is refused and left as it is', async (t) => {
    await save(t, 'kept', '127.0.0.1:22');
    const file = join(chain().operatorFolder, 'config.json');
    const config = JSON.parse(readFileSync(file, 'utf8')) as { later?: unknown; profiles: { kept: { later?: unknown } } };
    config.later = { a: 1 };
    config.profiles.kept.later = 'b';
    writeFileSync(file, JSON.stringify(config));
    await succeed(at('profile', 'save', 'kept', '127.0.0.1:23', '--replace'));
    await succeed(at('profile', 'save', 'another', '127.0.0.1:23'));
    const now = JSON.parse(readFileSync(file, 'utf8')) as typeof config & { profiles: { kept: { targets: string[] } } };
    assert.deepEqual([now.later, now.profiles.kept.later, now.profiles.kept.targets], [{ a: 1 }, 'b', ['127.0.0.1:23']]);

    const good = readFileSync(file, 'utf8');
    for (const bad of ['{"profiles": {"kept": ', '[1]', '{"profiles": []}', '{"profiles": {"kept": {"targets": "127.0.0.1:22"}}}']) {
      writeFileSync(file, bad);
      for (const args of [
        ['up', 'kept'],
        ['profile', 'list'],
        ['profile', 'show', 'kept'],
        ['profile', 'edit', 'kept'],
      ]) {
        const { stdout } = await fails('config.invalid', 2, ...args);
        assert.match(stdout, /config\.json/);
      }
      if (!bad.includes('targets')) await fails('config.invalid', 2, 'profile', 'save', 'new', '127.0.0.1:22');
      assert.equal(readFileSync(file, 'utf8'), bad);
    }
    writeFileSync(file, good);
  });

  test('edit: what is wrong is kept and gone on with', async (t) => {
    await save(t, 'edited', '127.0.0.1:22');
    await fails('terminal.missing', 2, 'profile', 'edit', 'edited');
    const edit = (script: string) => tunnel([...at('profile', 'edit', 'edited'), '--json'], { env: { EDITOR: `sed -i ${script}` } });
    assert.equal((await edit('s/x/y/')).code, 0);
    const bad = await edit('s/:22/:99999/');
    assert.equal(bad.code, 2, bad.stdout);
    assert.match(bad.stdout, /What you wrote is kept/);
    assert.deepEqual(((await json('profile', 'show', 'edited')) as unknown as { profile: unknown }).profile, { targets: ['127.0.0.1:22'] });
    const good = await edit('s/:99999/:23/');
    assert.equal(good.code, 0, good.stdout);
    assert.deepEqual((good.json() as { profile: unknown }).profile, { targets: ['127.0.0.1:23'] });
    assert.ok(!existsSync(join(chain().operatorFolder, 'profiles', 'edited', 'draft.json')));
  });
});

/** Or waits for a parent that does not ask, as in some containers. */
function isGone(pid: number): boolean {
  try {
    return process.platform === 'linux' ? / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')) : !process.kill(pid, 0);
  } catch {
    return true;
  }
}
