// `node bench/routes.ts`: how long control takes to decide one request with so many routes, and to take in what one agent advertises.
import { parseArgs } from 'node:util';
import { RecentFailures } from '../src/lib/gateway/control/failures.ts';
import { judgeRequest, readRequest } from '../src/lib/gateway/control/judge-request.ts';
import { PolicyInForce } from '../src/lib/gateway/control/policy-in-force.ts';
import { Registry } from '../src/lib/gateway/control/registry.ts';
import { BUILT_IN } from '../src/lib/policy/rules.ts';
import { rankCandidates } from '../src/lib/routing/candidates.ts';
import { parseRoute } from '../src/lib/routing/route.ts';
import { silentLog } from '../src/lib/system/log.ts';
import { realWorld } from '../src/lib/system/real-world.ts';
import { seededRandom } from '../test/support/seeded-random.ts';
import { someCertificate } from '../test/support/some-certificate.ts';

const ROUNDS = 20_000;
const { values: options } = parseArgs({ options: { agents: { type: 'string', default: '1000' }, routes: { type: 'string', default: '10' } } });
const [agents, routesEach] = [Number(options.agents), Number(options.routes)];
const world = realWorld({ log: silentLog });
const random = seededRandom(1);
const below = (limit: number) => Math.floor(random() * limit);
const registry = new Registry(world.clock);

/** Half networks of every size between /12 and /28, a quarter names, a quarter wildcards. */
function someRoute(at: number): string {
  if (at % 4 === 3) return `*.n${below(5000)}.corp.example`;
  if (at % 4 === 2) return `db.n${below(5000)}.corp.example`;
  const prefix = 12 + below(17);
  const base = ((10 << 24) | below(2 ** 24)) & (-1 << (32 - prefix));
  return `${[24, 16, 8, 0].map((bits) => (base >>> bits) & 255).join('.')}/${prefix}`;
}

const advertised: number[] = [];
for (let at = 0; at < agents; at++) {
  const name = `agent-${at}`;
  const routes = Array.from({ length: routesEach }, (_, index) => someRoute(index));
  const standing = { state: 'active', ports: ['22'], os: 'linux', hostname: null, bareNamesAreSuffixes: false, ephemeral: false } as const;
  const place = { site: null, weight: 100, onOffline: 'next', createdAt: 0, lastSeen: null, lock: null } as const;
  registry.know({ id: name, name, allowedRoutes: routes, ...standing, ...place });
  const remote = { address: '192.0.2.1', port: 1 };
  registry.link({ linkId: name, agentId: name, protocol: 2, transport: 'memory', remote, certificate: someCertificate });
  const begun = performance.now();
  registry.advertise(name, { epoch: 1n, routes: routes.map((text) => parseRoute(text)), autoDetected: new Set() });
  advertised.push(performance.now() - begun);
}

const network = {
  registry,
  failures: new RecentFailures(),
  policy: new PolicyInForce(BUILT_IN),
  settings: { agentCertMs: 0, longestSessionMs: null, direct: [] },
  places: () => undefined,
  world,
};
const written = Array.from({ length: ROUNDS }, (_, at) =>
  at % 3 === 0
    ? `10.${below(256)}.${below(256)}.${below(256)}:22`
    : at % 3 === 1
      ? `db.n${below(5000)}.corp.example:22`
      : `a.b.n${below(5000)}.corp.example:22`,
);
const decided: number[] = [];
let candidates = 0;
for (const target of [...written.slice(0, 2000), ...written]) {
  const begun = performance.now();
  const { record } = await judgeRequest(network, readRequest({ target }, null));
  decided.push(performance.now() - begun);
  candidates += record.candidates.length;
}

const known = registry.all();
const naive = written.slice(0, 50).map((target) => {
  const request = readRequest({ target }, null);
  const begun = performance.now();
  rankCandidates(request.target, known);
  return performance.now() - begun;
});

const us = (times: readonly number[], share: number) => ((times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? Number.NaN) * 1000).toFixed(1);
const table = {
  routes: agents * routesEach,
  agents,
  'candidates a request': (candidates / decided.length).toFixed(1),
  'decide p50 us': us(decided.slice(2000), 0.5),
  'addresses p50 us': us(
    decided.slice(2000).filter((_, at) => at % 3 === 0),
    0.5,
  ),
  'decide p99 us': us(decided.slice(2000), 0.99),
  'looking at all p50 us': us(naive, 0.5),
  'advertise p50 us': us(advertised, 0.5),
};
process.stdout.write(`${JSON.stringify(table)}\n`);
