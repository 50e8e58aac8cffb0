import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadQuiche } from './native.ts';

test('a platform without a binary is named', async () => {
  const missing = () => Promise.reject(new Error('Failed requiring possible native bindings'));
  await assert.rejects(loadQuiche(missing, 'linux-arm64'), { code: 'quic.unavailable', message: 'no native binary for linux-arm64' });
});

test('here it loads', async () => {
  assert.equal((await loadQuiche()).PROTOCOL_VERSION, 1);
});
