// The command line is an interface: its snapshot, its help, its manifest and its man pages are what the commands say.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { generated } from '../scripts/generated.ts';
import { readCommands, root } from '../scripts/read-commands.ts';
import { readPromised } from '../scripts/read-results.ts';
import { pageName } from '../src/lib/cli/manual.ts';

const commands = await readCommands();

test('the commands are seen', () => assert.ok(commands.length >= 20, `${commands.length}`));

test('what is generated is current: npm run generate', async () => {
  const files = await generated(commands);
  for (const [path, content] of files) assert.ok(readFileSync(`${root}${path}`, 'utf8') === content, `${path} is out of date`);
  const there = globSync(['man/*.[15]', 'docs/json/*.json'], { cwd: root }).map((path) => path.replaceAll('\\', '/'));
  assert.deepEqual(there.sort(), [...files.keys()].filter((path) => /^(man\/.*\.[15]|docs\/json\/.*\.json)$/.test(path)).sort());
});

for (const { id, summary, examples, args, flags } of commands) {
  test(`help of ${pageName(id)}`, () => {
    assert.match(summary ?? '', /^[A-Z].*\.$/, 'summary');
    assert.ok(/ on /.test(summary ?? ''), 'the summary says on which machine it runs');
    assert.ok((examples ?? []).length > 0, 'examples');
    for (const example of examples ?? []) assert.match(String(example), /<%= config\.bin %> /);
    for (const arg of Object.values(args)) assert.ok(arg.description, `argument ${arg.name} has no description`);
    for (const flag of Object.values(flags)) {
      assert.match(flag.summary ?? '', /^[A-Z].*\.$/, `--${flag.name} has no summary`);
      assert.match(flag.env ?? '', /^TUNNEL_[A-Z_]+$/);
      assert.notEqual(flag.env, 'TUNNEL_TOKEN');
      assert.notEqual(flag.env, 'TUNNEL_URL');
      assert.notEqual(flag.env, 'TUNNEL_METRICS');
    }
  });
}

for (const { id } of commands) {
  test(`what ${pageName(id)} prints under --json is declared`, async () => {
    const { result, events } = await readPromised(id);
    assert.ok(result !== undefined || events.size > 0, `src/commands/${id.replaceAll(':', '/')}.ts has no static result or events: CONTRIBUTING.md, Commands`);
  });
}

test('each flag has a variable of its own in its topic, and the page of its command names it', () => {
  for (const { id, flags, hidden } of commands) {
    const variables = Object.values(flags).map(({ env }) => env ?? '');
    assert.equal(new Set(variables).size, variables.length, id);
    if (hidden) continue;
    const [, environment = ''] = readFileSync(`${root}man/${pageName(id)}.1`, 'utf8').split('.Sh ENVIRONMENT');
    for (const variable of variables) assert.ok(environment.includes(`.It Ev ${variable}\n`), `${pageName(id)} says nothing of ${variable}`);
  }
});

test('secrets come from files and standard input, never from a flag', () => {
  const flags = commands.flatMap(({ flags: own }) => Object.keys(own));
  assert.deepEqual(
    flags.filter((name) => /^(token|password|secret|key|credential)$/.test(name)),
    [],
  );
});
