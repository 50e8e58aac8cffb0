// Routes: what goes where, and why a target would go there.
import type { FastifyInstance } from 'fastify';
import { PATHS, type Resolution, ResolveRequest } from '../../../api/contract.ts';
import { PageQuery } from '../../../api/shapes.ts';
import { listRoutes } from '../agents.ts';
import type { ControlContext } from '../context.ts';
import { resolve } from '../resolve.ts';
import { readAs } from './json-body.ts';
import type { WhoCalls } from './who-calls.ts';

export function routesRoutes(app: FastifyInstance, context: ControlContext, whoCalls: WhoCalls): void {
  app.get(PATHS.routes, async (request) => listRoutes(context, await whoCalls(request), readAs(PageQuery, request.query, 'the query')));

  app.post(PATHS.resolve, async (request): Promise<Resolution> => {
    return await resolve(context, await whoCalls(request), readAs(ResolveRequest, request.body));
  });
}
