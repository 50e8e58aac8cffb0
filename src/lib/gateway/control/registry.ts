// Which agents there are, how each is linked now and what it carries: control's one view of the network, in memory, for routing and lists (requirements A16).
import { LIMITS } from '../../base/limits.ts';
import type { Clock } from '../../base/world.ts';
import { bestFit, explicitMatch, inOrder, type Match } from '../../routing/candidates.ts';
import { formatRoute, type Route } from '../../routing/route.ts';
import { RouteTable } from '../../routing/route-table.ts';
import type { SitedTarget } from '../../routing/sited-target.ts';
import type { Agent } from '../../store/agents.ts';
import { isFlapping, type Judgement, judgeNewcomer, NO_RIVALRY, type Rivalry } from './flapping.ts';
import { type KnownAgent, type NewLink, type RegisteredLink, type Standing, standingOf, type Wishes } from './known-agent.ts';

/** What an agent says as it begins. */
export interface Introduction {
  /** The process, as far as it can be told; its address where it does not say. */
  readonly instance?: string | undefined;
  readonly transportReason?: string | undefined;
}

type LiveLink = { -readonly [Key in keyof RegisteredLink]: RegisteredLink[Key] } & {
  instance: string;
  /** Its own, so that it can count again when a newer link ends. */
  wishes: Wishes | undefined;
  /** Monotonic, both. */
  advertisedAt: number;
  aliveAt: number;
};

interface Entry {
  row: Agent;
  standing: Standing;
  current: LiveLink | undefined;
  /** Those in force; also after their link has ended, so that a record can name the route that is offline. */
  wishes: Wishes | undefined;
  lastSeen: number | null;
  rivalry: Rivalry;
  /** Monotonic. */
  renewalAskedAt: number;
  /** What was refused when it was last asked, as text. */
  refusedBefore: string;
}

export class Registry {
  readonly #clock: Clock;
  readonly #agents = new Map<string, Entry>();
  readonly #links = new Map<string, LiveLink>();
  /** Ids by name. */
  readonly #names = new Map<string, string>();
  readonly #routes = new RouteTable();
  /** What is allowed, carried or not. */
  readonly #allowed = new RouteTable();
  #generation = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A row of the store that is new or has changed; its links and wishes stay. */
  know(row: Agent): void {
    const known = this.#agents.get(row.id);
    this.#names.set(row.name, row.id);
    if (known) this.#stand(Object.assign(known, { row }));
    else {
      const entry = {
        row,
        standing: standingOf(row, undefined),
        current: undefined,
        wishes: undefined,
        lastSeen: row.lastSeen,
        rivalry: NO_RIVALRY,
        renewalAskedAt: Number.NEGATIVE_INFINITY,
        refusedBefore: '',
      };
      this.#agents.set(row.id, entry);
      this.#index(entry.standing);
    }
  }

