import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readChecks } from './file.ts';
import { junit } from './junit.ts';

const read = (text: string) => readChecks('smoke.yaml', text);

test('YAML and JSON say the same, with what is left out filled in', async () => {
  const yaml = await read(
    'checks:\n  # the jump host\n  - target: 10.0.0.5:22\n    banner: SSH-2.0\n  - {target: "[2001:DB8::7]:80", reachable: false, code: policy.denied, within: 500ms}\n',
  );
  const json = await read(
    JSON.stringify({
      checks: [
        { target: '10.0.0.5:22', banner: 'SSH-2.0' },
        { target: '[2001:DB8::7]:80', reachable: false, code: 'policy.denied', within: '500ms' },
      ],
    }),
  );
  assert.deepEqual(yaml, json);
  assert.deepEqual(
    yaml.map(({ name, target, withinMs, reachable }) => [name, target, withinMs, reachable]),
    [
      ['10.0.0.5:22', '10.0.0.5:22', 10_000, true],
      ['[2001:db8::7]:80', '[2001:db8::7]:80', 500, false],
    ],
  );
});

for (const [text, code, said] of [
  ['', 'config.invalid', /the whole/],
  ['checks: []', 'config.invalid', /checks/],
  ['checks: [', 'config.invalid', /smoke\.yaml/],
  ['checks: [{target: "a:1", bannner: x}]', 'config.invalid', /bannner/],
  ['checks: [{target: "10.0.0.5"}]', 'target.malformed', /checks\.0\.target/],
  ['checks: [{target: "a.b:1", within: soon}]', 'duration.malformed', /checks\.0\.within/],
  ['checks: [{target: "a.b:1", banner: x, http: {}}]', 'config.invalid', /one check each/],
  ['checks: [{target: "a.b:1", reachable: false, agent: web1}]', 'config.invalid', /not reachable/],
  ['checks: [{target: "a.b:1", code: policy.denied}]', 'config.invalid', /reachable: false/],
  ['a: &a [1]\nchecks: *a', 'config.invalid', /./],
] as const) {
  test(`${JSON.stringify(text)} is ${code}`, () => assert.rejects(read(text), { code, message: said }));
}

test('JUnit counts, and text from elsewhere stays text', () => {
  const result = { name: 'a "<b>" & \u001b[31m', target: 'a.b:1', agent: null, ms: 1234, code: 'route.none' };
  const xml = junit([
    { ...result, passed: false, reason: 'no <agent>' },
    { ...result, passed: true, reason: null },
  ]);
  assert.match(xml, /<testsuite name="tunnel check" tests="2" failures="1" errors="0" skipped="0" time="2\.468">/);
  assert.match(xml, /name="a &quot;&lt;b&gt;&quot; &amp; \?\[31m"/);
  assert.match(xml, /<failure type="route\.none" message="no &lt;agent&gt;"\/>/);
});
