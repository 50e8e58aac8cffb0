// Agents as our own API shows and changes them, and their routes; version 1's paths are in stock.ts.
import { agentEndpoints } from '../../../api/endpoints/agents.ts';
import { changeAgent, deleteAgent, getAgent, listAgents, revokeAgent } from '../agents.ts';
import type { ControlContext } from '../context.ts';
import { listRoutes } from '../list-routes.ts';
import { resolve } from '../resolve.ts';
import type { Answering } from './answering.ts';

export function agentsRoutes(answer: Answering, context: ControlContext): void {
  answer(agentEndpoints.listAgents, ({ caller, query }) => listAgents(context, caller, query));
  answer(agentEndpoints.getAgent, ({ caller, params }) => getAgent(context, caller, params.agent));
  answer(agentEndpoints.changeAgent, ({ caller, params, body }) => changeAgent(context, caller, params.agent, body));
  answer(agentEndpoints.revokeAgent, ({ caller, params, body }) => revokeAgent(context, caller, params.agent, body.reason ?? null));
  answer(agentEndpoints.deleteAgent, ({ caller, params }) => deleteAgent(context, caller, params.agent));
  answer(agentEndpoints.listRoutes, ({ caller, query }) => listRoutes(context, caller, query));
  answer(agentEndpoints.resolve, ({ caller, body }) => resolve(context, caller, body));
}
