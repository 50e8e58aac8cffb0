// Runs groups of tests with node's own runner: `node scripts/test.ts unit contract e2e`.
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

const GROUPS: Record<string, readonly string[]> = {
  unit: ['src/**/*.test.ts', 'test/*.test.ts'],
  contract: ['test/contract/**/*.test.ts'],
  e2e: ['test/e2e/**/*.test.ts'],
  attack: ['test/attack/**/*.test.ts'],
  net: ['test/net/**/*.test.ts'],
  long: ['test/long/**/*.test.ts'],
};

const groups = process.argv.slice(2);
const patterns = groups.flatMap((group) => GROUPS[group] ?? []);
const files = globSync(patterns, { cwd: root }).sort();
if (files.length === 0) {
  console.error(`no test files for ${groups.join(', ') || 'no group'}; groups are ${Object.keys(GROUPS).join(', ')}`);
  process.exit(2);
}

const limit = groups.includes('long') ? 30 * 60_000 : 300_000;
// Tests reach gateways on loopback; a proxy of this machine is none of their business.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(https?|all|no)_proxy$/i.test(name)));
const run = spawnSync(
  process.execPath,
  ['--test', '--test-concurrency=2', `--test-timeout=${limit}`, '--import', './test/support/no-leaks.ts', '--test-reporter=spec', ...files],
  { cwd: root, env, stdio: 'inherit' },
);
process.exit(run.status ?? 1);
