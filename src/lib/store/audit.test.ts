// Reading the audit log: every filter finds what looking at each row finds, in order, page by page, and no page holds more than an answer may.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openAt, START } from '../../../test/support/store-rows.ts';
import type { AuditEvent, AuditRecord } from '../audit/event.ts';
import { LIMITS } from '../base/limits.ts';
import type { AuditFilter } from './audit.ts';

const CODES = ['link.opened', 'link.closed', 'channel.opened', 'channel.refused', 'agent.started'] as const;
const WHO = ['operator:alice', 'agent:web1'] as const;

function matches(row: AuditRecord, { code, actor, subject, since = 0, until = Number.POSITIVE_INFINITY }: AuditFilter): boolean {
  const hasCode = code === undefined || row.code === code || row.code.startsWith(`${code}.`);
  return hasCode && (actor ?? row.actor) === row.actor && (subject ?? row.subject) === row.subject && row.time >= since && row.time < until;
}

test('filters and pages, with a clock that jumps, agree with looking at every row', async (t) => {
  const { store, clock } = await openAt(t);
  const random = fc.sample(fc.tuple(fc.constantFrom(...CODES), fc.constantFrom(...WHO), fc.constantFrom(...WHO)), { numRuns: 300, seed: 1 });
  for (const [index, [code, actor, subject]] of random.entries()) {
    // The rows in the middle were written while the clock was an hour ahead.
    if (index === 100) await clock.advance(3_600_000);
    await store.audit.append({ code, actor, subject, detail: {} });
  }
  const all = (await store.audit.list(0, 1000)).rows;
  assert.equal(all.length, 300);
  const time = fc.constantFrom(undefined, START, START + 1, START + 3_600_000, START + 3_600_001);
  const filter = fc.record({
    code: fc.constantFrom(undefined, ...CODES, 'link', 'channel', 'chan', 'policy', 'nobody.writes-it'),
    actor: fc.constantFrom(undefined, ...WHO, 'nobody'),
    subject: fc.constantFrom(undefined, ...WHO),
    since: time,
    until: time,
  });
  await fc.assert(
    fc.asyncProperty(filter, fc.integer({ min: 1, max: 400 }), fc.integer({ min: 0, max: 300 }), async (wanted, limit, after) => {
      const found: AuditRecord[] = [];
      for (let from: number | null = after; from !== null; ) {
        const page: Awaited<ReturnType<typeof store.audit.list>> = await store.audit.list(from, limit, wanted);
        assert.ok(page.rows.length <= limit && (page.next === null || page.rows.length > 0));
        found.push(...page.rows);
        from = page.next;
      }
      assert.deepEqual(
        found,
        all.filter((row) => row.seq > after && matches(row, wanted)),
      );
    }),
    { numRuns: 200 },
  );
});

test('a page of large rows is shorter, so that it fits an answer; one row always comes', async (t) => {
  const { store } = await openAt(t);
  const event = (bytes: number): AuditEvent => ({ code: 'channel.opened', actor: WHO[0], subject: WHO[1], detail: { text: 'x'.repeat(bytes) } });
  const sizes = [...Array.from({ length: 400 }, () => 5000), LIMITS.apiAnswerBytes, 5000];
  await store.audit.appendAll(sizes.map(event));
  const seen: number[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const page: Awaited<ReturnType<typeof store.audit.list>> = await store.audit.list(after, 1000);
    const { length } = Buffer.from(JSON.stringify(page.rows));
    assert.ok(length < LIMITS.apiAnswerBytes || page.rows.length === 1, `${page.rows.length} rows, ${length} bytes`);
    seen.push(...page.rows.map(({ seq }) => seq));
    after = page.next;
  }
  assert.deepEqual(
    seen,
    sizes.map((_, index) => index + 1),
  );
});
