// Endpoints of operators and their logins.
import { z } from 'zod';
import * as contract from '../contract.ts';
import type { Endpoint } from '../endpoint.ts';
import * as locks from '../locks.ts';
import { name, PageQuery } from '../shapes.ts';

const { PATHS } = contract;
const ByName = z.object({ name });

export const loginEndpoints = {
  login: {
    method: 'POST',
    path: PATHS.login,
    who: 'string',
    summary: 'make a credential good, by a login string, once',
    body: contract.LoginRequest,
    answer: contract.LoginAnswer,
    failures: [403],
  },
  logout: { method: 'POST', path: PATHS.logout, who: 'login', summary: 'give the credential back', body: z.object({}) },
  whoami: { method: 'GET', path: PATHS.whoami, who: 'login', summary: 'who is logged in, and what for', answer: contract.WhoamiAnswer },
  listOperators: { method: 'GET', path: PATHS.operators, who: 'admin', summary: 'operators', query: PageQuery, answer: locks.OperatorList },
  deleteOperator: {
    method: 'DELETE',
    path: `${PATHS.operators}/:name`,
    who: 'admin',
    summary: 'delete an operator with its logins',
    params: ByName,
    answer: locks.CutAnswer,
    failures: [404],
  },
} as const satisfies Record<string, Endpoint>;
