import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MintRequest } from '../../api/tokens.ts';
import { parseGrant } from './grant.ts';

const grant = (request: object) => parseGrant(MintRequest.parse({ kind: 'agent', name: 'web1', expires_ms: 1000, ...request }));

test('everything in canonical form, each once', () => {
  const agent = grant({
    routes: ['10.0.0.0/24', '*.Corp.Example', '10.0.0.0/24'],
    ports: ['80', '22-80'],
    sources: ['192.0.2.7', '2001:DB8::/32'],
    uses: 5,
    ephemeral: true,
    site: 'berlin',
  });
  assert.deepEqual(agent, {
    kind: 'agent',
    name: 'web1',
    routes: ['10.0.0.0/24', '*.corp.example'],
    ports: ['22-80'],
    maxUses: 5,
    ephemeral: true,
    site: 'berlin',
    sources: ['192.0.2.7/32', '2001:db8::/32'],
    agents: null,
    targets: null,
    replaces: false,
    credentialMs: null,
  });
  const operator = grant({ kind: 'operator', agents: ['web1', 'web1'], targets: ['10.0.0.5/32:22', '10.0.0.5:22', '[FD00::]:443'] });
  assert.deepEqual([operator.agents, operator.targets, operator.credentialMs], [['web1'], ['10.0.0.5:22', '[fd00::]:443'], 30 * 86_400_000]);
});

for (const [request, code] of [
  [{ kind: 'operator', uses: 2 }, 'request.malformed'],
  [{ kind: 'operator', routes: ['10.0.0.0/8'] }, 'request.malformed'],
  [{ kind: 'operator', ports: ['22'] }, 'request.malformed'],
  [{ kind: 'operator', sources: ['10.0.0.0/8'] }, 'request.malformed'],
  [{ kind: 'admin', ephemeral: true }, 'request.malformed'],
  [{ kind: 'admin', agents: ['web1'] }, 'request.malformed'],
  [{ kind: 'admin', targets: ['10.0.0.0/8:22'] }, 'request.malformed'],
  [{ kind: 'agent', targets: ['10.0.0.0/8:22'] }, 'request.malformed'],
  [{ kind: 'agent', credential_expires_ms: 1 }, 'request.malformed'],
  [{ uses: 2, replace: true }, 'request.malformed'],
  [{ uses: 2, name: 'w'.repeat(47) }, 'request.malformed'],
  [{ expires_ms: 367 * 86_400_000 }, 'request.malformed'],
  [{ kind: 'operator', targets: Array.from({ length: 64 }, (_, at) => `${'w'.repeat(62)}.x${at}.example:22`) }, 'request.malformed'],
  [{ sources: ['10.0.0.1/8'] }, 'route.malformed'],
  [{ sources: ['gw.example'] }, 'route.malformed'],
  [{ kind: 'operator', targets: ['10.0.0.1/24:22'] }, 'target.malformed'],
  [{ kind: 'operator', targets: ['10.0.0.0/24'] }, 'target.malformed'],
  [{ name: 'Web 1' }, 'name.malformed'],
] as const)
  test(`${JSON.stringify(request).slice(0, 90)} is refused`, () => assert.throws(() => grant(request), { code }));
