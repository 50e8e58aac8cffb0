// Control: the part of the gateway with the CA key, the store and every decision. Composed here; each operation is a file beside this one.
import type { World } from '../../base/world.ts';
import { sessionLimit } from '../../policy/rules.ts';
import type { SessionLength } from '../../sessions/transitions.ts';
import type { Store } from '../../store/open.ts';
import { mintMaterial } from '../../tokens/session-material.ts';
import type { SigningKey } from '../../tokens/signing-keys.ts';
import type { CaDesk } from '../ca-on-disk.ts';
import { DEFAULT_AGENT_CERT_MS } from '../config.ts';
import { Attempts } from './attempts.ts';
import { AuditLog } from './audit-log.ts';
import type { ControlContext, ControlSettings, PublicPlaces, Serving } from './context.ts';
import { Draining } from './drain.ts';
import { Ephemerals, vanish } from './ephemeral.ts';
import { RecentFailures } from './failures.ts';
import { type EdgeDesk, edgeDesk } from './for-edge.ts';
import { Logins } from './logins.ts';
import { PolicyInForce } from './policy-in-force.ts';
import { Registry } from './registry.ts';
import { SessionUsers } from './session-users.ts';
import { Sessions } from './sessions.ts';
import { Tallies } from './tallies.ts';
import { watchExpiry } from './watch-expiry.ts';

const SEEN_EVERY_MS = 60_000;
const PAGE = 1000;
const DEFAULT_SETTINGS: ControlSettings = { agentCertMs: DEFAULT_AGENT_CERT_MS, longestSessionMs: null, direct: [] };

export interface ControlOptions {
  readonly store: Store;
  readonly ca: CaDesk;
  readonly keys: readonly [SigningKey, ...SigningKey[]];
  /** Of each moment; the defaults where not given. */
  readonly settings?: (() => ControlSettings) | undefined;
  /** As the last start left them. */
  readonly placesBefore: PublicPlaces | undefined;
}

export interface Control extends AsyncDisposable {
  readonly forEdge: EdgeDesk;
  /** What the API's operations work on. */
  readonly context: ControlContext;
  /** From here on an edge takes orders. */
  serve(serving: Serving): void;
}

/** Errors of the store. */
export async function startControl({ store, ca, keys, settings = () => DEFAULT_SETTINGS, placesBefore }: ControlOptions, world: World): Promise<Control> {
  await using starting = new AsyncDisposableStack();
  const audit = starting.use(new AuditLog(store, world));
  const registry = await loadRegistry(store, world);
  const policy = await PolicyInForce.load(store);
  const tallies = new Tallies();
  let serving: Serving | undefined;
  const sessions = starting.use(
    new Sessions({
      store,
      audit,
      world,
      edge: () => serving?.edge,
      tallies,
      usersOf: (sessionId) => users.connectionsOf({ sessionId }),
      lengthOf: ({ name }, agent) => lengthOf(settings().longestSessionMs, sessionLimit(policy.current, name, agent)),
      granted: (operator, agent) => policy.granted(operator, agent),
      signMaterial: ({ expiresAt, ...material }) => mintMaterial(material, keys[0], { now: world.clock.now(), expiresAt }),
    }),
  );
  const users: SessionUsers = starting.use(new SessionUsers(sessions, world));
  const ephemerals = starting.use(new Ephemerals(world.clock, (agentId) => void vanish(context, agentId)));
  const context: ControlContext = {
    world,
    store,
    ca,
    get authority() {
      return ca.authority;
    },
    keys,
    audit,
    registry,
    policy,
    sessions,
    users,
    ephemerals,
    logins: new Logins(store, world.clock),
    attempts: new Attempts(world.clock),
    tallies,
    draining: new Draining(),
    get settings() {
      return settings();
    },
    failures: new RecentFailures(),
    places: () => serving?.places ?? placesBefore,
    serving: () => serving,
  };
  starting.use(rememberSigns(context));
  starting.use(watchExpiry(context));
  const running = starting.move();
  const serve = (started: Serving) => {
    serving = started;
    for (const row of registry.rows()) ephemerals.away(row);
  };
  return { forEdge: edgeDesk(context), context, serve, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** Ends what a gateway that is gone left live; how many. In one transaction with their audit rows. */
export async function endLeftovers(store: Store): Promise<number> {
  return store.transaction(async (tables) => {
    const ended = await tables.sessions.endAll('all', 'gateway-restarted');
    await tables.audit.appendAll(
      ended.map(({ id, operatorId, agentId, reason }) => ({
        code: 'session.ended',
        actor: 'gateway',
        subject: `session:${id}`,
        detail: { session_id: id, operator_id: operatorId, agent_id: agentId, reason },
      })),
    );
    return ended.length;
  });
}

/** The gateway's own limit is nobody's to lengthen. */
function lengthOf(longestMs: number | null, { maxLengthMs, extendable }: ReturnType<typeof sessionLimit>): SessionLength {
  if (extendable) return { longestMs, keptMs: maxLengthMs };
  return { longestMs: longestMs === null || maxLengthMs === null ? (longestMs ?? maxLengthMs) : Math.min(longestMs, maxLengthMs), keptMs: null };
}

async function loadRegistry(store: Store, world: World): Promise<Registry> {
  const registry = new Registry(world.clock);
  for (let after: string | null = null; ; ) {
    const page: Awaited<ReturnType<Store['agents']['list']>> = await store.agents.list({ after, limit: PAGE });
    for (const row of page.rows) registry.know(row);
    if (page.next === null) return registry;
    after = page.next;
  }
}

/** Writes down now and then who is there, so that `last_seen` outlives a crash. */
function rememberSigns({ registry, store, world }: ControlContext): AsyncDisposable {
  const stop = new AbortController();
  const remember = async () => {
    const online = registry.all().filter((agent) => agent.online);
    await store.agents.seen(online.map(({ id }) => id)).catch((error: unknown) => world.log.warn({ error }, 'signs of life were not written down'));
  };
  const loop = async () => {
    while (!stop.signal.aborted) {
      await world.clock.sleep(SEEN_EVERY_MS, stop.signal);
      if (!stop.signal.aborted) await remember();
    }
  };
  const done = loop();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done;
    },
  };
}
