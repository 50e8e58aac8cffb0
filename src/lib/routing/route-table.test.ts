import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { inOrder, type Match, type RoutingAgent, rankCandidates } from './candidates.ts';
import { allows, formatRoute, type Route } from './route.ts';
import { RouteTable } from './route-table.ts';
import type { SitedTarget } from './sited-target.ts';
import { makeSubnet } from './subnet.ts';

// Few values, so that routes and targets meet.
const byte = fc.constantFrom(0, 1, 10, 127, 128, 255);
const v4 = fc.array(byte, { minLength: 4, maxLength: 4 }).map((bytes) => Uint8Array.from(bytes));
const v6 = fc
  .array(byte, { minLength: 3, maxLength: 3 })
  .map(([a = 0, b = 0, c = 0]) => Uint8Array.from({ length: 16 }, (_, at) => [a, b][at] ?? (at === 15 ? c : 0)));
const name = fc.array(fc.constantFrom('a', 'b', 'corp', 'example'), { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const route: fc.Arbitrary<Route> = fc.oneof(
  fc.tuple(v4, fc.oneof(fc.nat(9), fc.nat(32))).map(([base, prefix]): Route => ({ kind: 'subnet', subnet: makeSubnet(base, prefix) })),
  fc.tuple(v6, fc.oneof(fc.nat(9), fc.nat(128))).map(([base, prefix]): Route => ({ kind: 'subnet', subnet: makeSubnet(base, prefix) })),
  fc.tuple(fc.boolean(), name).map(([wild, text]): Route => ({ kind: 'name', pattern: wild ? `*.${text}` : text })),
);
const site = fc.constantFrom(null, 'berlin', 'oslo');
const carried = fc.record({ routes: fc.array(route, { maxLength: 6 }), bareNamesAreSuffixes: fc.boolean() });
const standing = fc.record({ online: fc.boolean(), site, weight: fc.nat(2), advertisedAt: fc.nat(2) });
const target: fc.Arbitrary<SitedTarget> = fc.record({
  host: fc.oneof(
    fc.oneof(v4, v6).map((bytes) => ({ kind: 'address' as const, bytes })),
    name.map((text) => ({ kind: 'name' as const, name: text })),
  ),
  port: fc.constant(22),
  site,
});
const change = fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd', 'e'), carries: fc.option(carried), standing });

test('after any changes the table finds what looking at every route finds, in the same order', () => {
  let found = 0;
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), fc.array(target, { minLength: 1, maxLength: 8 }), (changes, targets) => {
      const table = new RouteTable();
      const agents = new Map<string, RoutingAgent>();
      for (const { id, carries, standing } of changes) {
        if (carries === null) {
          table.delete(id);
          agents.delete(id);
        } else {
          table.set(id, carries);
          agents.set(id, { id, name: id, ...standing, ...carries });
        }
      }
      for (const asked of targets) {
        const matches = [...table.fitting(asked.host)].map(([id, fit]): Match => {
          const agent = agents.get(id);
          assert.ok(agent, 'an agent that is gone');
          return { agent, ...fit };
        });
        const model = rankCandidates(asked, agents.values());
        found += model.length;
        assert.deepEqual(inOrder(matches, asked.site).map(shown), model.map(shown));
      }
    }),
    { numRuns: 2000 },
  );
  assert.ok(found > 1000, `only ${found} candidates in all: the values do not meet`);
});

function shown({ agent, route, rule, rank }: Match): string {
  return [agent.id, route && formatRoute(route), rule, rank].join(' ');
}

test('what overlaps is what contains or is contained', () => {
  let found = 0;
  fc.assert(
    fc.property(fc.array(carried, { minLength: 1, maxLength: 4 }), route, (carries, asked) => {
      const table = new RouteTable();
      for (const [at, one] of carries.entries()) table.set(String(at), one);
      const model = carries.flatMap(({ routes }, at) => {
        const distinct = new Map(routes.filter((other) => allows(other, asked) || allows(asked, other)).map((other) => [formatRoute(other), other]));
        return [...distinct.keys()].map((text) => `${at} ${text}`);
      });
      found += model.length;
      assert.deepEqual([...table.overlapping(asked)].map(([id, other]) => `${id} ${formatRoute(other)}`).sort(), model.sort());
    }),
    { numRuns: 2000 },
  );
  assert.ok(found > 1000, `only ${found} in all: the values do not meet`);
});

test('an empty table keeps nothing of what it held', () => {
  const table = new RouteTable();
  const routes: Route[] = [
    { kind: 'subnet', subnet: makeSubnet(Uint8Array.of(10, 0, 0, 0), 8) },
    { kind: 'name', pattern: 'corp.example' },
  ];
  table.set('a', { routes, bareNamesAreSuffixes: true });
  table.delete('a');
  assert.equal(table.fitting({ kind: 'address', bytes: Uint8Array.of(10, 0, 0, 1) }).size, 0);
  assert.equal(table.fitting({ kind: 'name', name: 'a.corp.example' }).size, 0);
});
