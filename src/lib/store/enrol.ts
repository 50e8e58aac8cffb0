// Enrolment as the store sees it: token spent, agent and certificate written, audited, all in one transaction, or nothing of it.
import { LIMITS } from '../base/limits.ts';
import type { Agent } from './agents.ts';
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
  readonly actor: string;
  /** Signs the certificate, once the token is spent; `answer` is kept for a repeat. What it throws undoes everything. */
  issue(agent: { readonly id: string; readonly name: string }): Promise<{ certificate: Omit<NewCertificate, 'agentId' | 'spkiSha256'>; answer: string }>;
}

export type EnrolmentRefusal = 'unknown' | 'used' | 'revoked' | 'expired' | 'key-taken' | 'name-taken' | 'id-taken';

export type Enrolment =
  | { readonly outcome: 'enrolled'; readonly agent: Agent; readonly replaced: boolean; readonly answer: string }
  /** The same key again, soon after: the first answer may have been lost on the way. */
  | { readonly outcome: 'repeated'; readonly answer: string }
  /** The token is as it was. Towards outside the first four look the same. */
  | { readonly outcome: 'refused'; readonly reason: EnrolmentRefusal };

/** Of any number of requests with one token exactly one enrols. Refusals are audited too. */
export async function enrol(store: Store, request: EnrolmentRequest): Promise<Enrolment> {
  try {
    return await store.transaction((tables) => enrolIn(tables, request));
  } catch (error) {
    const reason = refusalOf(error);
    if (reason === undefined) throw error;
    await store.audit.append({ code: 'agent.enrolment-refused', actor: request.actor, subject: `token:${request.tokenId}`, detail: { reason } });
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
  const token = await tables.tokens.spend(tokenId, tokenHash, ['agent']);
  if (token === undefined) {
    const [found, use] = [await tables.tokens.byId(tokenId), await tables.tokens.useOf(tokenId, spkiSha256)];
    return { outcome: 'repeated', answer: answerAgain(found, use, request, tables.now()) };
  }

  const existing = await tables.agents.byName(token.name);
  const holders = await tables.certificates.holdersOf(spkiSha256);
  if (holders.some((holder) => holder !== existing?.id)) throw new Refusal('key-taken');
  const replaced = existing !== undefined && token.replaces;
  const agent = replaced
    ? await replace(tables, existing.id, token, request)
    : await tables.agents.insert({ ...grantsOf(token, request), id: request.agentId, name: token.name });

  const { certificate, answer } = await request.issue(agent);
  await tables.certificates.insert({ ...certificate, agentId: agent.id, spkiSha256 });
  await tables.tokens.keepUse({ tokenId, usedBy: spkiSha256, answer });
  await tables.audit.append({
    code: 'agent.enrolled',
    actor: request.actor,
    subject: `agent:${agent.name}`,
    detail: { agent_id: agent.id, token_id: tokenId, serial: certificate.serial, spki_sha256: spkiSha256, routes: agent.allowedRoutes, replaced },
  });
  return { outcome: 'enrolled', agent, replaced, answer };
}

async function replace(tables: Tables, id: string, token: Token, request: EnrolmentRequest): Promise<Agent> {
  await tables.certificates.revokeOf(id);
  const agent = await tables.agents.change(id, { ...grantsOf(token, request), state: 'active' });
  if (agent === undefined) throw new Refusal('unknown'); // deleted since it was read; only where transactions overlap
  return agent;
}

function grantsOf({ routes, ports }: Token, { os, hostname }: EnrolmentRequest): Pick<Agent, 'allowedRoutes' | 'ports' | 'os' | 'hostname'> {
  return { allowedRoutes: routes, ports, os, hostname };
}

function answerAgain(token: Token | undefined, use: TokenUse | undefined, { tokenHash }: EnrolmentRequest, now: number): string {
  if (token === undefined || token.hash !== tokenHash || token.kind !== 'agent') throw new Refusal('unknown');
  if (use && token.revokedAt === null && now - use.usedAt < LIMITS.enrolmentRepeatMs) return use.answer;
  const state = tokenState(token, now);
  throw new Refusal(state === 'open' ? 'unknown' : state);
}
