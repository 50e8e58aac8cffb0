// The HTTP contract as methods: one a request, each answer checked against its shape, each failure a TunnelError.
import { z } from 'zod';
import * as agents from './agents.ts';
import * as audit from './audit.ts';
import { ConfigAnswer, ReloadAnswer } from './config.ts';
import * as contract from './contract.ts';
import type { Exchange, ExchangeRequest } from './exchange.ts';
import * as locks from './locks.ts';
import * as policy from './policy.ts';
import { readAnswer, type Situation } from './read-answer.ts';
import type { PageQuery } from './shapes.ts';
import * as tokens from './tokens.ts';

export interface ApiClient {
  /** With the enrolment string as bearer of the exchange. Errors besides those of Exchange: string.refused, csr.refused, name.taken, id.taken. */
  enroll(request: contract.EnrollRequest, signal: AbortSignal): Promise<contract.EnrollAnswer>;
  ca(signal: AbortSignal): Promise<string>;
  /** With the login string as bearer of the exchange. */
  login(request: contract.LoginRequest, signal: AbortSignal): Promise<contract.LoginAnswer>;
  logout(signal: AbortSignal): Promise<void>;
  whoami(signal: AbortSignal): Promise<contract.WhoamiAnswer>;
  /** How many certificates the CA has issued to agents. */
  issued(signal: AbortSignal): Promise<number>;
  /** How the rotation of the CA stands. */
  rotation(signal: AbortSignal): Promise<contract.RotationAnswer>;
  rotateCa(request: contract.RotateRequest, signal: AbortSignal): Promise<contract.RotationAnswer>;
  /** The CA before is not accepted any more. */
  finishRotation(signal: AbortSignal): Promise<contract.RotationAnswer>;
  status(signal: AbortSignal): Promise<contract.StatusAnswer>;
  /** Moves agents away before a stop; answers at once. */
  drain(request: contract.DrainRequest, signal: AbortSignal): Promise<contract.DrainAnswer>;
  /** The settings that the running gateway goes by. */
  config(signal: AbortSignal): Promise<ConfigAnswer>;
  /** Reads the configuration again; answers when it is in force. */
  reload(signal: AbortSignal): Promise<ReloadAnswer>;
  mintToken(request: tokens.MintRequest, signal: AbortSignal): Promise<tokens.MintAnswer>;
  listTokens(query: tokens.TokenQuery, signal: AbortSignal): Promise<tokens.TokenList>;
  /** By name, id or `sha256:` and the hash of the string, here and below. Error `token.unknown`. */
  findTokens(which: string, signal: AbortSignal): Promise<tokens.TokensFound>;
  revokeTokens(which: string, signal: AbortSignal): Promise<tokens.TokensRevoked>;
  listAgents(page: PageQuery, signal: AbortSignal): Promise<agents.AgentList>;
  getAgent(nameOrId: string, signal: AbortSignal): Promise<agents.AgentRow>;
  changeAgent(nameOrId: string, change: agents.AgentChange, signal: AbortSignal): Promise<agents.AgentChanged>;
  revokeAgent(nameOrId: string, request: locks.ReasonRequest, signal: AbortSignal): Promise<locks.CutAnswer>;
  deleteAgent(nameOrId: string, signal: AbortSignal): Promise<void>;
  listRoutes(page: PageQuery, signal: AbortSignal): Promise<agents.RouteList>;
  resolve(request: contract.ResolveRequest, signal: AbortSignal): Promise<contract.Resolution>;
  openSession(request: contract.SessionRequest, signal: AbortSignal): Promise<contract.SessionGrant>;
  listSessions(page: locks.SessionsQuery, signal: AbortSignal): Promise<locks.SessionList>;
  getSession(id: string, signal: AbortSignal): Promise<locks.SessionRow>;
  closeSession(id: string, signal: AbortSignal): Promise<locks.CutAnswer>;
  listOperators(page: PageQuery, signal: AbortSignal): Promise<locks.OperatorList>;
  deleteOperator(name: string, signal: AbortSignal): Promise<locks.CutAnswer>;
  /** A session goes by its id. */
  lock(kind: locks.LockKind, name: string, request: locks.ReasonRequest, signal: AbortSignal): Promise<locks.LockAnswer>;
  unlock(kind: locks.LockKind, name: string, signal: AbortSignal): Promise<locks.UnlockAnswer>;
  policy(signal: AbortSignal): Promise<policy.PolicyAnswer>;
  setPolicy(request: policy.SetPolicyRequest, signal: AbortSignal): Promise<policy.PolicySet>;
  /** Without connecting. */
  explainPolicy(request: policy.ExplainRequest, signal: AbortSignal): Promise<policy.Explanation>;
  testPolicy(request: policy.TestPolicyRequest, signal: AbortSignal): Promise<policy.PolicyTested>;
  audit(query: PageQuery & audit.AuditFilter, signal: AbortSignal): Promise<audit.AuditPage>;
}

/** Of DELETE and logout: 204 without a body, or anything. */
const Nothing = z.unknown().transform(() => undefined);

