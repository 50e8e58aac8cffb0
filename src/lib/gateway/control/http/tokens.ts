// Strings: mint, list, find, revoke.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { PATHS } from '../../../api/contract.ts';
import { MintRequest, TokenQuery } from '../../../api/tokens.ts';
import { assertAdmin } from '../caller.ts';
import type { ControlContext } from '../context.ts';
import { mint } from '../mint.ts';
import { findTokens, listTokens, revokeTokens } from '../tokens.ts';
import { readAs } from './json-body.ts';
import type { WhoCalls } from './who-calls.ts';

const Which = z.object({ which: z.string().min(1).max(300) });

export function tokensRoutes(app: FastifyInstance, context: ControlContext, whoCalls: WhoCalls): void {
  app.post(PATHS.tokens, async (request) => {
    const caller = assertAdmin(await whoCalls(request));
    return mint(context, caller, readAs(MintRequest, request.body));
  });

  app.get(PATHS.tokens, async (request) => listTokens(context, await whoCalls(request), readAs(TokenQuery, request.query, 'the query')));

  app.get(`${PATHS.tokens}/:which`, async (request) => findTokens(context, await whoCalls(request), readAs(Which, request.params, 'the path').which));

  app.delete(`${PATHS.tokens}/:which`, async (request) => revokeTokens(context, await whoCalls(request), readAs(Which, request.params, 'the path').which));
}
