// Holds the tree (docs/tree.md): a folder of src/lib may import itself and what its line names, nothing else.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const lib = join(root, 'src/lib');

const LAYERS: Record<string, readonly string[]> = {
  base: [],
  routing: ['base'],
  policy: ['base', 'routing'],
  sessions: ['base'],
  audit: ['base', 'routing', 'policy', 'sessions'],
  protocol: ['base', 'routing', 'sessions'],
  tokens: ['base'],
  pki: ['base'],
  system: ['base'],
  streams: ['base'],
  transport: ['base', 'streams'],
  link: ['base', 'protocol', 'transport', 'streams'],
  store: ['base', 'routing', 'policy', 'sessions', 'audit'],
  api: ['base', 'routing', 'policy', 'sessions', 'audit', 'tokens', 'pki'],
  gateway: ['base', 'routing', 'policy', 'sessions', 'audit', 'protocol', 'tokens', 'pki', 'system', 'streams', 'transport', 'link', 'store', 'api'],
  agent: ['base', 'routing', 'policy', 'sessions', 'audit', 'protocol', 'tokens', 'pki', 'system', 'streams', 'transport', 'link', 'api'],
  operator: ['base', 'routing', 'policy', 'sessions', 'audit', 'protocol', 'tokens', 'pki', 'system', 'streams', 'transport', 'link', 'api'],
  access: ['base', 'tokens', 'api', 'system', 'gateway', 'operator'],
  quickstart: ['base', 'routing', 'api', 'system', 'streams', 'gateway', 'agent', 'operator', 'access'],
  doctor: ['base', 'routing', 'protocol', 'pki', 'system', 'streams', 'transport', 'api', 'gateway', 'agent', 'operator'],
  settings: ['base', 'api', 'system', 'gateway', 'agent'],
  cli: ['base', 'api', 'system'],
};

const COMMANDS: readonly string[] = ['base', 'api', 'cli', 'system', 'gateway', 'agent', 'operator', 'access', 'quickstart', 'doctor', 'settings'];

/** Inside gateway/: control and edge import the contract, never each other; the edge has no store and no keys but its own. */
const FORBIDDEN: readonly (readonly [from: RegExp, to: RegExp, why: string])[] = [
  [/^gateway\/edge\//, /^gateway\/(control|start|open)/, 'the edge knows control only by gateway/contract.ts'],
  [/^gateway\/(edge|border)\//, /^(store|pki\/authority|tokens)\//, 'the edge holds neither the database nor a signing key'],
  [/^gateway\/(edge|border)\//, /^gateway\/(edge-process\/|contract-schema)/, "what judges the edge and keeps it alive is control's"],
  [/^gateway\/control\//, /^gateway\/(edge|border)\//, 'control knows the edge only by gateway/contract.ts'],
];

const IMPORT = /(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g;

function importsOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(IMPORT)].map(([, specifier = '']) => relative(lib, join(dirname(file), specifier)).replaceAll('\\', '/'));
}

function wrongArrows(files: readonly string[], allowedFor: (file: string) => readonly string[] | undefined): string[] {
  return files.flatMap((file) => {
    const from = relative(lib, file).replaceAll('\\', '/');
    const allowed = allowedFor(from);
    if (allowed === undefined) return [`${from} is in a folder that the table does not know`];
    return importsOf(file).flatMap((to) => {
      const folder = to.split('/')[0] ?? '';
      const forbidden = FORBIDDEN.find(([a, b]) => a.test(from) && b.test(to));
      if (forbidden !== undefined) return [`${from} -> ${to}: ${forbidden[2]}`];
      return folder === '..'
        ? to.startsWith('../types/')
          ? []
          : [`${from} -> ${posix.normalize(to)} leaves src/lib`]
        : allowed.includes(folder)
          ? []
          : [`${from} -> ${to}`];
    });
  });
}

const sources = globSync('**/*.ts', { cwd: lib }).map((file) => join(lib, file));
const product = sources.filter((file) => !file.endsWith('.test.ts'));
const commands = globSync('src/commands/**/*.ts', { cwd: root }).map((file) => join(root, file));

test('the layer test sees the files', () => {
  assert.ok(product.length > 50, `only ${product.length} files of src/lib`);
  assert.ok(commands.length > 5, `only ${commands.length} commands`);
  assert.ok(product.flatMap(importsOf).length > 100);
});

test('arrows in src/lib point down', () => {
  const wrong = wrongArrows(product, (from) => {
    const folder = from.split('/')[0] ?? '';
    const allowed = LAYERS[folder];
    return allowed && [...allowed, folder];
  });
  assert.deepEqual(wrong, []);
});

test('commands import only what keeps them thin', () => {
  assert.deepEqual(
    wrongArrows(commands, () => COMMANDS),
    [],
  );
});

test('the check itself sees a wrong arrow', () => {
  const [file] = product.filter((candidate) => importsOf(candidate).some((to) => to.startsWith('base/') && !candidate.includes('/base/')));
  assert.ok(file);
  assert.notDeepEqual(
    wrongArrows([file], () => []),
    [],
  );
});

/** Time, randomness, sockets and files come from World: nothing below system/ and the engines takes them itself. */
const TAKES_THE_WORLD =
  /\bDate\.now\(|\bnew Date\(\)|\bsetTimeout\(|\bsetInterval\(|\bMath\.random\(|\bperformance\.now\(|from 'node:(net|fs|fs\/promises|dgram|dns|dns\/promises)'/;
/** Names that ask nothing of the system. */
const PURE_IMPORTS = /^import (type .*|\{ isIP \}) from 'node:.*';$/gm;
const MAY_TAKE_IT = /^(system|store\/worker|cli|quickstart)/;

test('nothing but system/ reads clocks, dice, sockets or files by itself', () => {
  const takers = product
    .map((file) => [relative(lib, file).replaceAll('\\', '/'), readFileSync(file, 'utf8').replaceAll(PURE_IMPORTS, '')] as const)
    .filter(([name, text]) => !MAY_TAKE_IT.test(name) && TAKES_THE_WORLD.test(text))
    .map(([name, text]) => `${name}: ${TAKES_THE_WORLD.exec(text)?.[0]}`);
  assert.deepEqual(takers, []);
});

test('the first line of each file says what it decides', () => {
  const silent = [...product, ...commands].filter((file) => !readFileSync(file, 'utf8').startsWith('//'));
  assert.deepEqual(
    silent.map((file) => relative(root, file)),
    [],
  );
});
