// Which agents there are, how each is linked now and what it carries: control's one view of the network, in memory, for routing and lists (requirements A16).
import { LIMITS } from '../../base/limits.ts';
import type { Clock, SocketAddress } from '../../base/world.ts';
import { activeRoutes } from '../../policy/advertise.ts';
import { defaultPorts, type PortRange, parsePorts } from '../../policy/ports.ts';
import type { RoutingAgent } from '../../routing/candidates.ts';
import { parseRoute, type Route } from '../../routing/route.ts';
import type { Agent } from '../../store/agents.ts';
import type { TransportName } from '../../transport/link.ts';

/** An agent as routing, policy and lists see it at one moment. */
export interface KnownAgent extends RoutingAgent {
  /** What an administrator allows. */
  readonly allowed: readonly Route[];
  readonly ports: readonly PortRange[];
  readonly os: string | null;
  /** Wall clock, ms. */
  readonly lastSeen: number | null;
  readonly link: RegisteredLink | null;
  /** Names that it found by itself, in canonical text. */
  readonly autoDetected: ReadonlySet<string>;
}

export interface NewLink {
  readonly linkId: string;
  readonly agentId: string;
  readonly protocol: 1 | 2;
  readonly transport: TransportName;
  readonly remote: SocketAddress;
  /** SHA-256 of the certificate, lower-case hex. */
  readonly fingerprint: string;
}

export interface RegisteredLink extends NewLink {
  /** Grows; the newest link of an agent is the one that counts. */
  readonly generation: number;
  readonly epoch: bigint | null;
}

export interface Wishes {
  readonly epoch: bigint;
  readonly routes: readonly Route[];
  readonly autoDetected: ReadonlySet<string>;
}

type LiveLink = { -readonly [Key in keyof RegisteredLink]: RegisteredLink[Key] };

/** What only a change of the row or a new advertisement can alter: parsed then, not for every request. */
type Standing = Pick<KnownAgent, 'id' | 'name' | 'os' | 'allowed' | 'routes' | 'ports' | 'bareNamesAreSuffixes' | 'autoDetected'>;

interface Entry {
  row: Agent;
  standing: Standing;
  current: LiveLink | undefined;
  /** Of the last advertisement, also after its link has ended, so that a record can name the route that is offline. */
  wishes: Wishes | undefined;
  advertisedAt: number;
  /** Monotonic. */
  aliveAt: number;
  lastSeen: number | null;
}

export class Registry {
  readonly #clock: Clock;
  readonly #agents = new Map<string, Entry>();
  readonly #links = new Map<string, LiveLink>();
  #generation = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A row of the store that is new or has changed; its link and wishes stay. */
  know(row: Agent): void {
    const known = this.#agents.get(row.id);
    const standing = standingOf(row, known?.wishes);
    if (known) Object.assign(known, { row, standing });
    else this.#agents.set(row.id, { row, standing, current: undefined, wishes: undefined, advertisedAt: 0, aliveAt: 0, lastSeen: row.lastSeen });
  }

  /** Deleted: its links, for the edge to close. */
  forget(agentId: string): RegisteredLink[] {
    this.#agents.delete(agentId);
    return this.linksOf(agentId);
  }

  /** The newest link wins; `replaced` may go on carrying what it carries. */
  link(link: NewLink): { registered: RegisteredLink; replaced: RegisteredLink | undefined } {
    const entry = this.#agents.get(link.agentId);
    const registered: LiveLink = { ...link, generation: ++this.#generation, epoch: null };
    this.#links.set(link.linkId, registered);
    const replaced = entry?.current;
    if (entry) {
      entry.current = registered;
      this.#seen(entry);
    }
    return { registered, replaced };
  }

  /** Undefined when it has ended before. `current`: it was the agent's newest, so the agent is offline now. */
  unlink(linkId: string): { link: RegisteredLink; current: boolean } | undefined {
    const link = this.#links.get(linkId);
    if (!link) return undefined;
    this.#links.delete(linkId);
    const entry = this.#agents.get(link.agentId);
    const current = entry?.current === link;
    if (entry && current) entry.current = undefined;
    return { link, current };
  }

  /** Epochs count within one link: higher replaces, the same refreshes, lower is ignored. All three are signs of life. */
  advertise(linkId: string, wishes: Wishes): 'replaced' | 'refreshed' | 'ignored' {
    const link = this.#links.get(linkId);
    const entry = link && this.#agents.get(link.agentId);
    if (!link || entry?.current !== link) return 'ignored';
    this.#seen(entry);
    if (link.epoch !== null && wishes.epoch < link.epoch) return 'ignored';
    entry.advertisedAt = this.#clock.monotonic();
    if (wishes.epoch === link.epoch) return 'refreshed';
    link.epoch = wishes.epoch;
    entry.wishes = wishes;
    entry.standing = standingOf(entry.row, wishes);
    return 'replaced';
  }

  alive(linkId: string): void {
    const link = this.#links.get(linkId);
    const entry = link && this.#agents.get(link.agentId);
    if (entry?.current === link && entry) this.#seen(entry);
  }

  findLink(linkId: string): RegisteredLink | undefined {
    return this.#links.get(linkId);
  }

  linksOf(agentId: string): RegisteredLink[] {
    return [...this.#links.values()].filter((link) => link.agentId === agentId);
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
    const named = this.#agents.values().find(({ row }) => row.name === nameOrId);
    return named ? this.#view(named) : this.byId(nameOrId);
  }

  all(): KnownAgent[] {
    return [...this.#agents.values()].map((entry) => this.#view(entry));
  }

  #seen(entry: Entry): void {
    entry.aliveAt = this.#clock.monotonic();
    entry.lastSeen = this.#clock.now();
  }

  #view({ standing, current, advertisedAt, aliveAt, lastSeen }: Entry): KnownAgent {
    // Before its first advertisement a version 2 agent may not know yet what it may carry; a version 1 agent counts at once (reference.md, 4).
    const ready = current !== undefined && (current.protocol === 1 || current.epoch !== null);
    const online = ready && this.#clock.monotonic() - aliveAt < LIMITS.onlineWithinMs;
    return { ...standing, advertisedAt, online, lastSeen, link: current ?? null };
  }
}

function standingOf(row: Agent, wishes: Wishes | undefined): Standing {
  const allowed = row.allowedRoutes.map((text) => parseRoute(text));
  return {
    id: row.id,
    name: row.name,
    os: row.os,
    allowed,
    routes: wishes ? activeRoutes(allowed, wishes.routes) : allowed,
    ports: row.ports ? parsePorts(row.ports) : defaultPorts(row.os),
    bareNamesAreSuffixes: row.bareNamesAreSuffixes,
    autoDetected: wishes?.autoDetected ?? new Set(),
  };
}
