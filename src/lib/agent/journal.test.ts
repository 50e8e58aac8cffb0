import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { quietWorld } from '../../../test/support/quiet-world.ts';
import { type ChainedRow, ChainVerifier } from '../audit/chain.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { silentLog } from '../system/log.ts';
import { realWorld } from '../system/real-world.ts';
import { Journal } from './journal.ts';
import { Ledger } from './ledger.ts';

const world = realWorld({ log: silentLog });

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'tunnel-journal-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

function rowsOf(directory: string, file = 'audit.jsonl'): ChainedRow[] {
  const text = readFileSync(join(directory, file), 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n')).split('\n');
  return whole.map((line) => JSON.parse(line) as ChainedRow);
}

function faultsOf(rows: readonly ChainedRow[]): string[] {
  const verifier = new ChainVerifier();
  return rows.flatMap((row) => verifier.feed(row)).map(({ seq, what }) => `${seq} ${what}`);
}

const event = (n: number) => ({ code: 'session.opened', actor: 'operator:alice', subject: 'gateway', detail: { n } }) as const;

test('rows are chained, private, and go on behind a restart and behind half a row', async (t) => {
  const directory = folder(t);
  for (const n of [1, 2, 3]) {
    await using journal = await Journal.open(directory, world);
    journal.keep(event(n));
    journal.keep({ ...event(n), actor: 'operator:\u001b[31m' });
    await journal.flush();
    appendFileSync(join(directory, 'audit.jsonl'), '{"seq":99,"ha'); // the power went
  }
  const rows = rowsOf(directory);
  assert.deepEqual(
    rows.map(({ seq }) => seq),
    [1, 2, 3, 4, 5, 6],
  );
  assert.deepEqual(faultsOf(rows), []);
  assert.deepEqual(faultsOf(rows.map((row) => (row.seq === 4 ? { ...row, actor: 'operator:bob' } : row))), ['4 edited']);
  assert.equal(statSync(join(directory, 'audit.jsonl')).mode & 0o777, 0o600);
  assert.ok(!readFileSync(join(directory, 'audit.jsonl'), 'utf8').includes('\u001b['));
});

for (const [what, share] of [
  ['nothing', 0],
  ['half a row', 0.3],
  ['all of it', 1],
] as const) {
  test(`a disk that takes ${what} and fails, twice: no row is lost or doubled, and what was kept before stays`, async (t) => {
    const directory = folder(t);
    writeFileSync(join(directory, 'audit.1.jsonl'), 'of long ago\n', { mode: 0o600 });
    let failures = 0;
    const append = async (path: string, text: string) => {
      if (failures > 0) await world.files.append(path, text.slice(0, text.length * share));
      else return await world.files.append(path, text);
      failures -= 1;
      throw new TunnelError('file.failed', 'cannot write');
    };
    await using journal = await Journal.open(directory, { ...world, files: { ...world.files, append } });
    for (const n of [1, 2, 3]) {
      journal.keep(event(n));
      journal.keep(event(n));
      failures = n === 2 ? 2 : 0;
      await journal.flush();
      if (n === 2) for (let again = 0; again < 2; again += 1) await journal.flush();
    }
    assert.deepEqual(
      rowsOf(directory).map(({ seq, detail }) => [seq, detail['n']]),
      [1, 1, 2, 2, 3, 3].map((n, index) => [index + 1, n]),
    );
    assert.deepEqual(faultsOf(rowsOf(directory)), []);
    assert.equal(readFileSync(join(directory, 'audit.1.jsonl'), 'utf8'), 'of long ago\n');
  });
}

test('what comes while rows are written waits for its own 200 ms', async (t) => {
  const quiet = quietWorld();
  const written: string[] = [];
  const append = async (_path: string, text: string) => {
    written.push(text);
    journal.keep(event(written.length + 1));
  };
  const journal = await Journal.open(folder(t), { ...quiet, files: { ...quiet.files, append } });
  journal.keep(event(1));
  for (const count of [1, 2, 3]) {
    await quiet.clock.advance(199);
    assert.equal(written.length, count - 1);
    await quiet.clock.advance(1);
    assert.equal(written.length, count);
  }
});

test('it never grows beyond two files of the limit, and the chain goes through both', async (t) => {
  const directory = folder(t);
  await using journal = await Journal.open(directory, world);
  const filler = 'x'.repeat(20_000);
  const each = Math.ceil(LIMITS.agentAuditBytes / 20_000);
  for (let round = 0; round < 5; round += 1) {
    for (let n = 0; n < each / 2; n += 1) journal.keep({ ...event(n), detail: { filler } });
    await journal.flush();
    for (const file of ['audit.jsonl', 'audit.1.jsonl']) {
      const size = statSync(join(directory, file), { throwIfNoEntry: false })?.size ?? 0;
      assert.ok(size <= LIMITS.agentAuditBytes * 1.05, `${file} has ${size}`);
    }
  }
  const rows = [...rowsOf(directory, 'audit.1.jsonl'), ...rowsOf(directory)];
  const first = rows[0]?.seq ?? 0;
  assert.ok(first > 1);
  assert.deepEqual(faultsOf(rows).slice(1), []); // what is missing in front is all
});

test('a session is open while it is on any link; mode is tunnel until the last session and channel are gone', () => {
  const rows: string[] = [];
  const ledger = new Ledger({ keep: ({ code, detail }) => void rows.push(`${code} ${detail['reason'] ?? ''}`.trim()) });
  assert.equal(ledger.mode, 'idle');
  const old = ledger.onLink({ transport: 'quic' });
  old.sessionOpened('s1', 'alice');
  old.sessionOpened('s2', 'bob');
  const newer = ledger.onLink({ transport: 'tls' });
  newer.sessionOpened('s1', 'alice');
  assert.deepEqual([ledger.mode, ledger.sessions], ['tunnel', 2]);
  old[Symbol.dispose]();
  assert.equal(ledger.sessions, 1);
  newer.sessionEnded('s1', 'idle');
  assert.deepEqual([ledger.mode, ledger.sessions], ['idle', 0]);
  const channel = { channelId: undefined, sessionId: 's3', target: '10.0.0.5:22' };
  newer.channelOpened(channel, '10.0.0.5:22');
  assert.equal(ledger.mode, 'tunnel');
  newer.channelEnded(channel, { up: 1, down: 2 }, 'closed');
  assert.equal(ledger.mode, 'idle');
  assert.deepEqual(rows, [
    'link.opened',
    'session.opened',
    'session.opened',
    'link.opened',
    'session.ended agent-lost',
    'link.closed',
    'session.ended idle',
    'channel.opened',
    'channel.ended closed',
  ]);
});
