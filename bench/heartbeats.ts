// One more agent, whose heartbeats are timed: how long an edge with many others takes to answer.
import { join } from 'node:path';
import { waysTo } from '../src/lib/agent/dial-gateway.ts';
import { enrol } from '../src/lib/agent/enrol.ts';
import { Installed } from '../src/lib/agent/installed.ts';
import { silentLedger } from '../src/lib/agent/ledger.ts';
import { servingOf } from '../src/lib/agent/serving.ts';
import type { World } from '../src/lib/base/world.ts';
import { agentControl } from '../src/lib/link/control.ts';

const EVERY_MS = 100;

export interface HeartbeatProbe extends AsyncDisposable {
  /** From now on. */
  forget(): void;
  figures(): { readonly p50Ms: number; readonly worstMs: number };
}

export async function probeHeartbeats(enrolmentString: string, folder: string, transport: 'quic' | 'tls', world: World): Promise<HeartbeatProbe> {
  const over = new AbortController();
  const { signal } = over;
  const dataDir = join(folder, 'probe');
  await enrol({ dataDir, enrolmentString, verify: false, os: 'linux', hostname: 'bench' }, world, signal);
  const installed = await Installed.open(dataDir, world);
  const dial = waysTo(() => ({ endpoint: installed.config.quic_endpoint, config: installed.config, identity: installed.identity }), world)[transport];
  if (dial === undefined) throw new Error(`no way over ${transport}`);
  const link = await dial(signal);
  const control = await agentControl(link, servingOf(installed, installed.inForce, null, silentLedger()).hello, world, signal);
  void link.closed.then((end) => signal.aborted || console.error('the probe lost its link', end));
  const sent: number[] = [];
  let times: number[] = [];
  const hearing = (async () => {
    for await (const message of control.messages) {
      if (message.kind === 'assignment') await control.send({ kind: 'route-advertise', epoch: 1n, subnets: message.subnets, names: [] });
      if (message.kind === 'heartbeat-ack') times.push(performance.now() - (sent[Number(message.sentAtMs)] ?? 0));
    }
  })();
  const asking = (async () => {
    while (!signal.aborted) {
      const number = sent.push(performance.now()) - 1;
      await control.send({ kind: 'heartbeat', sentAtMs: BigInt(number), streams: 0 });
      await world.clock.sleep(EVERY_MS, signal);
    }
  })();
  const ended = Promise.allSettled([hearing, asking]);
  return {
    forget() {
      times = [];
    },
    figures() {
      const sorted = times.toSorted((one, other) => one - other);
      return { p50Ms: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN, worstMs: sorted.at(-1) ?? Number.NaN };
    },
    async [Symbol.asyncDispose]() {
      over.abort();
      await link.close();
      await ended;
    },
  };
}
