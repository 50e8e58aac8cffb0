// The API on control of a stand, asked without a socket as somebody who is logged in, for tests.
import type { TestContext } from 'node:test';
import type { FastifyInstance } from 'fastify';
import type { World } from '../../src/lib/base/world.ts';
import { buildApi } from '../../src/lib/gateway/control/http/server.ts';
import { bearerCalls } from '../../src/lib/gateway/control/http/who-calls.ts';
import { hashSecret } from '../../src/lib/tokens/secret.ts';
import { type ControlStand, controlStand } from './control-stand.ts';

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Undefined where the body is no JSON. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

export type Ask = (method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', url: string, body?: unknown, headers?: Record<string, string>) => Promise<Answered>;

export interface ApiStand extends ControlStand {
  readonly app: FastifyInstance;
  /** A login of a new operator. */
  login(name: string, more?: { readonly agents?: readonly string[]; readonly kind?: 'operator' | 'admin' }): Promise<Ask>;
  readonly nobody: Ask;
}

export async function apiStand(t: TestContext, world: Partial<World> = {}): Promise<ApiStand> {
  const stand = await controlStand(t, world);
  const { context } = stand.control;
  const { app, ...api } = await buildApi(context, { whoCalls: bearerCalls(context) });
  t.after(() => api[Symbol.asyncDispose]());

  const asking =
    (bearer: Record<string, string>): Ask =>
    async (method, url, body, headers = {}) => {
      const sent = body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) };
      const type = body === undefined ? {} : { 'content-type': 'application/json' };
      const answer = await app.inject({ method, url, headers: { ...type, ...bearer, ...headers }, ...sent });
      const isJson = String(answer.headers['content-type']).startsWith('application/json');
      return { status: answer.statusCode, headers: answer.headers, json: isJson ? answer.json() : undefined };
    };

  return {
    ...stand,
    app,
    nobody: asking({}),
    async login(name, { agents, kind = 'operator' } = {}) {
      const { store } = stand;
      const secret = `secret of ${name}`.replaceAll(' ', '-');
      const { id } = await store.operators.upsert({ id: stand.world.random.uuid(), name, kind, agents: agents ?? null, targets: null });
      await store.credentials.insert({ hash: hashSecret(secret), operatorId: id, tokenId: null, expiresAt: stand.world.clock.now() + 3_600_000 });
      return asking({ authorization: `Bearer ${secret}` });
    },
  };
}
