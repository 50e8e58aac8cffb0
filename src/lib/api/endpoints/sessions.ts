// Endpoints of sessions.
import * as contract from '../contract.ts';
import type { Endpoint } from '../endpoint.ts';
import * as locks from '../locks.ts';
import { ById } from '../shapes.ts';

const { PATHS } = contract;

export const sessionEndpoints = {
  openSession: {
    method: 'POST',
    path: PATHS.sessions,
    who: 'login',
    summary: 'a token for targets; joins the sessions that are live',
    body: contract.SessionRequest,
    answer: contract.SessionGrant,
    failures: [404],
  },
  listSessions: {
    method: 'GET',
    path: PATHS.sessions,
    who: 'login',
    summary: "the caller's sessions; all of them for administrators",
    query: locks.SessionsQuery,
    answer: locks.SessionList,
  },
  getSession: {
    method: 'GET',
    path: `${PATHS.sessions}/:id`,
    who: 'login',
    summary: 'a session',
    params: ById,
    answer: locks.SessionRow,
    failures: [404],
  },
  closeSession: {
    method: 'DELETE',
    path: `${PATHS.sessions}/:id`,
    who: 'login',
    summary: 'end a session',
    params: ById,
    answer: locks.CutAnswer,
    failures: [404],
  },
  keepSession: {
    method: 'POST',
    path: `${PATHS.sessions}/:id/keep-alive`,
    who: 'login',
    summary: "keep the caller's session: counts as activity, and lengthens it where policy says extendable",
    params: ById,
    body: locks.KeepRequest,
    answer: locks.SessionRow,
    failures: [404],
  },
} as const satisfies Record<string, Endpoint>;
