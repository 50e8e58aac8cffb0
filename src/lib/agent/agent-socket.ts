// The socket in the agent's data folder on which a running agent says how it fares and what it goes by, and is asked to renew or to read its configuration again. HTTP, as the gateway's control.sock; whoever may open the folder may ask.
import { createHash } from 'node:crypto';
import type { Server, ServerResponse } from 'node:http';
import { join, resolve } from 'node:path';
import type { AgentRenewalAnswer } from '../api/agent-renewal.ts';
import type { AgentStatusAnswer } from '../api/agent-status.ts';
import type { ConfigAnswer, ReloadAnswer } from '../api/config.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { LocalPath, World } from '../base/world.ts';

export const AGENT_PATHS = { status: '/status', settings: '/settings', renew: '/renew', renewKey: '/renew?key=new', reload: '/reload' } as const;

/** What the agent can be asked. */
export interface AgentDesk {
  status(): AgentStatusAnswer;
  settings(): ConfigAnswer;
  renew(wanted: { readonly rotateKey: boolean }): Promise<AgentRenewalAnswer>;
  reload(): Promise<ReloadAnswer>;
}

/** Windows has named pipes, which lie in no folder: one for each data folder. */
export function socketOf(dataDir: string): LocalPath {
  if (process.platform !== 'win32') return { path: join(dataDir, 'agent.sock') };
  const folder = createHash('sha256').update(resolve(dataDir).toLowerCase()).digest('hex').slice(0, 16);
  return { path: `\\\\.\\pipe\\tunnel-agent-${folder}` };
}

/** For whoever holds the agent's lock: a socket that lies there is a dead one's. Errors as `net.listen`. */
export async function answerOnSocket(dataDir: string, desk: AgentDesk, { net, files, log }: World): Promise<AsyncDisposable> {
  const at = socketOf(dataDir);
  let server: Server | undefined;
  const open = new Set<{ destroy(): void }>();
  const clear = async () => {
    if (process.platform !== 'win32') await files.remove(at.path);
  };
  await clear();
  const listener = await net.listen(at, (socket) => {
    open.add(socket);
    socket.on('error', () => {}).once('close', () => open.delete(socket));
    server ??= deskServer(desk, log);
    server.emit('connection', socket);
  });
  return {
    async [Symbol.asyncDispose]() {
      await listener.close();
      for (const socket of open) socket.destroy();
      server?.close();
      await clear();
    },
  };
}

/** Made when somebody asks: until then node:http stays out of the agent's memory. */
function deskServer(desk: AgentDesk, log: World['log']): Server {
  const { createServer } = process.getBuiltinModule('node:http');
  const answers: Readonly<Record<string, () => object | Promise<object>>> = {
    [`GET ${AGENT_PATHS.status}`]: () => desk.status(),
    [`GET ${AGENT_PATHS.settings}`]: () => desk.settings(),
    [`POST ${AGENT_PATHS.renew}`]: () => desk.renew({ rotateKey: false }),
    [`POST ${AGENT_PATHS.renewKey}`]: () => desk.renew({ rotateKey: true }),
    [`POST ${AGENT_PATHS.reload}`]: () => desk.reload(),
  };
  const server = createServer({ maxHeaderSize: LIMITS.httpHeaderBytes }, ({ method, url }, response) => {
    const answer = answers[`${method} ${url}`];
    if (answer) void answerWith(answer, response, log);
    else send(response, 404, { error: new TunnelError('resource.unknown', 'there is nothing at this path') });
  });
  server.on('clientError', (error, socket) => {
    log.debug({ error }, 'a request to the agent was broken');
    socket.destroy();
  });
  server.emit('listening'); // or its timeouts never fire
  return server;
}

async function answerWith(answer: () => object | Promise<object>, response: ServerResponse, log: World['log']): Promise<void> {
  try {
    send(response, 200, await answer());
  } catch (error) {
    log.warn({ error }, 'what the agent was asked for failed');
    send(response, 500, { error: error instanceof TunnelError ? error : new TunnelError('internal', 'the agent failed; its log says why') });
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify(body));
}