  /** Deleted: its links, for the edge to close. */
  forget(agentId: string): RegisteredLink[] {
    const name = this.#agents.get(agentId)?.row.name;
    if (name !== undefined && this.#names.get(name) === agentId) this.#names.delete(name);
    this.#agents.delete(agentId);
    this.#routes.delete(agentId);
    this.#allowed.delete(agentId);
    return this.linksOf(agentId);
  }

  /** Counts once it is ready: `replaced` goes on meanwhile, and may go on carrying what it carries after that. */
  link(link: NewLink): { registered: RegisteredLink; replaced: RegisteredLink | undefined } {
    const entry = this.#agents.get(link.agentId);
    const registered: LiveLink = {
      ...link,
      generation: ++this.#generation,
      since: this.#clock.now(),
      epoch: null,
      transportReason: null,
      instance: `address ${link.remote.address}`,
      wishes: undefined,
      advertisedAt: 0,
      aliveAt: 0,
    };
    this.#links.set(link.linkId, registered);
    const replaced = entry?.current;
    if (entry) {
      this.#seen(entry, registered);
      this.#choose(entry);
    }
    return { registered, replaced };
  }

  /** What the agent says of the link, and whether it is welcome beside the one that counts now; undefined when the link has ended before. */
  introduce(linkId: string, { instance, transportReason }: Introduction): (Judgement & { holder: RegisteredLink | undefined }) | undefined {
    const link = this.#links.get(linkId);
    const entry = link && this.#agents.get(link.agentId);
    if (!link || !entry) return undefined;
    if (instance !== undefined) link.instance = `instance ${instance}`;
    link.transportReason = transportReason ?? null;
    const holder = this.#live(link.agentId).findLast((other) => other !== link && isReady(other));
    const judged = judgeNewcomer(entry.rivalry, link.instance, holder?.instance, this.#clock.monotonic());
    entry.rivalry = judged.rivalry;
    return { ...judged, holder };
  }

  /** Undefined when it has ended before. `last`: no other link of the agent is left, so it is offline now. */
  unlink(linkId: string): { link: RegisteredLink; current: boolean; last: boolean } | undefined {
    const link = this.#links.get(linkId);
    if (!link) return undefined;
    this.#links.delete(linkId);
    const entry = this.#agents.get(link.agentId);
    const current = entry?.current === link;
    if (entry && current) this.#choose(entry);
    return { link, current, last: this.#live(link.agentId).length === 0 };
  }

  /** Epochs count within one link: higher replaces, the same refreshes, lower is ignored, and so is a link that does not count; it is remembered for when it does. All are signs of life. */
  advertise(linkId: string, wishes: Wishes): 'replaced' | 'refreshed' | 'ignored' {
    const link = this.#links.get(linkId);
    const entry = link && this.#agents.get(link.agentId);
    if (!link || !entry) return 'ignored';
    this.#seen(entry, link);
    if (link.epoch !== null && wishes.epoch < link.epoch) return 'ignored';
    link.advertisedAt = this.#clock.monotonic();
    if (wishes.epoch === link.epoch) return 'refreshed';
    link.epoch = wishes.epoch;
    link.wishes = wishes;
    this.#choose(entry);
    return entry.current === link ? 'replaced' : 'ignored';
  }

  alive(linkId: string): void {
    const link = this.#links.get(linkId);
    const entry = link && this.#agents.get(link.agentId);
    if (entry) this.#seen(entry, link);
  }

  /** A renewal, by whichever link of the agent, at most once in `leastMs`. */
  mayRenew(agentId: string, leastMs: number): boolean {
    const entry = this.#agents.get(agentId);
    const now = this.#clock.monotonic();
    if (!entry || now - entry.renewalAskedAt < leastMs) return false;
    entry.renewalAskedAt = now;
    return true;
  }

  findLink(linkId: string): RegisteredLink | undefined {
    return this.#links.get(linkId);
  }

  links(): RegisteredLink[] {
    return [...this.#links.values()];
  }

  /** Oldest first. */
  linksOf(agentId: string): RegisteredLink[] {
    return this.#live(agentId);
  }

  rows(): Agent[] {
    return [...this.#agents.values()].map(({ row }) => row);
  }

  row(agentId: string): Agent | undefined {
    return this.#agents.get(agentId)?.row;
  }

  byId(agentId: string): KnownAgent | undefined {
    const entry = this.#agents.get(agentId);
    return entry && this.#view(entry);
  }

  /** A name is preferred to an id that reads the same. */
  find(nameOrId: string): KnownAgent | undefined {
    return this.byId(this.#names.get(nameOrId) ?? nameOrId);
  }

  /** Every agent that could carry `target`, best first; with `explicitAgent`, a name or an id, nobody else. */
  candidates(target: SitedTarget, explicitAgent: string | null): Match<KnownAgent>[] {
    if (explicitAgent !== null) {
      const agent = this.find(explicitAgent);
      return agent ? inOrder([explicitMatch(agent, bestFit(target.host, agent))], target.site) : [];
    }
    const matches: Match<KnownAgent>[] = [];
    const now = this.#clock.monotonic();
    for (const [id, { route, rule, rank }] of this.#routes.fitting(target.host)) {
      const entry = this.#agents.get(id);
      if (entry) matches.push({ agent: this.#view(entry, now), route, rule, rank });
    }
    return inOrder(matches, target.site);
  }

  all(): KnownAgent[] {
    return [...this.#agents.values()].map((entry) => this.#view(entry));
  }

  /** Are other routes of the agent refused than when this was last asked? */
  refusedAnew(agentId: string): boolean {
    const entry = this.#agents.get(agentId);
    const refused = entry?.standing.refused.map(formatRoute).sort().join() ?? '';
    if (!entry || refused === entry.refusedBefore) return false;
    entry.refusedBefore = refused;
    return true;
  }

  /** What other agents than `name` are allowed that shares hosts with `route`. */
  *overlapping(route: Route, name: string): Generator<{ readonly agent: string; readonly route: Route }> {
    for (const [id, other] of this.#allowed.overlapping(route)) {
      const agent = this.row(id)?.name;
      if (agent !== undefined && agent !== name) yield { agent, route: other };
    }
  }

  #seen(entry: Entry, link: LiveLink): void {
    link.aliveAt = this.#clock.monotonic();
    entry.lastSeen = this.#clock.now();
  }

  /** In the order of their generations. */
  #live(agentId: string): LiveLink[] {
    return [...this.#links.values()].filter((link) => link.agentId === agentId);
  }

  /** The newest link that is ready; where none is, the newest. What it wished is in force; a link that has not said yet leaves what was. */
  #choose(entry: Entry): void {
    const links = this.#live(entry.row.id);
    entry.current = links.findLast(isReady) ?? links.at(-1);
    const wishes = entry.current?.wishes;
    if (wishes === undefined || wishes === entry.wishes) return;
    entry.wishes = wishes;
    this.#stand(entry);
  }

  #stand(entry: Entry): void {
    entry.standing = standingOf(entry.row, entry.wishes);
    this.#index(entry.standing);
  }

  #index(standing: Standing): void {
    const { id, allowed, bareNamesAreSuffixes } = standing;
    this.#routes.set(id, standing);
    this.#allowed.set(id, { routes: allowed, bareNamesAreSuffixes });
  }

  #view({ standing, current, lastSeen, rivalry }: Entry, now = this.#clock.monotonic()): KnownAgent {
    const online = standing.barred === null && current !== undefined && isReady(current) && now - current.aliveAt < LIMITS.onlineWithinMs;
    return { ...standing, advertisedAt: current?.advertisedAt ?? 0, online, lastSeen, link: current ?? null, flapping: isFlapping(rivalry, now) };
  }
}

/** Before its first advertisement a version 2 agent may not know yet what it may carry; a version 1 agent counts at once (reference.md, 4). */
function isReady({ protocol, epoch }: LiveLink): boolean {
  return protocol === 1 || epoch !== null;
}
