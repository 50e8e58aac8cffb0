// One agent as control knows it: from its row, what it wishes and how it is linked, to what routing and policy ask.
import type { SocketAddress } from '../../base/world.ts';
import type { CertificateFacts } from '../../pki/certificate-facts.ts';
import { activeRoutes, refusedRoutes } from '../../policy/advertise.ts';
import { defaultPorts, type PortRange, parsePorts } from '../../policy/ports.ts';
import type { RoutingAgent } from '../../routing/candidates.ts';
import { parseRoute, type Route } from '../../routing/route.ts';
import type { Agent } from '../../store/agents.ts';
import type { Lock } from '../../store/lock.ts';
import type { TransportName } from '../../transport/link.ts';

/** An agent as routing, policy and lists see it at one moment. */
export interface KnownAgent extends RoutingAgent {
  /** What an administrator allows. */
  readonly allowed: readonly Route[];
  /** What it asks for beyond that. */
  readonly refused: readonly Route[];
  readonly ports: readonly PortRange[];
  readonly os: string | null;
  /** Wall clock, ms. */
  readonly lastSeen: number | null;
  readonly link: RegisteredLink | null;
  /** Two processes hold its identity and replace each other. */
  readonly flapping: boolean;
  /** Nothing goes to it or comes from it while this holds. */
  readonly barred: Barred | null;
  /** When its routes have nobody who is online: the next ones in order, or none at all. */
  readonly onOffline: Agent['onOffline'];
  /** Names that it found by itself, in canonical text. */
  readonly autoDetected: ReadonlySet<string>;
}

/** An agent that an administrator took out. */
export interface Barred {
  readonly by: 'revoked' | 'locked';
  readonly lock: Lock | null;
  /** One sentence that names the agent. */
  readonly text: string;
}

export interface NewLink {
  readonly linkId: string;
  readonly agentId: string;
  readonly protocol: 1 | 2;
  readonly transport: TransportName;
  readonly remote: SocketAddress;
  /** With which it was made. */
  readonly certificate: CertificateFacts;
}

export interface RegisteredLink extends NewLink {
  /** Grows; of an agent's links the newest that is ready is the one that counts. */
  readonly generation: number;
  /** Wall clock, ms. */
  readonly since: number;
  readonly epoch: bigint | null;
  /** In the agent's words, made harmless. */
  readonly transportReason: string | null;
}

export interface Wishes {
  readonly epoch: bigint;
  readonly routes: readonly Route[];
  readonly autoDetected: ReadonlySet<string>;
}

/** What only a change of the row or a new advertisement can alter: parsed then, not for every request. */
export type Standing = Omit<KnownAgent, 'online' | 'advertisedAt' | 'lastSeen' | 'link' | 'flapping'>;

export function standingOf(row: Agent, wishes: Wishes | undefined): Standing {
  const allowed = row.allowedRoutes.map((text) => parseRoute(text));
  return {
    id: row.id,
    name: row.name,
    site: row.site,
    weight: row.weight,
    onOffline: row.onOffline,
    os: row.os,
    allowed,
    routes: wishes ? activeRoutes(allowed, wishes.routes) : allowed,
    refused: wishes ? refusedRoutes(allowed, wishes.routes) : [],
    ports: row.ports ? parsePorts(row.ports) : defaultPorts(row.os),
    bareNamesAreSuffixes: row.bareNamesAreSuffixes,
    autoDetected: wishes?.autoDetected ?? new Set(),
    barred: barOf(row),
  };
}

function barOf({ name, state, lock }: Agent): Barred | null {
  if (state === 'revoked') return { by: 'revoked', lock, text: `agent ${name} is revoked` };
  return lock && { by: 'locked', lock, text: lock.reason === null ? `agent ${name} is locked` : `agent ${name} is locked: ${lock.reason}` };
}
