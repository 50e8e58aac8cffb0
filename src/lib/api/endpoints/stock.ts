// Endpoints of version 1, as stock agents and their tools know them.
import { z } from 'zod';
import * as contract from '../contract.ts';
import type { Endpoint } from '../endpoint.ts';
import { ById } from '../shapes.ts';

/** Of version 1, with its bare statuses (reference.md, 1 and 8), under both prefixes. */
function stockUnder<Prefix extends string>(prefix: Prefix) {
  return {
    enroll: {
      method: 'POST',
      path: `${prefix}/enroll`,
      who: 'string',
      summary: 'enrol an agent with its string, once',
      query: contract.EnrolQuery,
      body: contract.EnrollRequest,
      answer: contract.EnrollAnswer,
      failures: [403, 409, 422],
      bare: true,
    },
    agents: { method: 'GET', path: `${prefix}/agents`, who: 'admin', summary: 'agents that are linked', answer: z.array(contract.StockAgent), bare: true },
    agent: {
      method: 'GET',
      path: `${prefix}/agents/:id`,
      who: 'admin',
      summary: 'an agent',
      params: ById,
      answer: contract.StockAgent,
      failures: [404, 422],
      bare: true,
    },
    deleteAgent: {
      method: 'DELETE',
      path: `${prefix}/agents/:id`,
      who: 'admin',
      summary: 'revoke and delete an agent',
      params: ById,
      failures: [404, 422],
      bare: true,
    },
    resolveTarget: {
      method: 'POST',
      path: `${prefix}/agents/resolve-target`,
      who: 'login',
      summary: 'which agent would carry a target, and why',
      body: contract.ResolveRequest,
      answer: contract.Resolution,
      failures: [422],
      bare: true,
    },
  } as const satisfies Record<string, Endpoint>;
}

export const STOCK_ENDPOINTS = contract.AGENT_PREFIXES.map((prefix) => stockUnder(prefix));
