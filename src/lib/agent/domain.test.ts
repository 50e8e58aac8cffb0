import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRoute } from '../routing/route.ts';
import { detectDomain } from './domain.ts';

for (const [own, found, domain] of [
  [[], 'corp.example', 'corp.example'],
  [['10.0.0.0/8'], 'corp.example', 'corp.example'],
  [['db.other.example'], 'corp.example', undefined],
  [[], undefined, undefined],
  [[], 'not a name', undefined],
] as const) {
  test(`with ${own.join() || 'nothing'} configured and ${found} found: ${domain}`, async () => {
    const routes = own.map((text) => parseRoute(text));
    assert.equal(await detectDomain(routes, async () => found), domain);
  });
}
