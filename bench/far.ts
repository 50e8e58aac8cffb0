// `node bench/far.ts`: how long a client that speaks first waits for its first answer, where operator and agent are both 50 ms (there and back) from the gateway.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { tunnelOverTls } from './chains/tunnel.ts';
import { forkListener } from './process.ts';

const ONE_WAY_MS = 25;
const CONNECTIONS = 50;

await using all = new AsyncDisposableStack();
const target = await forkListener(new URL('./target.ts', import.meta.url), [], all);
const gatewayPort = await freePort();
const relay = await forkListener(new URL('./far-relay.ts', import.meta.url), [`${gatewayPort}`, `${ONE_WAY_MS}`], all);
const { port } = await tunnelOverTls.start(target.said, all, { gatewayPort, publicPort: relay.said });

const times: number[] = [];
for (let count = 0; count < CONNECTIONS; count++) {
  const began = performance.now();
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  socket.write('e\0\0\0\0x');
  await once(socket, 'data');
  times.push(performance.now() - began);
  socket.destroy();
}
times.sort((one, other) => one - other);
const at = (share: number) => Math.round(times[Math.floor(share * CONNECTIONS)] ?? Number.NaN);
process.stdout.write(`first answer, 50 ms on each leg: p50 ${at(0.5)} ms, p90 ${at(0.9)} ms\n`);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const found = server.address();
  server.close();
  await once(server, 'close');
  return found !== null && typeof found === 'object' ? found.port : 0;
}
