import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contains, parseAddress, parseSubnet } from '../routing/subnet.ts';
import { parseTarget } from '../routing/target.ts';
import { judgeChannel } from './channel.ts';
import { readPolicy } from './document.ts';
import { grantedTargets, judgeConnect, mayReachAgent } from './evaluate.ts';
import { parsePorts } from './ports.ts';
import { BUILT_IN, matchesAgent, policyOf, sessionLimit } from './rules.ts';

const of = (allow: object[], groups: object = {}) => policyOf(readPolicy({ version: 1, groups, allow }), 1);
const alice = { name: 'alice', agents: null, targets: null };
const web1 = { name: 'web1', ports: parsePorts('22,80') };
const judge = (policy: ReturnType<typeof of>, target: string, operator = alice, agent = web1) =>
  judgeConnect({ policy, operator, agent, target: parseTarget(target) });

for (const [what, policy, target, allowed, line] of [
  ['no rule', of([]), '10.0.0.5:22', false, 'policy allows operator alice nothing on agent web1'],
  ['the built-in one', BUILT_IN, '10.0.0.5:22', true, 'operator alice: all agents, ports 22,80'],
  ['everyone', of([{ operators: ['*'] }]), '10.0.0.5:22', true, 'policy rule 1 allows every operator * on agent web1, ports 22,80'],
  [
    'by name',
    of([{ operators: ['bob'] }, { name: 'ssh', operators: ['alice'] }]),
    '10.0.0.5:22',
    true,
    'policy rule 2 (ssh) allows operator alice * on agent web1, ports 22,80',
  ],
  ['by group', of([{ groups: ['ops'] }], { ops: ['alice'] }), '10.0.0.5:22', true, 'policy rule 1 allows group ops * on agent web1, ports 22,80'],
  ['another group', of([{ groups: ['ops'] }], { ops: ['bob'], dev: ['alice'] }), '10.0.0.5:22', false, 'policy allows operator alice nothing on agent web1'],
  ['a pattern of agents', of([{ operators: ['alice'], agents: ['db-*', 'web*'] }]), '10.0.0.5:22', true, undefined],
  ['other agents', of([{ operators: ['alice'], agents: ['db-*'] }]), '10.0.0.5:22', false, undefined],
  [
    'a target',
    of([{ operators: ['alice'], targets: ['10.0.0.0/24:1-100'] }]),
    '10.0.0.5:22',
    true,
    'policy rule 1 allows operator alice 10.0.0.0/24:1-100 on agent web1, ports 22,80',
  ],
  [
    'another target',
    of([{ operators: ['alice'], targets: ['10.0.0.0/24:22'] }]),
    '10.0.1.5:22',
    false,
    'policy allows operator alice other targets than 10.0.1.5:22 on agent web1: rule 1',
  ],
  ['a name is no address', of([{ operators: ['alice'], targets: ['0.0.0.0/0:22', '[::/0]:22'] }]), 'db.example:22', false, undefined],
  [
    'ports',
    of([{ operators: ['alice'], ports: [22, '8000-9000'] }]),
    'db.example:22',
    true,
    'policy rule 1 allows operator alice *:22 on agent web1, ports 22,80',
  ],
  ['other ports', of([{ operators: ['alice'], ports: [22] }]), 'db.example:80', false, undefined],
  ['ports and targets, both must hold', of([{ operators: ['alice'], ports: [80], targets: ['10.0.0.0/24:22'] }]), '10.0.0.5:80', false, undefined],
  ['ports that the agent does not allow', of([{ operators: ['alice'] }]), '10.0.0.5:443', false, 'agent web1 allows ports 22,80, not 443'],
] as const)
  test(`policy: ${what}: ${target} is ${allowed ? 'allowed' : 'denied'}`, () => {
    const verdict = judge(policy, target);
    assert.equal(verdict.allowed, allowed, verdict.line);
    if (line !== undefined) assert.equal(verdict.line, line);
  });

