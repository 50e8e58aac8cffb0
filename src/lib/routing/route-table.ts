// The routes of all agents, so kept that finding those that fit a target costs as much as they are, and not as much as there are (docs/performance.md).
import type { Carried, Fit } from './candidates.ts';
import { coversName, specificity } from './name-pattern.ts';
import type { Route } from './route.ts';
import { covers, makeSubnet, type Subnet } from './subnet.ts';
import type { Host } from './target.ts';

/** The agents with one and the same route. */
type Holders = Map<string, Route>;
/** By the bytes of the base. */
type OfPrefix = Map<string, Holders>;

export class RouteTable {
  readonly #carried = new Map<string, Carried>();
  /** By length of the prefix, the longest first. */
  readonly #subnets: { readonly 4: Map<number, OfPrefix>; readonly 6: Map<number, OfPrefix> } = { 4: new Map(), 6: new Map() };
  readonly #names = new Map<string, Holders>();
  /** Bare names that stand for everything below them too. */
  readonly #suffixes = new Map<string, Holders>();

  /** What agent `id` carries from now on. */
  set(id: string, carried: Carried): void {
    const before = this.#carried.get(id);
    if (before?.routes === carried.routes && before.bareNamesAreSuffixes === carried.bareNamesAreSuffixes) return;
    this.delete(id);
    this.#carried.set(id, carried);
    for (const route of carried.routes) {
      for (const [table, key] of this.#placesOf(route, carried.bareNamesAreSuffixes)) {
        const holders = table.get(key) ?? new Map();
        table.set(key, holders.set(id, route));
      }
    }
  }

  delete(id: string): void {
    const carried = this.#carried.get(id);
    if (carried === undefined) return;
    this.#carried.delete(id);
    for (const route of carried.routes) {
      for (const [table, key] of this.#placesOf(route, carried.bareNamesAreSuffixes)) {
        const holders = table.get(key);
        holders?.delete(id);
        if (holders?.size === 0) table.delete(key);
      }
      if (route.kind !== 'subnet') continue;
      const lengths = this.#subnets[route.subnet.family];
      if (lengths.get(route.subnet.prefix)?.size === 0) lengths.delete(route.subnet.prefix);
    }
  }

  /** The ids of the agents that carry `host`, each with the most specific of its routes for it. */
  fitting(host: Host): Map<string, Fit> {
    const found = new Map<string, Fit>();
    const add = (holders: Holders | undefined, rule: Fit['rule'], rank: number) => {
      if (holders !== undefined) for (const [id, route] of holders) if (!found.has(id)) found.set(id, { route, rule, rank });
    };
    if (host.kind === 'address') {
      const lengths = this.#subnets[host.bytes.length === 4 ? 4 : 6];
      for (const [prefix, ofPrefix] of lengths) add(ofPrefix.get(keyOf(makeSubnet(host.bytes, prefix).base)), 'subnet', prefix);
      return found;
    }
    add(this.#names.get(host.name), 'name', specificity(host.name));
    const parents = parentsOf(host.name);
    for (const parent of parents) add(this.#names.get(`*.${parent}`), 'wildcard', specificity(`*.${parent}`));
    for (const parent of parents) add(this.#suffixes.get(parent), 'suffix', specificity(`*.${parent}`));
    return found;
  }

  /** Agents with a route that shares hosts with `route`, each with that route: those around it and the same one first, then those inside it. */
  *overlapping(route: Route): Generator<readonly [id: string, route: Route]> {
    if (route.kind === 'subnet') yield* this.#overlappingSubnets(route.subnet);
    else {
      const { pattern } = route;
      const wild = pattern.startsWith('*.');
      const around = parentsOf(wild ? pattern.slice(2) : pattern).map((parent) => `*.${parent}`);
      for (const same of [pattern, ...around]) yield* this.#names.get(same) ?? [];
      if (wild) for (const [inner, holders] of this.#names) if (inner !== pattern && coversName(pattern, inner)) yield* holders;
    }
  }

  *#overlappingSubnets(subnet: Subnet): Generator<readonly [id: string, route: Route]> {
    const lengths = [...this.#subnets[subnet.family]];
    for (const [prefix, ofPrefix] of lengths) if (prefix <= subnet.prefix) yield* ofPrefix.get(keyOf(makeSubnet(subnet.base, prefix).base)) ?? [];
    for (const [prefix, ofPrefix] of lengths) {
      if (prefix <= subnet.prefix) continue;
      for (const holders of ofPrefix.values()) {
        const [inner] = holders.values();
        if (inner?.kind === 'subnet' && covers(subnet, inner.subnet)) yield* holders;
      }
    }
  }

  #placesOf(route: Route, bareNamesAreSuffixes: boolean): (readonly [table: Map<string, Holders>, key: string])[] {
    if (route.kind === 'subnet') return [[this.#ofPrefix(route.subnet.family, route.subnet.prefix), keyOf(route.subnet.base)]];
    const { pattern } = route;
    const named = [this.#names, pattern] as const;
    return bareNamesAreSuffixes && !pattern.startsWith('*.') ? [named, [this.#suffixes, pattern]] : [named];
  }

  #ofPrefix(family: 4 | 6, prefix: number): OfPrefix {
    const lengths = this.#subnets[family];
    const there = lengths.get(prefix);
    if (there !== undefined) return there;
    const added: OfPrefix = new Map();
    const sorted = [...lengths, [prefix, added] as const].sort(([a], [b]) => b - a);
    lengths.clear();
    for (const [length, ofPrefix] of sorted) lengths.set(length, ofPrefix);
    return added;
  }
}

function keyOf(base: Uint8Array): string {
  return String.fromCharCode(...base);
}

/** The longest first: of `a.b.example` these are `b.example` and `example`. */
function parentsOf(name: string): string[] {
  const parents: string[] = [];
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) parents.push(name.slice(dot + 1));
  return parents;
}
