// The login on disk: for its owner alone, whole or not at all.
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { realWorld } from '../system/real-world.ts';
import { dropCredentials, findCredentials, loadCredentials, prepareFolder, saveCredentials } from './credentials.ts';
import { logout } from './login.ts';
import type { Credentials } from './login-file.ts';

const LOGIN: Credentials = {
  gateway: 'https://gw.example:8443',
  ca_pem: 'PEM',
  operator: 'alice',
  kind: 'operator',
  credential: 'secret',
  expires_at: '2026-12-21T12:05:10.110Z',
  tls: 'tunnel',
};

test('saved, found, dropped; 0600 in 0700; loose modes and damage are refused', async (t) => {
  const world = realWorld({ level: 'silent' });
  const { files } = world;
  const folder = mkdtempSync(join(tmpdir(), 'tunnel-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const configDir = join(folder, 'op');
  const path = join(configDir, 'login.json');
  assert.equal(await findCredentials(configDir, files), undefined);
  await assert.rejects(loadCredentials(configDir, files), { code: 'login.missing', kind: 'unauthenticated' });
  {
    await using _folder = await prepareFolder(configDir, world, t.signal);
    assert.deepEqual(readdirSync(configDir), ['login.lock']);
    await saveCredentials(configDir, LOGIN, files);
  }
  assert.deepEqual([statSync(path).mode & 0o777, statSync(configDir).mode & 0o777], [0o600, 0o700]);
  assert.deepEqual(await loadCredentials(configDir, files), LOGIN);
  chmodSync(path, 0o644);
  await assert.rejects(loadCredentials(configDir, files), { code: 'file.loose-mode' });
  chmodSync(path, 0o600);
  writeFileSync(path, '{"gateway":"https://gw.example"}');
  await assert.rejects(loadCredentials(configDir, files), { code: 'file.corrupt' });
  await dropCredentials(configDir, files);
  assert.equal(await findCredentials(configDir, files), undefined);
});

test('logged out here although the gateway cannot be told: the error says both', async (t) => {
  const world = realWorld({ level: 'silent' });
  const configDir = mkdtempSync(join(tmpdir(), 'tunnel-test-'));
  t.after(() => rmSync(configDir, { recursive: true }));
  await saveCredentials(configDir, { ...LOGIN, gateway: 'https://127.0.0.1:1' }, world.files);
  await assert.rejects(logout(configDir, world, t.signal), { code: 'gateway.unreachable', hint: /gone from this machine.*2026-12-21/ });
  assert.equal(await findCredentials(configDir, world.files), undefined);
});