test('login and policy must both allow', () => {
  const policy = of([{ operators: ['alice'], targets: ['10.0.0.0/8:22'] }]);
  assert.ok(judge(policy, '10.0.0.5:22', { ...alice, targets: ['10.0.0.0/24:22'] } as never).allowed);
  assert.ok(!judge(policy, '10.0.1.5:22', { ...alice, targets: ['10.0.0.0/24:22'] } as never).allowed);
  assert.ok(!judge(policy, '10.0.0.5:22', { ...alice, agents: ['web2'] } as never).allowed);
  assert.ok(!mayReachAgent(policy, { ...alice, agents: ['web2'] }, 'web1'));
});

for (const [pattern, name, matches] of [
  ['web1', 'web1', true],
  ['web1', 'web11', false],
  ['*', '', true],
  ['web*', 'web', true],
  ['*-db', 'eu-db', true],
  ['*-db', 'eu-db2', false],
  ['a*b*c', 'aXbYc', true],
  ['a*b*c', 'abc', true],
  ['a*b*c', 'acb', false],
  ['ab*ba', 'aba', false],
  ['*a*a*', 'a', false],
  ['**', 'x', true],
] as const)
  test(`agent ${name} ${matches ? 'is' : 'is not'} one of ${pattern}`, () => assert.equal(matchesAgent(pattern, name), matches));

test('the strictest limit of a session counts, and it is extendable where all that limit it say so', () => {
  const policy = of([
    { operators: ['*'], max_length: '8h', extendable: true },
    { operators: ['alice'], agents: ['web*'], max_length: '60m' },
    { operators: ['bob'], agents: ['web*'] },
  ]);
  assert.deepEqual(sessionLimit(policy, 'alice', 'web1'), { maxLengthMs: 3_600_000, extendable: false });
  assert.deepEqual(sessionLimit(policy, 'bob', 'web1'), { maxLengthMs: 28_800_000, extendable: true });
  assert.deepEqual(sessionLimit(BUILT_IN, 'bob', 'web1'), { maxLengthMs: null, extendable: true });
});

test('what is too much for a session is refused, and scopes inside others cost nothing', () => {
  const many = Array.from({ length: 600 }, (_, at) => `10.${at >> 8}.${at & 255}.0/24:22`);
  assert.throws(() => grantedTargets(of([{ operators: ['alice'], targets: many }]), alice, 'web1'), {
    code: 'limit.reached',
    message: /alice.*web1.*600 scopes/,
  });
  assert.deepEqual(grantedTargets(of([{ operators: ['alice'], targets: [...many, '10.0.0.0/8:1-100'] }]), alice, 'web1'), ['10.0.0.0/8:1-100']);
  assert.deepEqual(grantedTargets(BUILT_IN, alice, 'web1'), ['*']);
});

// The model: no scopes that hold each other, no groups resolved beforehand, nothing remembered; every part of every rule asked anew.
const OPERATORS = ['alice', 'bob', 'carol'];
const AGENTS = ['web1', 'web2', 'db-eu', 'db-us'];
const HOSTS = ['10.0.0.0/8', '10.0.0.0/24', '10.0.0.5', '0.0.0.0/0', '[fd00::/64]', '[fd00::7]', 'a.corp.example', '*.corp.example', '*.example', '*'];
const TARGET_HOSTS = ['10.0.0.5', '10.0.0.6', '10.9.9.9', '192.0.2.1', '[fd00::7]', '[fd00::8]', 'a.corp.example', 'b.corp.example', 'corp.example', 'example'];
const PORTS = ['22', '80', '1-1024', '80-443', '1-65535'];
const TARGET_PORTS = [22, 80, 443, 8080];

const scope = fc.tuple(fc.constantFrom(...HOSTS), fc.constantFrom(...PORTS)).map(([host, ports]) => `${host}:${ports}`);
const some = <T>(one: fc.Arbitrary<T>) => fc.option(fc.array(one, { minLength: 1, maxLength: 4 }), { nil: undefined });
const rule = fc
  .record({
    operators: fc.array(fc.constantFrom(...OPERATORS, '*'), { minLength: 1, maxLength: 2 }),
    groups: some(fc.constantFrom('g1', 'g2')),
    agents: some(fc.constantFrom(...AGENTS, 'web*', '*-eu', '*')),
    targets: some(scope),
    ports: some(fc.constantFrom(...PORTS)),
  })
  .map((fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)));
