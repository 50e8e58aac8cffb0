// A gateway that starts while commands are at work on its folder: it takes its turn, and who waits for it does not stand in its way.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';

test('gateway status --wait, begun before the gateway; and strings minted while it starts', async (t) => {
  const folder = join(temporaryFolder(t), 'gw');
  await succeed(['ca', 'init', '--data-dir', folder]);
  const status = succeed(['gateway', 'status', '--data-dir', folder, '--wait', '60s', '--json']);
  const mint = (name: string) =>
    succeed(['token', 'mint', '--data-dir', folder, '--kind', 'agent', '--name', name, '--public-url', 'https://127.0.0.1:8443', '--json']);
  const minted = [mint('a'), mint('b'), mint('c')];
  const gateway = start(t, ['gateway', 'start', '--data-dir', folder, '--listen', '127.0.0.1:0']);
  await gateway.event('ready');
  assert.equal((await status).json()['state'], 'running');
  await Promise.all(minted);
  const second = await tunnel(['gateway', 'start', '--data-dir', folder, '--json']);
  assert.deepEqual([second.code, (second.json()['error'] as { code: string }).code], [8, 'state.locked']);
});
