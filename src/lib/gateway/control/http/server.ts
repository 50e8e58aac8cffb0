// The API as an HTTP server that never listens: connections are given to it by the front door or the local socket, requests by `inject` (architecture.md, decision 5).
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify';
import { CA_HEADER, REQUEST_ID_HEADER } from '../../../api/contract.ts';
import { statusesOf } from '../../../api/endpoint.ts';
import { ENDPOINTS } from '../../../api/endpoints.ts';
import { TunnelError } from '../../../base/errors.ts';
import { LIMITS } from '../../../base/limits.ts';
import type { TcpSocket, World } from '../../../base/world.ts';
import { sha256Hex } from '../../../pki/certificate-facts.ts';
import type { ControlContext } from '../context.ts';
import { agentsRoutes } from './agents.ts';
import { answeringOn, refuseOtherMethods } from './answering.ts';
import { auditRoutes } from './audit.ts';
import { answerBadPath, answerBrokenRequest } from './broken-request.ts';
import { caRoutes } from './ca.ts';
import { configRoutes } from './config.ts';
import { healthRoutes } from './health.ts';
import { parseJson } from './json-body.ts';
import { locksRoutes } from './locks.ts';
import { loginRoutes } from './login.ts';
import { policyRoutes } from './policy.ts';
import { sessionsRoutes } from './sessions.ts';
import { retryAfterSeconds, statusOf } from './status.ts';
import { stockRoutes } from './stock.ts';
import { tokensRoutes } from './tokens.ts';
import { answerTooLarge } from './too-large.ts';
import { tunnelsRoutes } from './tunnels.ts';
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
    genReqId: ({ headers }) => requestIdOf(headers[REQUEST_ID_HEADER], context.world.random),
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
    const { error, ...understood } = understand(thrown);
    const { endpoint } = request.routeOptions.config;
    const named = endpoint === undefined || statusesOf(endpoint).includes(understood.status);
    const status = understood.status === 415 && !named ? 400 : understood.status;
    if (!named && status !== 400)
      context.world.log.error({ error: thrown, requestId: request.id, status, route: endpoint.path }, 'the contract does not name this status');
    if (status === 413) return answerTooLarge(request, reply, error, context.world.clock);
    if (status >= 500)
      context.world.log.error({ error: thrown, requestId: request.id, method: request.method, route: request.routeOptions.url }, 'request failed');
    if (status === 429 || status === 503) reply.header('retry-after', retryAfterSeconds(error));
    if (status === 401) reply.header('www-authenticate', 'Bearer');
    return reply.code(status).send({ error });
  });
  app.addHook('onRequest', async ({ id }, reply) => void reply.header(REQUEST_ID_HEADER, id).raw.setHeader(REQUEST_ID_HEADER, id));
  app.addHook('onSend', async (_request, reply) => void reply.header(CA_HEADER, sha256Hex(Buffer.from(context.authority.bundlePem))));
  app.addHook('onResponse', async ({ method, routeOptions }, reply) => {
    const endpoint = routeOptions.config.endpoint;
    if (endpoint === undefined) return; // what no endpoint answers has no name to be counted by
    context.tallies.add('http_requests_total', { method, route: endpoint.path, status: String(reply.statusCode) });
    context.tallies.add('http_request_seconds_total', { method, route: endpoint.path }, reply.elapsedTime / 1000);
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: new TunnelError('resource.unknown', 'there is nothing at this path') }));
  const answer = answeringOn(app, whoCalls);
  for (const routes of [
    healthRoutes,
    configRoutes,
    caRoutes,
    loginRoutes,
    tokensRoutes,
    agentsRoutes,
    sessionsRoutes,
    tunnelsRoutes,
    locksRoutes,
    policyRoutes,
    auditRoutes,
    stockRoutes,
  ])
    routes(answer, context);
  refuseOtherMethods(app, ENDPOINTS);
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

/** One that a caller gave is kept, so that it finds its request again in our log; anything that is no plain word is not. */
function requestIdOf(given: string | string[] | undefined, { uuid }: World['random']): string {
  return typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given) ? given : uuid();
}
