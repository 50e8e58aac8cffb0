// Services where there is no systemd to install them: clear words, and nothing half done.
import assert from 'node:assert/strict';
import { chownSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { succeed, temporaryFolder, tunnel } from '../support/cli.ts';

const codeOf = ({ json }: { json(): Record<string, unknown> }) => (json()['error'] as { code: string }).code;
const runsSystemd = existsSync('/run/systemd/system') && 'systemd runs here, and a test installs nothing';

test('what cannot be served is not installed', { skip: process.platform !== 'linux' || runsSystemd }, async (t) => {
  const folder = temporaryFolder(t);
  const nothing = await tunnel(['gateway', 'install', '--data-dir', folder, '--json']);
  assert.deepEqual([nothing.code, codeOf(nothing)], [5, 'ca.missing']);
  const agent = await tunnel(['agent', 'install', '--data-dir', folder, '--json']);
  assert.deepEqual([agent.code, codeOf(agent)], [3, 'agent.not-enrolled']);

  const gateway = join(folder, 'gw');
  await succeed(['ca', 'init', '--data-dir', gateway]);
  const url = await tunnel(['gateway', 'install', '--data-dir', gateway, '--json']);
  assert.deepEqual([url.code, codeOf(url)], [2, 'gateway.public-url']);
  const none = await tunnel(['gateway', 'install', '--data-dir', gateway, '--public-url', 'https://gw.example:8443', '--json']);
  assert.deepEqual([none.code, codeOf(none)], [1, 'service.failed']);
  if (process.geteuid?.() === 0) {
    // Root installs what a user of its own will run.
    for (const path of [gateway, ...readdirSync(gateway).map((name) => join(gateway, name))]) chownSync(path, 65534, 65534);
    const foreign = await tunnel(['gateway', 'install', '--data-dir', gateway, '--public-url', 'https://gw.example:8443', '--json']);
    assert.deepEqual([foreign.code, codeOf(foreign)], [1, 'service.failed']);
  }
  const odd = await tunnel(['gateway', 'uninstall', '--data-dir', gateway, '--name', '../x', '--json']);
  assert.deepEqual([odd.code, codeOf(odd)], [2, 'name.malformed']);
});
