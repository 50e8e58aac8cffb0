import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ChainedRow, ChainVerifier, chainHash, NO_HASH } from './chain.ts';

function chain(length: number, unchained = 0): ChainedRow[] {
  const rows: ChainedRow[] = [];
  for (let seq = 1; seq <= length; seq += 1) {
    const row = { seq, time: new Date(seq * 1000).toISOString(), code: 'link.opened', actor: 'agent:a', subject: 'agent:a', detail: { n: seq } };
    rows.push({ ...row, hash: seq <= unchained ? null : chainHash(rows.at(-1)?.hash ?? NO_HASH, row) });
  }
  return rows;
}

function faultsOf(rows: readonly ChainedRow[], head = rows.at(-1)): string[] {
  const verifier = new ChainVerifier();
  const faults = rows.flatMap((row) => verifier.feed(row));
  return [...faults, ...verifier.end(head?.hash ? { seq: head.seq, hash: head.hash } : null)].map(({ seq, what }) => `${seq} ${what}`);
}

test('an untouched log is whole, also one that is older than the chain', () => {
  assert.deepEqual(faultsOf(chain(50)), []);
  assert.deepEqual(faultsOf(chain(50, 20)), []);
  assert.deepEqual(faultsOf([]), []);
});

test('whatever is edited, removed or moved is found by its number', () => {
  const rows = chain(40);
  const at = fc.integer({ min: 1, max: 40 });
  fc.assert(
    fc.property(at, fc.constantFrom('time', 'actor', 'subject', 'code', 'hash'), (seq, field) => {
      const edited = rows.map((row) => (row.seq === seq ? { ...row, [field]: `${row[field as 'actor']}x` } : row));
      assert.ok(faultsOf(edited, rows.at(-1)).includes(`${seq} edited`));
    }),
  );
  fc.assert(
    fc.property(at, (seq) => {
      const left = rows.filter((row) => row.seq !== seq);
      assert.deepEqual(faultsOf(left, rows.at(-1)), [`${seq} missing`]);
    }),
  );
  fc.assert(
    fc.property(at, at, (one, other) => {
      fc.pre(one < other);
      const moved = rows.map((row) =>
        row.seq === one ? { ...rows[other - 1], seq: one } : row.seq === other ? { ...rows[one - 1], seq: other } : row,
      ) as ChainedRow[];
      const faults = faultsOf(moved, rows.at(-1));
      assert.ok(faults.includes(`${one} edited`) && faults.includes(`${other} edited`));
    }),
  );
});

test('rows that lost their hash, or that were cut off at the end, are found', () => {
  const rows = chain(10);
  assert.deepEqual(faultsOf(rows.map((row) => (row.seq === 6 ? { ...row, hash: null } : row))), ['6 without a hash']);
  assert.deepEqual(faultsOf(rows.slice(0, 7), rows.at(-1)), ['8 missing']);
  assert.deepEqual(faultsOf([...rows, ...rows.slice(4, 5)]), ['5 out of order']);
});

test('the hash as docs/audit.md prints it', () => {
  const row = { seq: 1, time: '2026-01-01T00:00:00.000Z', code: 'gateway.started', actor: 'gateway', subject: 'gateway', detail: { pid: 1 } };
  assert.equal(chainHash(NO_HASH, row), '57e6a51efe3a7303647631f3ebfa4df5fb12903cdd58ed768d1fa9cbd0c267e3');
});
