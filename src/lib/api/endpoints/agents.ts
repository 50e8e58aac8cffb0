// Endpoints of agents and routes.
import { z } from 'zod';
import * as agents from '../agents.ts';
import * as contract from '../contract.ts';
import type { Endpoint } from '../endpoint.ts';
import * as locks from '../locks.ts';
import { name, PageQuery } from '../shapes.ts';

const { PATHS } = contract;
const ByAgent = z.object({ agent: name });

export const agentEndpoints = {
  listAgents: { method: 'GET', path: PATHS.agents, who: 'login', summary: 'agents that the caller may reach', query: PageQuery, answer: agents.AgentList },
  getAgent: {
    method: 'GET',
    path: `${PATHS.agents}/:agent`,
    who: 'login',
    summary: 'an agent, by name or id',
    params: ByAgent,
    answer: agents.AgentRow,
    failures: [404],
  },
  changeAgent: {
    method: 'PATCH',
    path: `${PATHS.agents}/:agent`,
    who: 'admin',
    summary: 'change what an agent may carry',
    params: ByAgent,
    body: agents.AgentChange,
    answer: agents.AgentChanged,
    failures: [404, 409],
  },
  revokeAgent: {
    method: 'POST',
    path: `${PATHS.agents}/:agent/revoke`,
    who: 'admin',
    summary: 'revoke its keys and cut it off',
    params: ByAgent,
    body: locks.ReasonRequest,
    answer: locks.CutAnswer,
    failures: [404],
  },
  deleteAgent: { method: 'DELETE', path: `${PATHS.agents}/:agent`, who: 'admin', summary: 'revoke and delete it', params: ByAgent, failures: [404] },
  listRoutes: { method: 'GET', path: PATHS.routes, who: 'login', summary: 'routes that the caller may use', query: PageQuery, answer: agents.RouteList },
  resolve: {
    method: 'POST',
    path: PATHS.resolve,
    who: 'login',
    summary: 'which agent would carry a target, and why',
    body: contract.ResolveRequest,
    answer: contract.Resolution,
  },
} as const satisfies Record<string, Endpoint>;
