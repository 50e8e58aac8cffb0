import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRoute } from '../../routing/route.ts';
import { parseTarget } from '../../routing/target.ts';
import { decide } from './decide.ts';
import type { KnownAgent } from './registry.ts';

const agent = (name: string, routes: string, more: Partial<KnownAgent> = {}): KnownAgent => ({
  id: `id-${name}`,
  name,
  online: true,
  advertisedAt: 0,
  routes: routes.split(' ').map((text) => parseRoute(text)),
  allowed: [],
  ports: [[22, 22]],
  os: 'linux',
  lastSeen: null,
  bareNamesAreSuffixes: false,
  autoDetected: new Set(),
  barred: null,
  link: null,
  flapping: false,
  ...more,
});

const agents = [
  agent('wide', '10.0.0.0/8'),
  agent('narrow', '10.0.0.0/24'),
  agent('asleep', '10.0.0.0/28 172.16.0.0/12', { online: false }),
  agent('names', '*.corp.example fd00::/64'),
  agent('web', '10.9.0.0/16', { ports: [[80, 80]] }),
];

interface Asked {
  readonly alternates?: readonly string[];
  readonly agent?: string;
  readonly granted?: readonly string[] | null;
  readonly targets?: readonly string[] | null;
}

const ask = (target: string, { alternates = [], agent: explicitAgent, granted = null, targets = null }: Asked = {}) =>
  decide(
    {
      target: parseTarget(target),
      alternates: alternates.map((text) => parseTarget(text)),
      explicitAgent: explicitAgent ?? null,
      operator: { name: 'alice', agents: granted, targets },
    },
    agents,
  );

for (const [target, asked, ways] of [
  ['10.0.0.5:22', {}, ['narrow>10.0.0.5:22', 'wide>10.0.0.5:22']],
  ['10.0.0.5:22', { granted: ['wide'] }, ['wide>10.0.0.5:22']],
  ['10.0.0.5:22', { agent: 'wide' }, ['wide>10.0.0.5:22']],
  ['10.0.0.5:22', { granted: ['wide'], targets: ['10.0.0.0/24:22'] }, ['wide>10.0.0.5:22']],
  ['10.0.0.9:22', { targets: ['*.corp.example:22'], alternates: ['a.corp.example:22'] }, ['names>a.corp.example:22']],
  ['a.corp.example:22', {}, ['names>a.corp.example:22']],
  ['[fd00::1]:22', {}, ['names>[fd00::1]:22']],
  ['172.16.0.1:22', { alternates: ['a.corp.example:22', '[fd00::1]:22'] }, ['names>a.corp.example:22', 'names>[fd00::1]:22']],
  ['10.1.0.1:22', { alternates: ['a.corp.example:22'] }, ['wide>10.1.0.1:22', 'names>a.corp.example:22']],
  ['10.1.0.1:22', { agent: 'names' }, ['names>10.1.0.1:22']],
  ['10.9.0.1:80', {}, ['web>10.9.0.1:80']],
] as const satisfies readonly (readonly [string, Asked, readonly string[]])[]) {
  test(`${target} ${JSON.stringify(asked)} goes by ${ways.join(', ')}`, () => {
    const decided = ask(target, asked);
    assert.deepEqual(
      decided.ways.map((way) => `${way.agent.name}>${way.target}`),
      ways,
    );
    assert.equal(decided.record.decision.via, 'agent');
  });
}

for (const [target, asked, code] of [
  ['192.0.2.1:22', {}, 'route.none'],
  ['corp.example:22', {}, 'route.none'],
  ['172.16.0.1:22', {}, 'agent.offline'],
  ['10.0.0.5:23', {}, 'policy.denied'],
  ['10.0.0.5:22', { targets: ['10.0.0.0/24:80', '10.0.1.0/24:22'] }, 'policy.denied'],
  ['a.corp.example:22', { targets: ['0.0.0.0/0:1-65535'] }, 'policy.denied'],
  ['10.0.0.5:22', { targets: ['10.0.0.5:22'], granted: [] }, 'policy.denied'],
  ['10.0.0.5:22', { granted: [] }, 'policy.denied'],
  ['172.16.0.1:22', { granted: ['wide'] }, 'policy.denied'],
  ['10.0.0.5:22', { agent: 'nobody' }, 'agent.unknown'],
  ['10.0.0.5:22', { agent: 'asleep' }, 'agent.offline'],
] as const satisfies readonly (readonly [string, Asked, string])[]) {
  test(`${target} ${JSON.stringify(asked)} is ${code}`, () => {
    const { record, ways } = ask(target, asked);
    assert.deepEqual(ways, []);
    assert.equal(record.decision.via === 'none' && record.decision.code, code);
  });
}

test('the record names who was skipped, and why', () => {
  assert.deepEqual(
    ask('10.0.0.5:22', { granted: ['narrow', 'asleep'] }).record.candidates.map(({ agent: name, route, standing }) => [name, route, standing]),
    [
      ['asleep', '10.0.0.0/28', 'offline'],
      ['narrow', '10.0.0.0/24', 'usable'],
      ['wide', '10.0.0.0/8', 'denied'],
    ],
  );
});

test('an agent that failed this target a moment ago is tried after the others, and the record says so', () => {
  const request = { target: parseTarget('10.0.0.5:22'), alternates: [], explicitAgent: null, operator: null };
  const { record, ways } = decide(request, agents, (name, target) => (name === 'narrow' && target === '10.0.0.5:22' ? 'target.timed-out' : null));
  assert.deepEqual(
    ways.map((way) => way.agent.name),
    ['wide', 'narrow'],
  );
  assert.deepEqual(
    record.candidates.map(({ agent: name, failed_lately: failed }) => [name, failed]),
    [
      ['asleep', null],
      ['wide', null],
      ['narrow', 'target.timed-out'],
    ],
  );
  assert.deepEqual(record.decision, { via: 'agent', agent: 'wide', route: '10.0.0.0/8', rule: 'subnet' });
});
