// One-time strings: mint, list, revoke.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { MintRequest, PATHS, PageQuery } from '../../../api/contract.ts';
import { assertAdmin } from '../caller.ts';
import type { ControlContext } from '../context.ts';
import { mint } from '../mint.ts';
import { listTokens, revokeToken } from '../tokens.ts';
import { readAs } from './json-body.ts';
import type { WhoCalls } from './who-calls.ts';

const ById = z.object({ id: z.string().max(100) });

export function tokensRoutes(app: FastifyInstance, context: ControlContext, whoCalls: WhoCalls): void {
  app.post(PATHS.tokens, async (request) => {
    const caller = assertAdmin(await whoCalls(request));
    return mint(context, caller, readAs(MintRequest, request.body));
  });

  app.get(PATHS.tokens, async (request) => listTokens(context, await whoCalls(request), readAs(PageQuery, request.query, 'the query')));

  app.delete(`${PATHS.tokens}/:id`, async (request, reply) => {
    await revokeToken(context, await whoCalls(request), readAs(ById, request.params, 'the path').id);
    return reply.code(204).send();
  });
}
