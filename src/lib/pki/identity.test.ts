// Whom a leaf names, and every leaf that names nobody.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { makeTestCa } from '../../../test/support/test-ca.ts';
import { TunnelError } from '../base/errors.ts';
import { readIdentity } from './identity.ts';

const ca = await makeTestCa();
const derOf = (certificatePem: string) => new X509Certificate(certificatePem).raw;

test('an agent', async () => {
  const { certificatePem, agentId } = await ca.agent('web1');
  const { agentId: id, name, serial, ...rest } = readIdentity(derOf(certificatePem), { usage: 'agent' });
  assert.deepEqual([id, name], [agentId, 'web1']);
  assert.equal(serial, new X509Certificate(certificatePem).serialNumber.toLowerCase());
  assert.match(rest.spkiSha256, /^[0-9a-f]{64}$/);
});

test('a server is for its names and addresses only', () => {
  const server = readIdentity(derOf(ca.server.certificatePem), { usage: 'server' });
  assert.equal(server.spkiSha256, ca.server.spkiSha256);
  for (const host of ['localhost', 'LOCALHOST', '127.0.0.1', '::1']) assert.ok(server.isFor(host), host);
  for (const host of ['localhost.example', '127.0.0.2', '127.1', '::2', '[::1]', '', 'a b', 'x\0']) assert.ok(!server.isFor(host), host);
});

for (const [kind, why] of [
  ['serverAuth only', /clientAuth/],
  ['no key usage', /clientAuth/],
  ['CN only', /SAN/],
  ['two ids', /more than one/],
] as const) {
  test(`an agent is refused: ${kind}`, async () => {
    const { certificatePem } = await ca.wrongAgent(kind);
    assert.throws(() => readIdentity(derOf(certificatePem), { usage: 'agent' }), { code: 'certificate.refused', message: why });
  });
}

test('a server is refused: an agent, a CN alone, the CA itself, for another name', async () => {
  for (const kind of ['clientAuth only', 'CN only'] as const) {
    const { certificatePem } = await ca.wrongServer(kind);
    assert.throws(() => readIdentity(derOf(certificatePem), { usage: 'server' }), { code: 'certificate.refused' }, kind);
  }
  assert.throws(() => readIdentity(derOf(ca.caPem), { usage: 'server' }), { code: 'certificate.refused', message: /of a CA/ });
  const other = await ca.wrongServer('other name');
  assert.ok(!readIdentity(derOf(other.certificatePem), { usage: 'server' }).isFor('localhost'));
});

test('a server is no agent', () => {
  assert.throws(() => readIdentity(derOf(ca.server.certificatePem), { usage: 'agent' }), { code: 'certificate.refused' });
});

test('any bytes, and any good leaf with bytes changed: an identity or a TunnelError', () => {
  const good = derOf(ca.server.certificatePem);
  const changed = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 4 }).map((changes) => {
    const bytes = Uint8Array.from(good);
    for (const [at, value] of changes) bytes[at] = value;
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), changed), fc.constantFrom('agent' as const, 'server' as const), (bytes, usage) => {
      try {
        if (usage === 'agent') readIdentity(bytes, { usage });
        else readIdentity(bytes, { usage }).isFor('localhost');
      } catch (error) {
        assert.ok(error instanceof TunnelError && error.code === 'certificate.refused', String(error));
      }
    }),
    { numRuns: 500 },
  );
});
