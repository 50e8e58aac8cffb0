// Agents as our own API shows and changes them; version 1's paths are in stock.ts.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AgentChange, PATHS } from '../../../api/contract.ts';
import { ReasonRequest } from '../../../api/locks.ts';
import { PageQuery } from '../../../api/shapes.ts';
import { changeAgent, deleteAgent, getAgent, listAgents, revokeAgent } from '../agents.ts';
import { assertAdmin } from '../caller.ts';
import type { ControlContext } from '../context.ts';
import { readAs } from './json-body.ts';
import type { WhoCalls } from './who-calls.ts';

const ByAgent = z.object({ agent: z.string().min(1).max(255) });

export function agentsRoutes(app: FastifyInstance, context: ControlContext, whoCalls: WhoCalls): void {
  app.get(PATHS.agents, async (request) => listAgents(context, await whoCalls(request), readAs(PageQuery, request.query, 'the query')));

  app.get(`${PATHS.agents}/:agent`, async (request) => getAgent(context, await whoCalls(request), readAs(ByAgent, request.params, 'the path').agent));

  app.patch(`${PATHS.agents}/:agent`, async (request) => {
    const caller = assertAdmin(await whoCalls(request));
    return changeAgent(context, caller, readAs(ByAgent, request.params, 'the path').agent, readAs(AgentChange, request.body));
  });

  app.post(`${PATHS.agents}/:agent/revoke`, async (request) => {
    const caller = assertAdmin(await whoCalls(request));
    return revokeAgent(context, caller, readAs(ByAgent, request.params, 'the path').agent, readAs(ReasonRequest, request.body).reason ?? null);
  });

  app.delete(`${PATHS.agents}/:agent`, async (request, reply) => {
    await deleteAgent(context, await whoCalls(request), readAs(ByAgent, request.params, 'the path').agent);
    return reply.code(204).send();
  });
}
