// Puts an endpoint of the API's table on the server: who calls, then what was asked, each judged by the table, then the work.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Endpoint } from '../../../api/endpoint.ts';
import { assertAdmin, type Caller } from '../caller.ts';
import { readAs } from './json-body.ts';
import type { WhoCalls } from './who-calls.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    endpoint?: Endpoint;
  }
}

type Read<Shape> = Shape extends z.ZodType ? z.output<Shape> : undefined;
type Part<E extends Endpoint, Name extends 'params' | 'query' | 'body'> = E extends Readonly<Record<Name, infer Shape>> ? Read<Shape> : undefined;

export interface Asked<E extends Endpoint> {
  readonly caller: E['who'] extends 'login' | 'admin' ? Caller : null;
  readonly params: Part<E, 'params'>;
  readonly query: Part<E, 'query'>;
  readonly body: Part<E, 'body'>;
  readonly request: FastifyRequest;
}
type Answer<E extends Endpoint> = E extends { readonly answer: infer Shape } ? (Shape extends z.ZodType ? z.input<Shape> : string) : void;

/** How failures of bare endpoints are answered; everything else is left to the handler of all errors. */
type Manner = (request: FastifyRequest, reply: FastifyReply, work: () => Promise<unknown>) => Promise<unknown>;

export type Answering = <const E extends Endpoint>(endpoint: E, work: (asked: Asked<E>) => Promise<Answer<E>> | Answer<E>, manner?: Manner) => void;

export function answeringOn(app: FastifyInstance, whoCalls: WhoCalls): Answering {
  return (endpoint, work, manner = asItIs) => {
    const { method, path, who, params, query, body, answer } = endpoint;
    const handle = async (request: FastifyRequest) => {
      const caller = who === 'anybody' || who === 'string' ? null : await whoCalls(request);
      if (caller && who === 'admin') assertAdmin(caller);
      const asked = {
        caller,
        params: params && readAs(params, request.params, 'the path'),
        query: query && readAs(query, request.query, 'the query'),
        body: body && readAs(body, request.body),
        request,
      };
      return work(asked as Asked<typeof endpoint>); // what the table says of each part is what was just read
    };
    app.route({
      method,
      url: path,
      config: { endpoint },
      handler: async (request, reply) => {
        const answered = await manner(request, reply, () => handle(request));
        if (reply.sent) return reply;
        if (answer === undefined) return reply.code(204).send();
        return typeof answer === 'string' ? reply.type(answer).send(answered) : answered;
      },
    });
  };
}

const asItIs: Manner = (_request, _reply, work) => work();

/** Where there is something, but not by this method. */
export function refuseOtherMethods(app: FastifyInstance, endpoints: readonly Endpoint[]): void {
  for (const [path, of] of Map.groupBy(endpoints, ({ path }) => path)) {
    const known: readonly string[] = of.map(({ method }) => method);
    const others = app.supportedMethods.filter((method) => !known.includes(method));
    const refuse = (_request: FastifyRequest, reply: FastifyReply) => reply.code(405).header('allow', known.join(', ')).send();
    app.route({ method: others, url: path, onRequest: async (request, reply) => refuse(request, reply), handler: refuse });
  }
}
