// How long a session may last, by the policy of a real gateway: one that may not be lengthened ends, one that its operator keeps goes on.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startChain } from '../support/chain.ts';
import { start, succeed } from '../support/cli.ts';
import { dial, startTarget } from '../support/tcp.ts';

test('a minute: with extendable and --keep-alive it goes on, without extendable it ends as too-long', async (t) => {
  const chain = await startChain(t);
  const at = ['--data-dir', chain.gatewayFolder];
  const { stdout: string } = await succeed(['token', 'mint', ...at, '--kind', 'operator', '--name', 'bob']);
  const bobs = join(chain.folder, 'bob');
  await succeed(['login', '--token-file', '-', '--config-dir', bobs], { input: string });
  const policy = join(chain.folder, 'policy.json');
  const allow = [
    { operators: ['alice'], max_length: '1m', extendable: true },
    { operators: ['bob'], max_length: '1m' },
  ];
  writeFileSync(policy, JSON.stringify({ version: 1, allow }));
  await succeed(['policy', 'set', policy, ...at]);

  const target = await startTarget(t, (socket) => void socket.pipe(socket));
  const connect = async (configDir: string) => {
    const running = start(t, ['connect', `127.0.0.1:${target}`, '--config-dir', configDir, '--keep-alive']);
    const { listen } = await running.event('ready');
    const client = await dial(t, Number(String(listen).split(':').at(-1)));
    client.on('error', () => {}); // the end of bob's
    const echo = async (text: string) => {
      client.write(text);
      assert.equal(String((await once(client, 'data'))[0]), text);
    };
    await echo('begun');
    return { running, client, echo };
  };
  const [alice, bob] = [await connect(chain.operatorFolder), await connect(bobs)];
  const sessions = async () => (await succeed(['session', 'list', ...at, '--json'])).json()['sessions'] as { operator: string; longest_ends_at: string }[];
  const endOf = async (name: string) => Date.parse((await sessions()).find(({ operator }) => operator === name)?.longest_ends_at ?? '');
  const [first, bobsEnd] = [await endOf('alice'), await endOf('bob')];

  assert.match(String((await alice.running.event('warning'))['message']), /unless it is kept/);
  assert.match(String((await bob.running.event('warning'))['message']), /may not last longer/);
  assert.ok(Math.abs((await endOf('bob')) - bobsEnd) < 1000, 'keeping it is of no use');
  await Promise.all([new Promise((resolve) => bob.client.once('close', resolve)), once(bob.running.child, 'exit')]);
  await alice.running.event('warning');
  assert.ok((await endOf('alice')) > first);
  await alice.echo('still there');
  assert.deepEqual(
    (await sessions()).map(({ operator }) => operator),
    ['alice'],
  );
  const { rows } = (await succeed(['audit', ...at, '--code', 'session.ended', '--json'])).json() as { rows: { detail: object }[] };
  assert.deepEqual(
    rows.map(({ detail }) => 'reason' in detail && detail.reason),
    ['too-long'],
  );
});