const policies = fc.record({
  version: fc.constant(1),
  groups: fc.record({ g1: fc.subarray(OPERATORS), g2: fc.subarray(OPERATORS) }),
  allow: fc.array(rule, { maxLength: 4 }),
});
const logins = fc.record({
  name: fc.constantFrom(...OPERATORS),
  agents: fc.option(fc.subarray(AGENTS)),
  targets: fc.option(fc.array(scope, { maxLength: 3 })),
});

interface NaiveRule {
  readonly operators: string[];
  readonly groups?: ('g1' | 'g2')[];
  readonly agents?: string[];
  readonly targets?: string[];
  readonly ports?: string[];
}

function naive(
  policy: { groups: Record<'g1' | 'g2', string[]>; allow: object[] },
  login: { name: string; agents: string[] | null; targets: string[] | null },
  agent: string,
  agentPorts: string,
  target: string,
): boolean {
  const at = target.lastIndexOf(':');
  const [host, port] = [target.slice(0, at), Number(target.slice(at + 1))];
  const inPorts = (ports: string) => {
    const [first, last = first] = ports.split('-').map(Number);
    return first !== undefined && last !== undefined && port >= first && port <= last;
  };
  const inHost = (wanted: string) => {
    if (wanted === '*') return true;
    const bare = wanted.replace(/[[\]]/g, '');
    const address = parseAddress(host.replace(/[[\]]/g, ''));
    if (/^[\d.:a-f/]+$/.test(bare)) return address !== undefined && contains(parseSubnet(bare), address);
    if (address !== undefined) return false;
    return bare.startsWith('*.') ? host.endsWith(bare.slice(1)) : bare === host;
  };
  const inScope = (text: string) => inHost(text.slice(0, text.lastIndexOf(':'))) && inPorts(text.slice(text.lastIndexOf(':') + 1));
  const inPattern = (pattern: string) => new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(agent);
  const byLogin = (login.agents?.includes(agent) ?? true) && (login.targets?.some(inScope) ?? true);
  const byPolicy = (policy.allow as NaiveRule[]).some(
    ({ operators, groups = [], agents = ['*'], targets = ['*:1-65535'], ports = ['1-65535'] }) =>
      (operators.includes('*') || operators.includes(login.name) || groups.some((group) => policy.groups[group].includes(login.name))) &&
      agents.some(inPattern) &&
      targets.some(inScope) &&
      ports.some(inPorts),
  );
  return byLogin && byPolicy && agentPorts.split(',').some(inPorts);
}

test('the gateway judges as a naive model does, and the agent, from session material alone, as the gateway', () => {
  const now = Date.UTC(2026, 0, 1);
  let [allowed, denied] = [0, 0];
  fc.assert(
    fc.property(policies, logins, fc.constantFrom(...AGENTS), fc.constantFrom('22', '80,443', '1-65535'), (written, login, agent, ports) => {
      const policy = policyOf(readPolicy(written), 1);
      const material = { targets: grantedTargets(policy, login, agent), ports: parsePorts(ports), kinds: ['tcp'], expiresAt: now + 1000 };
      for (const host of TARGET_HOSTS)
        for (const port of TARGET_PORTS) {
          const target = `${host}:${port}`;
          const expected = naive(written, login, agent, ports, target);
          const verdict = judgeConnect({ policy, operator: login, agent: { name: agent, ports: parsePorts(ports) }, target: parseTarget(target) });
          assert.equal(verdict.allowed, expected, `gateway: ${target}: ${verdict.line}`);
          assert.equal(judgeChannel(material, 'tcp', parseTarget(target), now).allowed, expected, `agent: ${target}: ${material.targets.join()}`);
          if (expected) allowed += 1;
          else denied += 1;
        }
    }),
    { numRuns: process.env['FULL'] === '1' ? 20_000 : 1000 },
  );
  assert.ok(allowed > 1000 && denied > 1000, `${allowed} allowed, ${denied} denied`);
});
