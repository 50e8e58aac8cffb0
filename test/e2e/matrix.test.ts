// Every command under --json, with good and with each class of bad input: one document alone on standard output, as it is declared, with the exit code of its
// error. What came of it is docs/json/matrix.md; UPDATE=1 writes it anew.
import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readCommands, root } from '../../scripts/read-commands.ts';
import { startChain } from '../support/chain.ts';
import { type Finished, succeed, temporaryFolder } from '../support/cli.ts';
import { CommandPool } from '../support/command-pool.ts';
import { badRows, FOLDERS, type Folder, goodRows, type Row, unknownCommands } from '../support/matrix-rows.ts';
import { assertPromised } from '../support/promised.ts';

const TABLE = `${root}docs/json/matrix.md`;
const AT_ONCE = 3;

test('every command with every class of input', { timeout: 240_000 }, async (t) => {
  const commands = await readCommands();
  const unknown = unknownCommands(commands);
  assert.deepEqual(unknown, [], `test/support/matrix-rows.ts does not say how to run ${unknown.join(', ')}: CONTRIBUTING.md, Commands`);
  const folder = temporaryFolder(t);
  const chain = await startChain(t, { gatewayFlags: ['--proxy-listen', '127.0.0.1:0'] });
  const places = await prepare(folder, chain);
  await using pool = new CommandPool(AT_ONCE);
  const lines: string[] = [];
  const wrong: string[] = [];
  const judge = async ({ command, input, args, exits }: Row) => {
    const typed = [...command.split(':'), ...args.map((arg) => inPlace(arg, places)), '--json'];
    const finished = await pool.run(typed);
    await assertPromised(typed, finished).catch((error: Error) => wrong.push(error.message));
    const shown = `tunnel ${command.replace(':', ' ')} ${args.join(' ')}`.trim();
    if (!exits.includes(finished.code ?? -1)) wrong.push(`${input}: ${shown}: exit ${finished.code}\n${finished.stdout}${finished.stderr}`);
    lines.push(`| ${command.replace(':', ' ')} | ${input} | \`${shown}\` | ${finished.code} | ${errorOf(finished)} |`);
  };

  await Promise.all(badRows(commands).map(judge));
  for (const row of goodRows(commands)) {
    if ('elsewhere' in row) lines.push(`| ${row.command.replace(':', ' ')} | good | [${row.elsewhere}](../../${row.elsewhere}) | | |`);
    else await judge(row);
  }
  assert.deepEqual(wrong, []);
  const table = `${head}${lines.sort().join('\n')}\n`;
  if (process.env['UPDATE'] === '1') writeFileSync(TABLE, table);
  assert.equal(table, readFileSync(TABLE, 'utf8'), 'docs/json/matrix.md is out of date: UPDATE=1 node --test test/e2e/matrix.test.ts');
});

const head = `<!-- Written by UPDATE=1 node --test test/e2e/matrix.test.ts, which runs all of it. -->
# What each command answers

Every command with \`--json\`, with good input and with each class of bad input: exit code and \`error.code\`. Each prints one document and nothing else on
standard output. GATEWAY, AGENT and LOGIN are folders that are in order; LOOSE_GATEWAY, LOOSE_AGENT and LOOSE_LOGIN can be read by others, FAR_LOGIN and LAST_LOGIN are of a
gateway that does not answer, STOPPED_GATEWAY is of one that does not run, EMPTY and NEW hold nothing, FILES holds files for the rows.
Where a row links to a test, that test runs the command with good input.

| command | input | typed | exit | error.code |
| --- | --- | --- | --- | --- |
`;

function errorOf({ stdout }: Finished): string {
  const document = JSON.parse(stdout) as { error?: { code: string } };
  return document.error?.code ?? '';
}

function inPlace(arg: string, places: Readonly<Record<Folder, string>>): string {
  return arg.replace(/^[A-Z_]{3,}/, (name) => places[name as Folder] ?? name);
}

async function prepare(folder: string, chain: { gatewayFolder: string; agentFolder: string }): Promise<Record<Folder, string>> {
  const places = Object.fromEntries(FOLDERS.map((name) => [name, join(folder, name.toLowerCase())])) as Record<Folder, string>;
  Object.assign(places, { GATEWAY: chain.gatewayFolder, AGENT: chain.agentFolder });
  for (const name of ['EMPTY', 'NEW', 'FILES'] as const) mkdirSync(places[name], { mode: 0o700 });
  const mint = ['token', 'mint', '--data-dir', chain.gatewayFolder];
  const file = (name: string) => join(places.FILES, name);
  await Promise.all([
    succeed([...mint, '--kind', 'admin', '--name', 'root', '--out', file('root.token')]),
    succeed([...mint, '--kind', 'operator', '--name', 'bob', '--out', file('bob.token')]),
    succeed([...mint, '--kind', 'agent', '--name', 'spare', '--out', file('spare.token')]),
  ]);
  await succeed(['login', '--token-file', file('root.token'), '--config-dir', places.LOGIN]);
  writeFileSync(file('nonsense'), 'nonsense', { mode: 0o600 });
  writeFileSync(file('checks.yaml'), 'checks: [{target: "192.0.2.1:22", reachable: false, code: route.none}]');
  writeFileSync(file('policy.yaml'), 'version: 1\nallow: [{operators: ["*"]}]\n');
  writeFileSync(file('policy-tests.yaml'), 'tests: [{as: alice, target: "127.0.0.1:22", expect: allow}]\n');
  const login = JSON.parse(readFileSync(join(places.LOGIN, 'login.json'), 'utf8')) as Record<string, unknown>;
  for (const far of [places.FAR_LOGIN, places.LAST_LOGIN]) {
    mkdirSync(far, { mode: 0o700 });
    writeFileSync(join(far, 'login.json'), JSON.stringify({ ...login, gateway: 'https://127.0.0.1:1' }), { mode: 0o600 });
  }
  for (const [loose, sound] of [
    ['LOOSE_LOGIN', 'LOGIN'],
    ['LOOSE_AGENT', 'AGENT'],
    ['LOOSE_GATEWAY', 'GATEWAY'],
    ['STOPPED_GATEWAY', 'GATEWAY'],
  ] as const) {
    cpSync(places[sound], places[loose], { recursive: true, filter: (path) => !path.endsWith('.sock') });
    if (loose === 'STOPPED_GATEWAY') continue;
    chmodSync(places[loose], 0o755);
    for (const entry of readdirSync(places[loose], { withFileTypes: true })) if (entry.isFile()) chmodSync(join(places[loose], entry.name), 0o644);
  }
  return places;
}
