import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeTestCa } from '../../../../test/support/test-ca.ts';
import { LIMITS } from '../../base/limits.ts';
import { makeConfig } from './config.ts';
import { PATH } from './loop.ts';
import { loadQuiche } from './native.ts';
import { CONNECTION_ID_BYTES, LARGEST_PACKET_BYTES, LONGEST_ID_BYTES } from './packet.ts';

test('a platform without a binary is named', async () => {
  const missing = () => Promise.reject(new Error('Failed requiring possible native bindings'));
  await assert.rejects(loadQuiche(missing, 'linux-arm64'), { code: 'quic.unavailable', message: 'no native binary for linux-arm64' });
});

test('here it loads', async () => {
  assert.equal((await loadQuiche()).PROTOCOL_VERSION, 1);
});

test('what a server announces fits into the engine, whatever ids the client chose', async () => {
  const [quiche, ca] = [await loadQuiche(), await makeTestCa()];
  const server = { certificatePem: ca.server.certificatePem, privateKeyPem: ca.server.privateKeyPem, trustedCaPem: ca.caPem, alpn: ['gw-agent-tunnel/2'] };
  const packetBytes = LARGEST_PACKET_BYTES;
  const config = makeConfig(quiche, { credentials: server, incomingStreams: LIMITS.streamsPerAgentV2, packetBytes, resetToken: 1n });
  const [ours, theirs] = [new Uint8Array(CONNECTION_ID_BYTES), new Uint8Array(LONGEST_ID_BYTES)];
  quiche.Connection.accept(ours, theirs, PATH.here, PATH.there, config); // BufferTooShort where it does not
});
