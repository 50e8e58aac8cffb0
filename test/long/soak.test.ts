// Connect, transfer, drop, for as long as it takes to see a leak: memory and descriptors of every process stay flat, over QUIC with 1 % loss and over TLS. FULL=1 for ten minutes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, type TestContext, test } from 'node:test';
import { type Chain, connectTo, startChain } from '../support/chain.ts';
import { type Running, start } from '../support/cli.ts';
import { COLLECTS_GARBAGE } from '../support/collect-garbage.ts';
import { edgePid } from '../support/edge-pid.ts';
import { describeTrend, Holdings } from '../support/holdings.ts';
import { dial, pattern, patternSha256, readToEnd, startTarget } from '../support/tcp.ts';
import { udpProxy } from '../support/udp-proxy.ts';

const SOAK_MS = process.env['FULL'] === '1' ? 600_000 : 60_000;
/** Until every path has run, and was compiled. */
const WARM_UP_MS = SOAK_MS / 4;
const SAMPLE_MS = 500;
const BYTES = 512 * 1024;
const AT_ONCE = 3;
/** A whole `tunnel connect` comes and goes so often. */
const COMMAND_MS = 5000;
const HUNG_MS = 20_000;
const GROWTH_BYTES = 12 * 1024 * 1024;
/** Nothing makes an edge collect its garbage here; it bounds that itself (system/heap-for-bytes.ts). */
const EDGE_GARBAGE_BYTES = 30 * 1024 * 1024;
const GROWTH_DESCRIPTORS = 4;

describe('memory and descriptors stay flat', { concurrency: 2 }, () => {
  for (const transport of ['quic', 'tls'] as const) {
    test(`${SOAK_MS / 1000} s over ${transport}${transport === 'quic' ? ' with 1 % loss' : ''}`, async (t) => {
      const chain = await startChain(t, { gatewayEnv: COLLECTS_GARBAGE });
      const agent = await agentOver(t, chain, transport);
      const target = await startTarget(t, (socket) => void socket.pipe(socket));
      const running = start(t, ['connect', `127.0.0.1:${target}`, '--config-dir', chain.operatorFolder, '--wait', '30s'], { env: COLLECTS_GARBAGE });
      const port = Number(/\d+$/.exec(String((await running.event('ready'))['listen'])));
      const holdings = new Holdings({ control: pidOf(chain.gateway), edge: await edgePid(chain), agent: pidOf(agent), connect: pidOf(running) });

      const began = performance.now();
      const isOver = () => performance.now() - began >= SOAK_MS;
      const sampling = setInterval(() => performance.now() - began >= WARM_UP_MS && holdings.sample(), SAMPLE_MS);
      const done = { transfers: 0, drops: 0, commands: 0, hung: 0 };
      const transferAndDrop = async () => {
        while (!isOver()) {
          if (!(await endsInTime((late) => transfer(t, port, late)))) done.hung += 1;
          done.transfers += 1;
          await drop(t, port);
          done.drops += 1;
        }
      };
      const commands = async () => {
        while (!isOver()) {
          const next = new Promise((resolve) => setTimeout(resolve, COMMAND_MS));
          const { port: own, running: command } = await connectTo(t, chain, `127.0.0.1:${target}`);
          if (!(await endsInTime((late) => transfer(t, own, late)))) done.hung += 1;
          await command.stop();
          done.commands += 1;
          await next;
        }
      };
      await Promise.all([...Array.from({ length: AT_ONCE }, transferAndDrop), commands()]).finally(() => clearInterval(sampling));

      const trends = holdings.trends();
      t.diagnostic(
        `${done.transfers} transfers of ${BYTES / 1024} KiB there and back, ${done.drops} cut short, ${done.commands} commands; ${done.hung} transfers hung`,
      );
      assert.equal(done.hung, 0);
      for (const trend of trends) t.diagnostic(describeTrend(trend));
      for (const trend of trends) {
        const most = GROWTH_BYTES + (trend.name === 'edge' ? EDGE_GARBAGE_BYTES : 0);
        assert.ok(trend.last.bytes - trend.first.bytes < most, describeTrend(trend));
        assert.ok(trend.last.descriptors - trend.first.descriptors <= GROWTH_DESCRIPTORS, describeTrend(trend));
      }
    });
  }
});

async function agentOver(t: TestContext, chain: Chain, transport: 'quic' | 'tls'): Promise<Running> {
  await chain.agent.stop();
  const [, address = '', port = ''] = /^(.*):(\d+)$/.exec(String(chain.ready['udp'])) ?? [];
  const proxy = await udpProxy(t, { address, port: Number(port) });
  proxy.weather({ loss: 0.01 }, 1);
  const agent = start(t, ['agent', 'start', '--data-dir', chain.agentFolder, '--transport', transport, '--quic-endpoint', `127.0.0.1:${proxy.at.port}`], {
    env: COLLECTS_GARBAGE,
  });
  await agent.event('ready');
  return agent;
}

/** False where it did not end in time. */
async function endsInTime(work: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), HUNG_MS);
  try {
    await work(late.signal);
    return true;
  } catch (error) {
    if (late.signal.aborted) return false;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Every byte there and back. */
async function transfer(t: TestContext, port: number, late: AbortSignal): Promise<void> {
  const socket = await dial(t, port);
  late.addEventListener('abort', () => socket.destroy(new Error('hung')), { once: true });
  const ending = readToEnd(socket);
  for (const part of pattern(BYTES)) socket.write(part);
  socket.end();
  assert.deepEqual(await ending, { bytes: BYTES, sha256: patternSha256(BYTES), end: 'fin' });
}

/** Cut by the client in the middle. */
async function drop(t: TestContext, port: number): Promise<void> {
  const socket = await dial(t, port);
  for (const part of pattern(BYTES)) socket.write(part);
  await once(socket, 'data');
  socket.resetAndDestroy();
}

function pidOf({ child: { pid } }: Running): number {
  return pid ?? assert.fail('it does not run');
}
