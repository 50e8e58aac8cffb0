// Operators: list, and delete.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { PATHS } from '../../../api/contract.ts';
import { PageQuery } from '../../../api/shapes.ts';
import type { ControlContext } from '../context.ts';
import { deleteOperator, listOperators } from '../operators.ts';
import { readAs } from './json-body.ts';
import type { WhoCalls } from './who-calls.ts';

const ByName = z.object({ name: z.string().min(1).max(255) });

export function operatorsRoutes(app: FastifyInstance, context: ControlContext, whoCalls: WhoCalls): void {
  app.get(PATHS.operators, async (request) => {
    const caller = await whoCalls(request);
    const { after, limit } = readAs(PageQuery, request.query, 'the query');
    return listOperators(context, caller, { after: after ?? null, limit });
  });

  app.delete(`${PATHS.operators}/:name`, async (request) => deleteOperator(context, await whoCalls(request), readAs(ByName, request.params, 'the path').name));
}
