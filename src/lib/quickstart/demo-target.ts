// The web server that quickstart reaches: on loopback, gone with it.
import { createServer } from 'node:http';
import type { World } from '../base/world.ts';

export interface DemoTarget extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly target: string;
}

export const GREETING = 'Hello from behind the tunnel.';

export async function startDemoTarget({ net }: World): Promise<DemoTarget> {
  const server = createServer((_request, response) => response.end(`${GREETING}\n`));
  const listener = await net.listen({ address: '127.0.0.1', port: 0 }, (socket) => server.emit('connection', socket));
  const port = 'port' in listener.at ? listener.at.port : 0;
  return {
    target: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await listener.close();
      server.closeAllConnections();
    },
  };
}
