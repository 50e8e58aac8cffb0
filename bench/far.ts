// `node bench/far.ts`: how long a client that speaks first waits for its first answer, where operator and agent are both 50 ms (there and back) from the gateway.
import { freePorts } from '../test/support/free-ports.ts';
import { tunnelOverTls } from './chains/tunnel.ts';
import { ask, echoOnce, quantile } from './measure.ts';
import { forkListener } from './process.ts';

const ONE_WAY_MS = 25;
const CONNECTIONS = 50;

await using all = new AsyncDisposableStack();
const target = await forkListener(new URL('./target.ts', import.meta.url), [], all);
const [gatewayPort = 0] = await freePorts(1);
const relay = await forkListener(new URL('./far-relay.ts', import.meta.url), [`${gatewayPort}`, `${ONE_WAY_MS}`], all);
const { port } = await tunnelOverTls.start(target.said, all, { gatewayPort, publicPort: relay.said });

const times: number[] = [];
for (let count = 0; count < CONNECTIONS; count++) {
  const began = performance.now();
  const socket = ask(port, 'e', 0);
  await echoOnce(socket);
  times.push(performance.now() - began);
  socket.destroy();
}
process.stdout.write(`first answer, 50 ms on each leg: p50 ${Math.round(quantile(times, 0.5))} ms, p90 ${Math.round(quantile(times, 0.9))} ms\n`);
