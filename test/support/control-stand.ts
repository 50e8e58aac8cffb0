// Control on a real store in a folder of its own, with an edge that only notes what it is told, for tests.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { World } from '../../src/lib/base/world.ts';
import type { EdgeForControl } from '../../src/lib/gateway/contract.ts';
import { type Control, startControl } from '../../src/lib/gateway/control/control.ts';
import { dataFolder, initCa, loadKeys } from '../../src/lib/gateway/data-folder.ts';
import { openStore, type Store } from '../../src/lib/store/open.ts';
import type { Operator } from '../../src/lib/store/operators.ts';
import { silentLog } from '../../src/lib/system/log.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { mintSessionToken } from '../../src/lib/tokens/session-token.ts';
import { someCertificate } from './some-certificate.ts';

export interface ControlStand {
  readonly control: Control;
  readonly store: Store;
  readonly world: World;
  /** The gateway's data folder. */
  readonly directory: string;
  /** Orders to the edge, as `closeLink l1 reason`. */
  readonly orders: string[];
  /** An agent with a row and, unless `offline`, a link that has advertised all that it may. Its link id is `link-NAME`. */
  agent(
    name: string,
    options?: { readonly routes?: readonly string[]; readonly ports?: readonly string[]; readonly offline?: boolean; readonly ephemeral?: boolean },
  ): Promise<string>;
  operator(name: string, agents: readonly string[] | null, targets?: readonly string[]): Promise<Operator>;
  /** A session token of an operator, whose credential is called `credential-NAME`. */
  token(
    operator: Operator,
    targets: readonly string[],
    more?: { readonly agent?: string; readonly site?: string; readonly alternates?: readonly string[] },
  ): Promise<string>;
  /** Codes of the audit rows since `ca init`, oldest first, after everything that waits was written. */
  audited(): Promise<string[]>;
}

export async function controlStand(t: TestContext, more: Partial<World> = {}): Promise<ControlStand> {
  const world = { ...realWorld({ log: silentLog }), ...more };
  const parent = await mkdtemp(join(tmpdir(), 'tunnel-control-'));
  const directory = join(parent, 'gw');
  await initCa(directory, world);
  const { control, store, keys, orders, close } = await controlOn(directory, world);
  t.after(async () => {
    await close();
    await rm(parent, { recursive: true });
  });

  return {
    control,
    store,
    world,
    directory,
    orders,
    async agent(name, { routes = ['10.0.0.0/8'], ports = ['22'], offline = false, ephemeral = false } = {}) {
      const id = world.random.uuid();
      control.context.registry.know(await store.agents.insert({ id, name, allowedRoutes: routes, ports, os: 'linux', hostname: null, ephemeral }));
      if (offline) return id;
      const linkId = `link-${name}`;
      control.context.registry.link({
        linkId,
        agentId: id,
        protocol: 2,
        transport: 'memory',
        remote: { address: '192.0.2.1', port: 1 },
        certificate: someCertificate,
      });
      const subnets = routes.filter((route) => route.includes('/'));
      const names = routes.filter((route) => !route.includes('/')).map((route) => ({ name: route, autoDetected: false }));
      await control.forEdge.advertise(linkId, { epoch: 1n, subnets, names });
      return id;
    },
    async operator(name, agents, targets) {
      const operator = await store.operators.upsert({ id: world.random.uuid(), name, kind: 'operator', agents, targets: targets ?? null });
      await store.credentials.insert({ hash: `credential-${name}`, operatorId: operator.id, tokenId: null, expiresAt: world.clock.now() + 3_600_000 });
      return operator;
    },
    token({ id, name }, targets, { agent, site, alternates = [] } = {}) {
      const now = world.clock.now();
      return mintSessionToken({ operatorId: id, targets, agent, site, alternates, credentialId: `credential-${name}` }, keys.signing[0], {
        now,
        expiresAt: now + 300_000,
      });
    },
    async audited() {
      await control.context.audit.flush();
      return (await store.audit.list(1, 1000)).rows.map(({ code }) => code);
    },
  };
}

/** Control on a data folder that is there, without its lock: several may run on one store, as several gateways would. */
export async function controlOn(directory: string, world: World) {
  const folder = dataFolder(directory);
  const keys = await loadKeys(folder, world.files);
  const store = await openStore(folder.database, realWorld({ log: silentLog }));
  const control = await startControl({ store, ca: keys.ca, keys: keys.signing, placesBefore: undefined }, world);
  const orders: string[] = [];
  const note = (order: string) => async (id: string, what: unknown) =>
    void orders.push(`${order} ${id} ${typeof what === 'string' ? what : JSON.stringify(what)}`);
  const edge: EdgeForControl = {
    closeLink: note('closeLink'),
    endSession: note('endSession'),
    endChannels: async (channelIds, reason) => void orders.push(`endChannels ${channelIds.join()} ${reason}`),
    updateSession: async ({ sessionId }) => void orders.push(`updateSession ${sessionId}`),
    tellOperators: async (connections, { reason, message }) => void orders.push(`tellOperators ${connections.join()} ${reason} ${message}`),
    assign: note('assign'),
    endWhenIdle: note('endWhenIdle'),
    useCertificate: async () => {},
    drain: async () => {},
  };
  control.serve({
    places: { url: 'https://gw.example:8443', quic: 'gw.example:8443' },
    connect: 'gw.example:8443',
    proxyUrl: null,
    tcp: '127.0.0.1:8443',
    udp: '127.0.0.1:8443',
    proxy: null,
    serverPin: 'a'.repeat(64),
    edge,
    edgeStatus: () => ({ pid: 1, restarts: 0, since: 0, memoryBytes: 0, lateMs: 0, lastLoss: null }),
    settings: () => ({ settings: [] }),
    reload: async () => ({ changes: [] }),
    since: world.clock.monotonic(),
  });

  const close = async () => {
    await control[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  };
  return { control, store, keys, orders, close };
}
