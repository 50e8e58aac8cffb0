// The socket in the agent's data folder on which a running agent says how it fares, and the asking of it. HTTP, as the gateway's control.sock.
import { createHash } from 'node:crypto';
import type { Server } from 'node:http';
import { join, resolve } from 'node:path';
import { AgentStatusAnswer } from '../api/agent-status.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { LocalPath, World } from '../base/world.ts';
import { certificateFacts } from '../pki/certificate-facts.ts';
import { Installed } from './installed.ts';

const PATH = '/status';

/** Windows has named pipes, which lie in no folder: one for each data folder. */
function socketOf(dataDir: string): LocalPath {
  if (process.platform !== 'win32') return { path: join(dataDir, 'agent.sock') };
  const folder = createHash('sha256').update(resolve(dataDir).toLowerCase()).digest('hex').slice(0, 16);
  return { path: `\\\\.\\pipe\\tunnel-agent-${folder}` };
}

/** For whoever holds the agent's lock: a socket that lies there is a dead one's. Errors as `net.listen`. */
export async function answerStatus(dataDir: string, status: () => AgentStatusAnswer, { net, files, log }: World): Promise<AsyncDisposable> {
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
    server ??= statusServer(status, log);
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
function statusServer(status: () => AgentStatusAnswer, log: World['log']): Server {
  const { createServer } = process.getBuiltinModule('node:http');
  const server = createServer({ maxHeaderSize: LIMITS.httpHeaderBytes }, (request, response) => {
    const known = request.method === 'GET' && request.url === PATH;
    response.writeHead(known ? 200 : 404, { 'content-type': 'application/json', connection: 'close' });
    response.end(known ? JSON.stringify(status()) : '{}');
  });
  server.on('clientError', (error, socket) => {
    log.debug({ error }, 'a status request was broken');
    socket.destroy();
  });
  server.emit('listening'); // or its timeouts never fire
  return server;
}

/** Of the agent that runs on this folder. Errors `agent.not-enrolled`, `config.invalid`, `file.loose-mode`, and `agent.offline` where none runs. */
export async function askStatus(dataDir: string, world: World, signal: AbortSignal): Promise<AgentStatusAnswer> {
  const { config, identity } = await Installed.open(dataDir, world);
  const at = socketOf(dataDir);
  const connect = async (signal: AbortSignal) => {
    try {
      return await world.net.connect(at, signal);
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      const until = new Date(certificateFacts(identity.certificatePem).notAfter).toISOString();
      throw new TunnelError(
        'agent.offline',
        `the agent ${config.name} (${config.agent_id}) of ${config.gateway} does not run here; its certificate is valid until ${until}`,
        {
          hint: `Start it: tunnel agent start --data-dir '${dataDir}'`,
          cause,
        },
      );
    }
  };
  const { httpExchange } = await import('../api/exchange.ts');
  const exchange = httpExchange({ host: 'localhost', prefix: '', called: at.path, connect }, world);
  const { status, body } = await exchange({ method: 'GET', path: PATH }, signal);
  const answer = AgentStatusAnswer.safeParse(status === 200 ? JSON.parse(body) : undefined);
  if (answer.success) return answer.data;
  throw new TunnelError('protocol.violation', `${at.path} answered what is no status of an agent (HTTP ${status})`, { cause: answer.error });
}
