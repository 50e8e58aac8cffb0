import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RoutingAgent, rankCandidates } from './candidates.ts';
import { parseRoute } from './route.ts';
import { parseSitedTarget } from './sited-target.ts';

const agent = (name: string, routes: string, more: Partial<RoutingAgent> = {}): RoutingAgent => ({
  id: `id-${name}`,
  name,
  online: true,
  site: null,
  weight: 100,
  advertisedAt: 0,
  bareNamesAreSuffixes: false,
  routes: routes
    .split(' ')
    .filter(Boolean)
    .map((text) => parseRoute(text)),
  ...more,
});

const agents = [
  agent('wide', '10.0.0.0/8 *.example'),
  agent('narrow', '10.1.0.0/16 *.corp.example'),
  agent('narrow-later', '10.1.0.0/16', { advertisedAt: 5 }),
  agent('exact', 'db.corp.example fd00::/64'),
  agent('released', 'corp.example', { bareNamesAreSuffixes: true }),
  agent('off', '10.1.2.0/24', { online: false }),
];

for (const [target, expected] of [
  ['10.9.0.1:22', ['wide']],
  ['10.1.0.1:22', ['narrow-later', 'narrow', 'wide']],
  ['10.1.2.3:22', ['off', 'narrow-later', 'narrow', 'wide']],
  ['db.corp.example:22', ['exact', 'narrow', 'wide', 'released']],
  ['corp.example:22', ['released', 'wide']],
  ['example:22', []],
  ['[fd00::9]:22', ['exact']],
  ['[fd01::9]:22', []],
] as const) {
  test(`${target} goes to ${expected.join(', ') || 'nobody'}`, () => {
    assert.deepEqual(
      rankCandidates(parseSitedTarget(target), agents).map(({ agent: { name } }) => name),
      expected,
    );
  });
}

test('an explicit agent is the only candidate, by name or id, with or without a route', () => {
  for (const [asked, found] of [
    ['wide', ['wide']],
    ['id-exact', ['exact']],
    ['nobody', []],
  ] as const) {
    assert.deepEqual(
      rankCandidates(parseSitedTarget('10.1.0.1:22'), agents, asked).map(({ agent: { name }, rule }) => (rule === 'explicit' ? name : rule)),
      found,
    );
  }
});
