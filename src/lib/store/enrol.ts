// Enrolment as the store sees it: token spent, agent and certificate written, audited, all in one transaction, or nothing of it.
import { LIMITS } from '../base/limits.ts';
import { enrolledName } from '../policy/enrolment.ts';
import type { Agent, NewAgent } from './agents.ts';
import type { NewCertificate } from './certificates.ts';
import type { Store, Tables } from './open.ts';
import { isUnique } from './store-error.ts';
import { type Token, type TokenUse, tokenState } from './tokens.ts';

export interface EnrolmentRequest {
  readonly tokenId: string;
  readonly tokenHash: string;
  /** Of the CSR's key. */
  readonly spkiSha256: string;
  /** For an agent that is new; one that is replaced keeps its own. */
  readonly agentId: string;
  readonly hostname: string | null;
  readonly os: string | null;
  /** Who asks, for the audit log: an address. */
  readonly remote: string;
  /** Signs the certificate, once the token is spent; `answer` is kept for a repeat. What it throws undoes everything. */
  issue(agent: { readonly id: string; readonly name: string }): Promise<{ certificate: Omit<NewCertificate, 'agentId' | 'spkiSha256'>; answer: string }>;
}

export type EnrolmentRefusal = 'unknown' | 'used' | 'revoked' | 'locked' | 'expired' | 'key-taken' | 'name-taken' | 'id-taken';

export type Enrolment =
  | { readonly outcome: 'enrolled'; readonly agent: Agent; readonly replaced: boolean; readonly answer: string }
  /** The same key again, soon after: the first answer may have been lost on the way. */
  | { readonly outcome: 'repeated'; readonly agent: Agent; readonly answer: string }
  /** The token is as it was, and nothing was written. Towards outside the first five look the same. */
  | { readonly outcome: 'refused'; readonly reason: EnrolmentRefusal };

/** Of any number of requests with one token, from any number of processes on one file, exactly one enrols. Errors: those of `Store`, and of `issue`. */
export async function enrol(store: Pick<Store, 'transaction'>, request: EnrolmentRequest): Promise<Enrolment> {
  try {
    return await store.transaction((tables) => enrolIn(tables, request));
  } catch (error) {
    const reason = refusalOf(error);
    if (reason === undefined) throw error;
    return { outcome: 'refused', reason };
  }
}

/** Undoes the transaction. */
class Refusal extends Error {
  readonly reason: EnrolmentRefusal;
  constructor(reason: EnrolmentRefusal) {
    super(reason);
    this.reason = reason;
  }
}

function refusalOf(error: unknown): EnrolmentRefusal | undefined {
  if (error instanceof Refusal) return error.reason;
  if (isUnique(error, 'agents.id')) return 'id-taken';
  return isUnique(error, 'agents.name') ? 'name-taken' : undefined;
}

async function enrolIn(tables: Tables, request: EnrolmentRequest): Promise<Enrolment> {
  const { tokenId, tokenHash, spkiSha256 } = request;
  const use = await tables.tokens.useOf(tokenId, spkiSha256);
  const token = use ? undefined : await tables.tokens.spend(tokenId, tokenHash, ['agent']);
  if (token === undefined) return await repeat(tables, request, use);

  const before = token.replaces ? await tables.agents.byName(token.name) : undefined;
  if (before?.lock) throw new Refusal('locked');
  const holders = await tables.certificates.holdersOf(spkiSha256);
  if (holders.some((holder) => holder !== before?.id)) throw new Refusal('key-taken');
  const replaced = before !== undefined;
  const agent = replaced ? await replace(tables, before.id, token, request) : await add(tables, token, request);

  const { certificate, answer } = await request.issue(agent);
  await tables.certificates.insert({ ...certificate, agentId: agent.id, spkiSha256 });
  await tables.tokens.keepUse({ tokenId, usedBy: spkiSha256, answer });
  await tables.audit.append({
    code: 'agent.enrolled',
    actor: `token:${tokenId}`,
    subject: `agent:${agent.name}`,
    detail: {
      agent_id: agent.id,
      token_id: tokenId,
      serial: certificate.serial,
      spki_sha256: spkiSha256,
      routes: agent.allowedRoutes,
      replaced,
      remote: request.remote,
    },
  });
  return { outcome: 'enrolled', agent, replaced, answer };
}

async function replace(tables: Tables, id: string, token: Token, request: EnrolmentRequest): Promise<Agent> {
  await tables.certificates.revokeOf(id);
  const agent = await tables.agents.change(id, { ...grantsOf(token, request), state: 'active' });
  if (agent === undefined) throw new Refusal('unknown'); // deleted since it was read; only where transactions overlap
  return agent;
}

async function add(tables: Tables, token: Token, request: EnrolmentRequest): Promise<Agent> {
  const taken = await tables.agents.byName(enrolledName(token, request.agentId, () => false));
  const name = enrolledName(token, request.agentId, () => taken !== undefined);
  return await tables.agents.insert({ ...grantsOf(token, request), id: request.agentId, name });
}

function grantsOf({ routes, ports, ephemeral, site }: Token, { os, hostname }: EnrolmentRequest): Omit<NewAgent, 'id' | 'name'> {
  return { allowedRoutes: routes, ports, os, hostname, ephemeral, site };
}

/** The agent may have crashed before it had its certificate: the same key gets the same answer for a while, anybody else nothing. */
async function repeat(tables: Tables, { tokenId, tokenHash, spkiSha256 }: EnrolmentRequest, use: TokenUse | undefined): Promise<Enrolment> {
  const now = tables.now();
  const token = await tables.tokens.byId(tokenId);
  if (token === undefined || token.hash !== tokenHash || token.kind !== 'agent') throw new Refusal('unknown');
  if (token.revokedAt === null && token.lock === null && use !== undefined && now - use.usedAt < LIMITS.enrolmentRepeatMs) {
    const [holder] = await tables.certificates.holdersOf(spkiSha256);
    const agent = holder === undefined ? undefined : await tables.agents.byId(holder);
    if (agent?.state === 'revoked') throw new Refusal('revoked');
    if (agent?.lock) throw new Refusal('locked');
    if (agent !== undefined) return { outcome: 'repeated', agent, answer: use.answer };
  }
  const state = tokenState(token, now);
  throw new Refusal(state === 'open' ? 'used' : state);
}
