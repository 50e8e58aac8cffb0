import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUILT_IN_DOCUMENT, formatPolicy, LONGEST_POLICY, parsePolicyText } from './document.ts';

const FILE = `
# who may reach what
version: 1
groups:
  ops: [alice, bob, alice]
allow:
  - name: ssh to the web
    groups: [ops]
    agents: [web1, 'db-*']
    targets: ['10.0.0.0/24:22', '[FD00::/64]:22', '*.Corp.example:443', '*:80', '10.0.0.0/24:22']
    ports: [443, 22, '1-100']
    kinds: [tcp]
    max_length: 90m
    extendable: true
  - operators: ['*']
`;

test('a file of YAML, the same as JSON, in canonical text; printed and read again it stays', async () => {
  const read = await parsePolicyText(FILE);
  assert.deepEqual(read, {
    version: 1,
    groups: { ops: ['alice', 'bob', 'alice'] },
    allow: [
      {
        name: 'ssh to the web',
        groups: ['ops'],
        agents: ['web1', 'db-*'],
        targets: ['10.0.0.0/24:22', '[fd00::/64]:22', '*.corp.example:443', '*:80'],
        ports: ['1-100', '443'],
        kinds: ['tcp'],
        max_length: '90m',
        extendable: true,
      },
      { operators: ['*'] },
    ],
  });
  assert.deepEqual(await parsePolicyText(JSON.stringify(read)), read);
  assert.deepEqual(await parsePolicyText(await formatPolicy(read)), read);
  assert.deepEqual(await parsePolicyText(await formatPolicy(BUILT_IN_DOCUMENT)), BUILT_IN_DOCUMENT);
});

for (const [text, message] of [
  ['', /the policy/],
  ['version: 2\nallow: []', /^version/],
  ['version: 1', /^allow/],
  ['version: 1\nallow: []\ndeny: []', /deny/],
  ['version: 1\nallow: [{operators: [alice], target: ["*"]}]', /allow\[0\].*target/],
  ['version: 1\nallow: [{agents: [web1]}]', /^allow\[0\]\.operators: name operators or groups/],
  ['version: 1\nallow: [{operators: []}]', /^allow\[0\]\.operators/],
  ['version: 1\nallow: [{operators: alice}]', /^allow\[0\]\.operators/],
  ['version: 1\nallow: [{operators: [Alice]}]', /^allow\[0\]\.operators\[0\]: operator is not a name/],
  ['version: 1\nallow: [{groups: [ops]}]', /^allow\[0\]\.groups: there is no group ops/],
  ['version: 1\ngroups: {ops: [Alice]}\nallow: []', /^groups\.ops\[0\]/],
  ['version: 1\nallow: [{operators: [a], targets: ["10.0.0.5"]}]', /^allow\[0\]\.targets\[0\]: targets has a part/],
  ['version: 1\nallow: [{operators: [a], targets: ["10.0.0.1/24:22"]}]', /^allow\[0\]\.targets\[0\]/],
  ['version: 1\nallow: [{operators: [a], targets: ["010.0.0.1:22"]}]', /^allow\[0\]\.targets\[0\]/],
  ['version: 1\nallow: [{operators: [a], ports: [0]}]', /^allow\[0\]\.ports/],
  ['version: 1\nallow: [{operators: [a], kinds: [udp]}]', /tcp only/],
  ['version: 1\nallow: [{operators: [a], max_length: 90}]', /^allow\[0\]\.max_length/],
  ['version: 1\nallow: [{operators: [a], max_length: 1s}]', /at least 1m/],
  ['version: 1\nallow: [{operators: [a], extendable: true}]', /^allow\[0\]\.extendable/],
  ['version: 1\nallow: [{operators: [a], name: "x\\u001b[31m"}]', /^allow\[0\]\.name/],
  ['version: 1\nversion: 1\nallow: []', /^line 2: .*unique/],
  ['version: 1\nallow: [{operators: [a]}', /^line 2: /],
  ['version: 1\nallow: !!js [x]', /line 2/],
  ['version: 1\nallow: [&a {operators: [b]}, *a]', /aliases/],
  ['version: 1\n---\nversion: 1', /line/],
  ['['.repeat(30_000), /line|deep/],
  [`#${'x'.repeat(LONGEST_POLICY)}`, /more than 60000 bytes/],
] as const)
  test(`no policy: ${JSON.stringify(text.slice(0, 60))}`, async () => {
    await assert.rejects(parsePolicyText(text), { code: 'policy.malformed', message });
  });
