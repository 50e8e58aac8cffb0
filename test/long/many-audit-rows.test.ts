// A long audit log: verified, filtered and replayed in bounded memory, and whatever was changed in it found by its number. FULL=1 for a million rows.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { type Finished, start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';
import { addAuditRows, madeRow } from '../support/many-audit-rows.ts';
import { growthDuring } from '../support/memory-watch.ts';
import { peakMemory, peakMiB } from '../support/peak-memory.ts';

const ROWS = process.env['FULL'] === '1' ? 1_000_000 : 100_000;
/** Whatever the number of rows: a command that lists ten of them holds 130 to 150. */
const MOST_MIB = 320;
/** The store's cache and garbage: 118 were measured at a million rows. */
const MOST_GROWTH_MIB = 180;
/** Of one page, by a gateway on a machine with other work. */
const PAGE_MS = 3000;

interface Log {
  readonly gateway: string;
  /** Runs a command on it, and says what it took. */
  readonly measured: (...args: string[]) => Promise<Finished>;
}

async function longLog(t: TestContext): Promise<Log> {
  const folder = temporaryFolder(t);
  const [gateway, peak] = [join(folder, 'gw'), join(folder, 'peak')];
  await succeed(['ca', 'init', '--data-dir', gateway]);
  const began = performance.now();
  await addAuditRows(join(gateway, 'gateway.db'), ROWS, Date.now());
  t.diagnostic(`${ROWS} rows made in ${seconds(began)}`);
  return {
    gateway,
    async measured(...args) {
      const began = performance.now();
      const finished = await tunnel([...args, '--data-dir', gateway, '--json'], { env: peakMemory(peak) });
      t.diagnostic(`${args.join(' ')}: ${seconds(began)}, ${peakMiB(peak)} MiB`);
      assert.ok(peakMiB(peak) <= MOST_MIB, `${args.join(' ')} held ${peakMiB(peak)} MiB`);
      return finished;
    },
  };
}

const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(2)} s`;

function changed(gateway: string, ...statements: readonly string[]): void {
  const database = new DatabaseSync(join(gateway, 'gateway.db'));
  for (const trigger of ['audit_no_update', 'audit_no_delete']) database.exec(`drop trigger if exists ${trigger}`);
  for (const statement of statements) database.exec(statement);
  database.close();
}

test(`${ROWS} rows: whole as they are; an edited, a removed and a moved one found by number`, async (t) => {
  const { gateway, measured } = await longLog(t);
  const whole = await measured('audit', 'verify');
  assert.deepEqual([whole.code, whole.json()['rows'], whole.json()['faults']], [0, ROWS + 1, []]);
  const [edited, removed, moved] = [Math.floor(ROWS * 0.1), Math.floor(ROWS * 0.5), Math.floor(ROWS * 0.9)];
  changed(
    gateway,
    `update audit set detail = replace(detail, 'web', 'db') where seq = ${edited}`,
    `delete from audit where seq = ${removed}`,
    `update audit set seq = -1 where seq = ${moved}`,
    `update audit set seq = ${moved} where seq = ${moved + 1}`,
    `update audit set seq = ${moved + 1} where seq = -1`,
  );
  const found = await measured('audit', 'verify');
  assert.equal(found.code, 1);
  assert.match(
    String((found.json()['error'] as { message: string }).message),
    new RegExp(`row ${edited} edited, row ${removed} missing, row ${moved} edited, row ${moved + 1} edited`),
  );
});

test(`${ROWS} rows: a running gateway filters and is verified in bounded memory`, async (t) => {
  const { gateway, measured } = await longLog(t);
  const began = performance.now();
  const running = start(t, ['gateway', 'start', '--data-dir', gateway, '--listen', '127.0.0.1:0']);
  await running.event('ready');
  t.diagnostic(`the gateway was ready after ${seconds(began)}`);
  const pid = running.child.pid ?? 0;
  const filters: [number, ...string[]][] = [
    [100, '--code', 'channel.opened'],
    [100, '--code', 'channel'],
    [0, '--code', 'agent'],
    [100, '--actor', 'operator:op3', '--since', '1h'],
    [0, '--actor', 'operator:nobody'],
    [100, '--subject', 'target:10.0.3.4:22'],
    [100, '--since', '30m', '--code', 'session'],
    [100, '--since', '2h', '--until', '1h'],
    [100, '--after', String(Math.floor(ROWS * 0.9)), '--code', 'channel.ended'],
  ];
  const grown = await growthDuring(pid, async () => {
    for (const [most, ...filter] of filters) {
      const began = performance.now();
      const rows = (await measured('audit', ...filter)).json()['rows'] as { seq: number }[];
      assert.equal(rows.length, most, filter.join(' '));
      assert.ok(performance.now() - began <= PAGE_MS, `${filter.join(' ')} took ${seconds(began)}`);
    }
    assert.equal((await measured('audit', 'verify')).code, 0);
  });
  t.diagnostic(`the gateway grew by ${Math.round(grown / 1024 / 1024)} MiB`);
  assert.ok(grown <= MOST_GROWTH_MIB * 1024 * 1024, `${grown} bytes`);
});

test(`${ROWS} rows of a day through policy diff: the policy in force changes nothing, another one exactly what it says`, async (t) => {
  const { gateway, measured } = await longLog(t);
  const running = start(t, ['gateway', 'start', '--data-dir', gateway, '--listen', '127.0.0.1:0']);
  await running.event('ready');
  const requests = Array.from({ length: ROWS }, (_, of) => madeRow(of)).filter(({ code }) => code === 'channel.opened');
  const file = join(gateway, '..', 'policy.json');
  const rules = Array.from({ length: 20 }, (_, of) => ({ operators: [`op${of}`], agents: ['web*'], targets: ['10.0.0.0/8:22'] }));
  const write = (allow: readonly object[]) => writeFileSync(file, JSON.stringify({ version: 1, allow }));
  write(rules);
  await succeed(['policy', 'set', file, '--data-dir', gateway]);
  const same = (await measured('policy', 'diff', file, '--since', '2d')).json();
  assert.deepEqual([same['requests'], same['differences'], same['truncated']], [requests.length, [], false]);

  write(rules.map((rule) => (rule.operators[0] === 'op3' ? { ...rule, targets: ['10.0.0.0/8:443'] } : rule)));
  const other = (await measured('policy', 'diff', file, '--since', '2d')).json();
  const differences = other['differences'] as { change: string; operator: string; target: string; agent: string; count: number }[];
  const wanted = Map.groupBy(
    requests.filter(({ actor }) => actor === 'operator:op3'),
    ({ subject }) => subject.slice('target:'.length),
  );
  const listed = (rows: Iterable<readonly [string, number]>) => [...rows].sort(([one], [two]) => (one < two ? -1 : 1));
  assert.deepEqual(
    listed(differences.map(({ target, count }) => [target, count] as const)),
    listed([...wanted].map(([target, { length }]) => [target, length] as const)),
  );
  assert.ok(differences.every(({ change, operator }) => change === 'refused' && operator === 'op3'));
});