export function apiClient(exchange: Exchange): ApiClient {
  const ask = async <T>(request: ExchangeRequest, shape: z.ZodType<T>, signal: AbortSignal, situation: Situation = 'api'): Promise<T> =>
    readAnswer(await exchange(request, signal), shape, situation);
  const { PATHS } = contract;
  const pathOf = (resource: string, name: string) => `${resource}/${encodeURIComponent(name)}`;
  const agentPath = (nameOrId: string) => pathOf(PATHS.agents, nameOrId);
  const tokenPath = (which: string) => pathOf(PATHS.tokens, which);

  return {
    enroll: (body, signal) => ask({ method: 'POST', path: PATHS.enroll, body }, contract.EnrollAnswer, signal, 'enrolment'),
    ca: async (signal) => (await ask({ method: 'GET', path: PATHS.ca }, contract.CaAnswer, signal)).ca_pem,
    issued: async (signal) => (await ask({ method: 'GET', path: PATHS.issued }, contract.IssuedAnswer, signal)).issued,
    login: (body, signal) => ask({ method: 'POST', path: PATHS.login, body }, contract.LoginAnswer, signal, 'login'),
    logout: (signal) => ask({ method: 'POST', path: PATHS.logout, body: {} }, Nothing, signal),
    whoami: (signal) => ask({ method: 'GET', path: PATHS.whoami }, contract.WhoamiAnswer, signal),
    rotation: (signal) => ask({ method: 'GET', path: PATHS.caRotation }, contract.RotationAnswer, signal),
    rotateCa: (body, signal) => ask({ method: 'POST', path: PATHS.caRotation, body }, contract.RotationAnswer, signal),
    finishRotation: (signal) => ask({ method: 'DELETE', path: PATHS.caRotation }, contract.RotationAnswer, signal),
    status: (signal) => ask({ method: 'GET', path: PATHS.status }, contract.StatusAnswer, signal),
    drain: (body, signal) => ask({ method: 'POST', path: PATHS.drain, body }, contract.DrainAnswer, signal),
    config: (signal) => ask({ method: 'GET', path: PATHS.config }, ConfigAnswer, signal),
    reload: (signal) => ask({ method: 'POST', path: PATHS.reload, body: {} }, ReloadAnswer, signal),
    mintToken: (body, signal) => ask({ method: 'POST', path: PATHS.tokens, body }, tokens.MintAnswer, signal),
    listTokens: (query, signal) => ask({ method: 'GET', path: withQuery(PATHS.tokens, query) }, tokens.TokenList, signal),
    findTokens: (which, signal) => ask({ method: 'GET', path: tokenPath(which) }, tokens.TokensFound, signal),
    revokeTokens: (which, signal) => ask({ method: 'DELETE', path: tokenPath(which) }, tokens.TokensRevoked, signal),
    listAgents: (page, signal) => ask({ method: 'GET', path: withQuery(PATHS.agents, page) }, agents.AgentList, signal),
    getAgent: (nameOrId, signal) => ask({ method: 'GET', path: agentPath(nameOrId) }, agents.AgentRow, signal),
    changeAgent: (nameOrId, body, signal) => ask({ method: 'PATCH', path: agentPath(nameOrId), body }, agents.AgentChanged, signal),
    revokeAgent: (nameOrId, body, signal) => ask({ method: 'POST', path: `${agentPath(nameOrId)}/revoke`, body }, locks.CutAnswer, signal),
    deleteAgent: (nameOrId, signal) => ask({ method: 'DELETE', path: agentPath(nameOrId) }, Nothing, signal),
    listRoutes: (page, signal) => ask({ method: 'GET', path: withQuery(PATHS.routes, page) }, agents.RouteList, signal),
    resolve: (body, signal) => ask({ method: 'POST', path: PATHS.resolve, body }, contract.Resolution, signal),
    openSession: (body, signal) => ask({ method: 'POST', path: PATHS.sessions, body }, contract.SessionGrant, signal),
    listSessions: (query, signal) => ask({ method: 'GET', path: withQuery(PATHS.sessions, query) }, locks.SessionList, signal),
    getSession: (id, signal) => ask({ method: 'GET', path: pathOf(PATHS.sessions, id) }, locks.SessionRow, signal),
    closeSession: (id, signal) => ask({ method: 'DELETE', path: pathOf(PATHS.sessions, id) }, locks.CutAnswer, signal),
    listOperators: (page, signal) => ask({ method: 'GET', path: withQuery(PATHS.operators, page) }, locks.OperatorList, signal),
    deleteOperator: (name, signal) => ask({ method: 'DELETE', path: pathOf(PATHS.operators, name) }, locks.CutAnswer, signal),
    lock: (kind, name, body, signal) => ask({ method: 'PUT', path: pathOf(`${PATHS.locks}/${kind}`, name), body }, locks.LockAnswer, signal),
    unlock: (kind, name, signal) => ask({ method: 'DELETE', path: pathOf(`${PATHS.locks}/${kind}`, name) }, locks.UnlockAnswer, signal),
    policy: (signal) => ask({ method: 'GET', path: PATHS.policy }, policy.PolicyAnswer, signal),
    setPolicy: (body, signal) => ask({ method: 'PUT', path: PATHS.policy, body }, policy.PolicySet, signal),
    explainPolicy: (body, signal) => ask({ method: 'POST', path: `${PATHS.policy}/explain`, body }, policy.Explanation, signal),
    testPolicy: (body, signal) => ask({ method: 'POST', path: `${PATHS.policy}/test`, body }, policy.PolicyTested, signal),
    audit: (query, signal) => ask({ method: 'GET', path: withQuery(PATHS.audit, query) }, audit.AuditPage, signal),
  };
}

function withQuery(path: string, values: Readonly<Record<string, unknown>>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) if (value !== undefined) query.set(key, String(value));
  return query.size === 0 ? path : `${path}?${query}`;
}
