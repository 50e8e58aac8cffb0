// A gateway is copied while it runs, and comes back from the copy with its agents; damage is found before anything is changed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectTo, startChain } from '../support/chain.ts';
import { start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';
import { dial, startTarget } from '../support/tcp.ts';

const codeOf = ({ json }: { json(): Record<string, unknown> }) => (json()['error'] as { code: string }).code;

test('a backup of a running gateway becomes a gateway that its agents and operators know', async (t) => {
  const chain = await startChain(t);
  const backup = join(chain.folder, 'backup');
  await succeed(['store', 'backup', '--data-dir', chain.gatewayFolder, '--out', backup]);
  for (const name of readdirSync(backup)) assert.equal(statSync(join(backup, name)).mode & 0o777, 0o600, name);
  const again = await tunnel(['store', 'backup', '--data-dir', chain.gatewayFolder, '--out', backup, '--json']);
  assert.deepEqual([again.code, codeOf(again)], [8, 'state.locked']);
  const occupied = await tunnel(['store', 'restore', '--from', backup, '--data-dir', chain.gatewayFolder, '--json']);
  assert.equal(occupied.code, 8);

  await chain.gateway.stop();
  await rename(chain.gatewayFolder, join(chain.folder, 'lost'));
  await succeed(['store', 'restore', '--from', backup, '--data-dir', chain.gatewayFolder]);
  const gateway = start(t, ['gateway', 'start', '--data-dir', chain.gatewayFolder]);
  const ready = await gateway.event('ready');
  assert.equal(ready['tcp'], chain.ready['tcp']);
  const target = await startTarget(t, (socket) => void socket.pipe(socket));
  const { port, running } = await connectTo(t, chain, `127.0.0.1:${target}`, '--wait', '30s');
  const client = await dial(t, port);
  client.write('still there');
  const answer = await once(client, 'data').catch((error: unknown) =>
    assert.fail(`${error}\n${running.stderr()}\n${gateway.stderr()}\n${chain.agent.stderr()}`),
  );
  assert.equal(String(answer[0]), 'still there');
  client.destroy();
  assert.equal((await tunnel(['audit', 'verify', '--data-dir', chain.gatewayFolder])).code, 0);
});

test('damage is found: in the database, in a backup, in half a backup', async (t) => {
  const folder = temporaryFolder(t);
  const [gateway, backup, restored] = [join(folder, 'gw'), join(folder, 'backup'), join(folder, 'restored')];
  await succeed(['ca', 'init', '--data-dir', gateway]);
  await succeed(['store', 'check', '--data-dir', gateway]);
  await succeed(['store', 'backup', '--data-dir', gateway, '--out', backup]);

  const flip = (path: string) => {
    const bytes = readFileSync(path);
    for (let at = 8192; at < 8292; at += 1) bytes[at] = 0xff;
    writeFileSync(path, bytes);
  };
  flip(join(gateway, 'gateway.db'));
  const damaged = await tunnel(['store', 'check', '--data-dir', gateway, '--json']);
  assert.deepEqual([damaged.code, codeOf(damaged)], [1, 'store.corrupt']);
  flip(join(backup, 'gateway.db'));
  const refused = await tunnel(['store', 'restore', '--from', backup, '--data-dir', restored, '--json']);
  assert.deepEqual([refused.code, codeOf(refused)], [1, 'file.corrupt']);
  const none = await tunnel(['store', 'restore', '--from', folder, '--data-dir', restored, '--json']);
  assert.deepEqual([none.code, codeOf(none)], [1, 'file.failed']);
});
