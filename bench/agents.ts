// Many agents in one process, each with its identity and the code of `agent start`: enrolled at 'enrol', started at 'start'. Forked by idle-agents.ts.
import { join } from 'node:path';
import { enrol } from '../src/lib/agent/enrol.ts';
import { type Agent, startAgent } from '../src/lib/agent/start.ts';
import type { World } from '../src/lib/base/world.ts';
import { realWorld } from '../src/lib/system/real-world.ts';
import type { TransportName } from '../src/lib/transport/link.ts';

/** What the parent asks for; each is answered with `done`. */
export type Order =
  | { readonly do: 'enrol'; readonly folder: string; readonly tokens: readonly string[] }
  | { readonly do: 'start'; readonly transport: Exclude<TransportName, 'memory'>; readonly sources: readonly string[] };

const ENROL_AT_ONCE = 8;
const world = realWorld({ level: 'silent' });
const dataDirs: string[] = [];
const agents: Agent[] = [];

process.on('message', (order: Order) => {
  void (order.do === 'enrol' ? enrolAll(order) : startAll(order)).then(() => process.send?.('done'));
});
process.once('disconnect', () => process.exit(0));

async function enrolAll({ folder, tokens }: Order & { do: 'enrol' }): Promise<void> {
  const left = [...tokens.entries()];
  const worker = async () => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const [index, enrolmentString] = next;
      const dataDir = join(folder, `agent-${index}`);
      await enrol({ dataDir, enrolmentString, verify: false, os: 'linux', hostname: 'bench' }, world, new AbortController().signal);
      dataDirs.push(dataDir);
    }
  };
  await Promise.all(Array.from({ length: ENROL_AT_ONCE }, worker));
}

/** Does not wait for the links: the parent asks the gateway for those. */
async function startAll({ transport, sources }: Order & { do: 'start' }): Promise<void> {
  const from = (index: number): World => {
    const address = sources[index % sources.length];
    if (address === undefined) return world;
    return { ...world, net: { ...world.net, bindUdp: ({ port }, onDatagram) => world.net.bindUdp({ address, port }, onDatagram) } };
  };
  agents.push(...(await Promise.all(dataDirs.map((dataDir, index) => startAgent({ dataDir, transport }, from(index))))));
}
