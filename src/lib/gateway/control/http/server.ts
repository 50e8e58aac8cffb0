// The API as an HTTP server that never listens: connections are given to it by the front door or the local socket, requests by `inject` (architecture.md, decision 5).
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify';
import { CA_HEADER } from '../../../api/contract.ts';
import { TunnelError } from '../../../base/errors.ts';
import { LIMITS } from '../../../base/limits.ts';
import type { TcpSocket } from '../../../base/world.ts';
import { sha256Hex } from '../../../pki/certificate-facts.ts';
import type { ControlContext } from '../context.ts';
import { agentsRoutes } from './agents.ts';
import { auditRoutes } from './audit.ts';
import { answerBadPath, answerBrokenRequest } from './broken-request.ts';
import { caRoutes } from './ca.ts';
import { healthRoutes } from './health.ts';
import { parseJson } from './json-body.ts';
import { locksRoutes } from './locks.ts';
import { loginRoutes } from './login.ts';
import { operatorsRoutes } from './operators.ts';
import { routesRoutes } from './routes.ts';
import { sessionsRoutes } from './sessions.ts';
import { statusOf } from './status.ts';
import { stockRoutes } from './stock.ts';
import { tokensRoutes } from './tokens.ts';
import { answerTooLarge } from './too-large.ts';
import type { WhoCalls } from './who-calls.ts';

const REQUEST_MS = 30_000;
const HEADERS_MS = 10_000;
const CHECK_EVERY_MS = 2000;

export interface Api extends AsyncDisposable {
  /** For use without a socket. */
  readonly app: FastifyInstance;
  /** A connection that was accepted elsewhere; TLS starts on it where the API has a certificate. */
  take(socket: TcpSocket): void;
  /** For connections from now on. */
  useCertificate(certificate: ServerCertificate): void;
}

export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Everything of `api/contract.ts`. `whoCalls` is all that differs between the socket of this machine and the one of the world. */
export async function buildApi(
  context: ControlContext,
  { whoCalls, certificate }: { readonly whoCalls: WhoCalls; readonly certificate?: ServerCertificate },
): Promise<Api> {
  const limits = { maxHeaderSize: LIMITS.httpHeaderBytes, requestTimeout: REQUEST_MS, headersTimeout: HEADERS_MS, connectionsCheckingInterval: CHECK_EVERY_MS };
  let server: HttpServer | HttpsServer | undefined;
  const serverFactory: FastifyServerOptions['serverFactory'] = (handler) => {
    server = certificate
      ? createHttpsServer({ ...limits, ...certificate, ALPNProtocols: ['http/1.1'], handshakeTimeout: LIMITS.clientHelloMs }, handler)
      : createHttpServer(limits, handler);
    return server as HttpServer;
  };
  const app = Fastify({
    serverFactory,
    bodyLimit: LIMITS.httpBodyBytes,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    return503OnClosing: false,
    clientErrorHandler: answerBrokenRequest(context.world.clock),
    routerOptions: { maxParamLength: LIMITS.httpHeaderBytes }, // names have up to 255 characters and may be encoded; Fastify's 100 would refuse them
    frameworkErrors: answerBadPath,
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, async (_request: unknown, body: string) => parseJson(body));
  app.setErrorHandler((thrown, request, reply) => {
    const { status, error } = understand(thrown);
    if (status === 413) return answerTooLarge(request, reply, error, context.world.clock);
    if (status >= 500) context.world.log.error({ error: thrown, method: request.method, route: request.routeOptions.url }, 'request failed');
    if (status === 429 || status === 503) reply.header('retry-after', '1');
    if (status === 401) reply.header('www-authenticate', 'Bearer');
    return reply.code(status).send({ error });
  });
  app.addHook('onSend', async (_request, reply) => void reply.header(CA_HEADER, sha256Hex(Buffer.from(context.authority.bundlePem))));
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: new TunnelError('resource.unknown', 'there is nothing at this path') }));
  for (const routes of [
    healthRoutes,
    caRoutes,
    loginRoutes,
    tokensRoutes,
    agentsRoutes,
    routesRoutes,
    sessionsRoutes,
    operatorsRoutes,
    locksRoutes,
    auditRoutes,
    stockRoutes,
  ])
    routes(app, context, whoCalls);
  await app.ready();
  const ready = server;
  if (!ready) throw new TypeError('fastify made no server');
  ready.emit('listening'); // what starts the timeouts of headers and requests
  return {
    app,
    take: (socket) => void ready.emit('connection', socket),
    useCertificate: (next) => 'setSecureContext' in ready && ready.setSecureContext(next),
    async [Symbol.asyncDispose]() {
      ready.closeAllConnections();
      ready.close(); // it never listened: this ends the timers that `listening` started
      await app.close();
    },
  };
}

/** Nothing of our insides gets out: an error that is not ours is `internal` in one sentence. */
function understand(thrown: unknown): { status: number; error: TunnelError } {
  if (thrown instanceof TunnelError) return { status: statusOf(thrown), error: thrown };
  const status = thrown instanceof Error && 'statusCode' in thrown && typeof thrown.statusCode === 'number' ? thrown.statusCode : 500;
  if (status >= 400 && status < 500 && thrown instanceof Error) return { status, error: new TunnelError('request.malformed', thrown.message) };
  return { status: 500, error: new TunnelError('internal', 'the gateway failed', { hint: 'Its log says more.' }) };
}
