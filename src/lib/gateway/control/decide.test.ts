import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUILT_IN } from '../../policy/rules.ts';
import { rankCandidates } from '../../routing/candidates.ts';
import { parseRoute } from '../../routing/route.ts';
import { parseSitedTarget } from '../../routing/sited-target.ts';
import { type Carriers, decide } from './decide.ts';
import type { KnownAgent } from './known-agent.ts';

const agent = (name: string, routes: string, more: Partial<KnownAgent> = {}): KnownAgent => ({
  id: `id-${name}`,
  name,
  online: true,
  site: null,
  weight: 100,
  onOffline: 'next',
  advertisedAt: 0,
  routes: routes.split(' ').map((text) => parseRoute(text)),
  allowed: [],
  refused: [],
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

const among = (known: readonly KnownAgent[]): Carriers => ({
  candidates: (target, explicit) => rankCandidates(target, known, explicit ?? undefined),
  find: (asked) => known.find(({ name, id }) => name === asked || id === asked),
});

interface Asked {
  readonly alternates?: readonly string[];
  readonly agent?: string;
  readonly granted?: readonly string[] | null;
  readonly targets?: readonly string[] | null;
}

const ask = (target: string, { alternates = [], agent: explicitAgent, granted = null, targets = null }: Asked = {}) =>
  decide(
    {
      target: parseSitedTarget(target),
      alternates: alternates.map((text) => parseSitedTarget(text)),
      explicitAgent: explicitAgent ?? null,
      operator: { name: 'alice', agents: granted, targets },
    },
    among(agents),
    BUILT_IN,
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

const sites = [
  agent('berlin', '10.0.0.0/24', { site: 'berlin', advertisedAt: 1 }),
  agent('oslo', '10.0.0.0/24', { site: 'oslo', advertisedAt: 2 }),
  agent('heavy', '10.0.0.0/24', { weight: 200 }),
  agent('wide', '10.0.0.0/8'),
];
for (const [target, explicit, ways] of [
  ['10.0.0.5:22', null, ['heavy', 'oslo', 'berlin', 'wide']],
  ['10.0.0.5:22@berlin', null, ['berlin']],
  ['10.0.0.5:22@berlin', 'berlin', ['berlin']],
  ['10.0.0.5:22@berlin', 'oslo', 'agent oslo is not at site berlin'],
  ['10.0.0.5:22@rome', null, 'no agent carries 10.0.0.5:22@rome'],
] as const) {
  test(`${target}${explicit === null ? '' : ` by ${explicit}`}: ${ways}`, () => {
    const decided = decide({ target: parseSitedTarget(target), alternates: [], explicitAgent: explicit, operator: null }, among(sites), BUILT_IN);
    const { decision } = decided.record;
    assert.deepEqual(decision.via === 'none' ? decision.reason : decided.ways.map((way) => way.agent.name), ways);
    assert.ok(decided.ways.every((way) => way.target === '10.0.0.5:22'));
  });
}

const away = { online: false, onOffline: 'fail' } as const;
for (const [what, known, granted, ways, standings] of [
  ['goes on by default', [agent('a', '10.0.0.0/24', { online: false }), agent('wide', '10.0.0.0/8')], null, ['wide'], ['offline', 'usable']],
  ['goes nowhere else', [agent('a', '10.0.0.0/24', away), agent('wide', '10.0.0.0/8')], null, [], ['offline', 'withheld']],
  [
    'is carried by its equal',
    [agent('a', '10.0.0.0/24', away), agent('b', '10.0.0.0/24'), agent('wide', '10.0.0.0/8')],
    null,
    ['b', 'wide'],
    ['offline', 'usable', 'usable'],
  ],
  [
    'is no matter to those above',
    [agent('a', '10.0.0.0/24'), agent('b', '10.0.0.0/16', away), agent('wide', '10.0.0.0/8')],
    null,
    ['a'],
    ['usable', 'offline', 'withheld'],
  ],
  ['is no matter to who may not use it', [agent('a', '10.0.0.0/24', away), agent('wide', '10.0.0.0/8')], ['wide'], ['wide'], ['denied', 'usable']],
  [
    'goes nowhere else while it is locked',
    [agent('a', '10.0.0.0/24', { ...away, barred: { by: 'locked', lock: null, text: 'agent a is locked' } }), agent('wide', '10.0.0.0/8')],
    null,
    [],
    ['denied', 'withheld'],
  ],
] as const) {
  test(`a route whose agents are offline ${what}`, () => {
    const request = {
      target: parseSitedTarget('10.0.0.5:22'),
      alternates: [],
      explicitAgent: null,
      operator: { name: 'alice', agents: granted, targets: null },
    };
    const { record, ways: decided } = decide(request, among(known), BUILT_IN);
    assert.deepEqual(
      decided.map((way) => way.agent.name),
      ways,
    );
    assert.deepEqual(record.candidates.map(({ standing }) => standing).sort(), [...standings].sort());
    if (ways.length === 0) assert.equal(record.decision.via, 'none');
  });
}

test('an agent that failed this target a moment ago is tried after the others, and the record says so', () => {
  const request = { target: parseSitedTarget('10.0.0.5:22'), alternates: [], explicitAgent: null, operator: null };
  const { record, ways } = decide(request, among(agents), BUILT_IN, (name, target) =>
    name === 'narrow' && target === '10.0.0.5:22' ? 'target.timed-out' : null,
  );
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
