// A new agent: the token is spent, the agent and its certificate exist, and all of it is audited, or nothing is (requirements A4, A5; security.md, T).
import { z } from 'zod';
import type { EnrollAnswer, EnrollRequest } from '../../api/contract.ts';
import { TunnelError } from '../../base/errors.ts';
import { parseUuid } from '../../base/ids.ts';
import { LIMITS } from '../../base/limits.ts';
import { sha256Hex } from '../../pki/certificate-facts.ts';
import { enrolledName, mayEnrolFrom } from '../../policy/enrolment.ts';
import type { Agent } from '../../store/agents.ts';
import type { Tables } from '../../store/open.ts';
import { isUnique } from '../../store/store-error.ts';
import { type Token, type TokenUse, tokenState } from '../../store/tokens.ts';
import { verifyEnrolment } from '../../tokens/enrolment-string.ts';
import { hashSecret } from '../../tokens/secret.ts';
import { publicKeys } from '../../tokens/signing-keys.ts';
import { auditText } from './audit-log.ts';
import { AGENT_LEAF_MS, assertServing, type ControlContext } from './context.ts';
import { refusedString, sameWords, whyRefused } from './refused-string.ts';

const KeptAnswer = z.object({ agent_id: z.string(), client_cert_pem: z.string() });

/** Errors `string.refused` for whatever is wrong with the string, `csr.refused`, `id.taken`, `name.taken`. None of them spends it. */
export async function enrol(context: ControlContext, string: string | undefined, request: EnrollRequest, source: string): Promise<EnrollAnswer> {
  try {
    return await context.attempts.count(source, () => enrolOnce(context, string ?? '', request, source));
  } catch (error) {
    if (error instanceof TunnelError) {
      context.audit.keepProvoked({
        code: 'agent.enrolment-refused',
        actor: `address:${source}`,
        subject: 'gateway',
        detail: { code: error.code, reason: auditText(whyRefused(error)) },
      });
    }
    throw sameWords('enrolment', error);
  }
}

async function enrolOnce(context: ControlContext, string: string, request: EnrollRequest, source: string): Promise<EnrollAnswer> {
  const { authority, keys, registry, store, world } = context;
  const { tokenId } = await verifyEnrolment(string, keys, world.clock.now());
  const token = await store.tokens.byId(tokenId);
  if (token?.kind !== 'agent' || token.hash !== hashSecret(string)) throw refusedString('enrolment', 'no such token');
  if (!mayEnrolFrom(token.sources, source)) throw refusedString('enrolment', `${source} is in none of its source networks (${token.sources?.join(', ')})`);
  const open = tokenState(token, world.clock.now()) === 'open';
  const [{ readCsr }, { issueAgentLeaf }] = await Promise.all([import('../../pki/csr.ts'), import('../../pki/leaf.ts')]);
  const { spki } = await readCsr(request.csr_pem).catch((error: unknown) => {
    throw open ? error : refusedString('enrolment', 'used, revoked or expired');
  });
  const pin = sha256Hex(spki);
  const use = await store.tokens.useOf(token.id, pin);
  if (use || !open) return repeated(context, token, use);

  const replaced = token.replaces ? await store.agents.byName(token.name) : undefined;
  const agentId = replaced?.id ?? parseUuid(request.agent_id) ?? world.random.uuid();
  await judgeKey(context, pin, agentId);
  const name = enrolledName(token, agentId, (taken) => registry.find(taken) !== undefined);
  const hostname = request.agent_hostname || undefined;
  const leaf = await issueAgentLeaf(authority, { agentId, name, hostname, spki, now: world.clock.now(), lifetimeMs: AGENT_LEAF_MS });
  const certificate = {
    agentId,
    serial: leaf.serial,
    spkiSha256: pin,
    fingerprint: leaf.fingerprintSha256,
    notBefore: leaf.notBefore,
    notAfter: leaf.notAfter,
  };

  const row = await store
    .transaction(async (tables) => {
      if (!(await tables.tokens.spend(token.id, token.hash, ['agent']))) return undefined;
      const agent = await writeAgent(tables, token, {
        id: agentId,
        name,
        known: replaced,
        os: request.os ?? null,
        hostname: hostname ? auditText(hostname) : null,
      });
      await tables.certificates.insert(certificate);
      await tables.tokens.keepUse({ tokenId: token.id, usedBy: pin, answer: JSON.stringify({ agent_id: agentId, client_cert_pem: leaf.certificatePem }) });
      const detail = { agent_id: agentId, token_id: token.id, routes: token.routes, replaced: replaced !== undefined, serial: leaf.serial, remote: source };
      await tables.audit.append({ code: 'agent.enrolled', actor: `token:${token.id}`, subject: `agent:${name}`, detail });
      return agent;
    })
    .catch((error: unknown) => {
      if (isUnique(error, 'token_uses.used_by')) return undefined; // the same request twice at once
      throw takenError(error, name) ?? error;
    });
  if (!row) return repeated(context, await store.tokens.byId(tokenId), await store.tokens.useOf(tokenId, pin));
  registry.know(row);
  if (replaced) await cutOff(context, agentId);
  return answer(context, agentId, leaf.certificatePem);
}

async function writeAgent(
  tables: Tables,
  token: Token,
  agent: { id: string; name: string; known: Agent | undefined; os: string | null; hostname: string | null },
): Promise<Agent> {
  const { id, name, known, os, hostname } = agent;
  const granted = { allowedRoutes: token.routes, ports: token.ports, os, hostname, ephemeral: token.ephemeral };
  if (!known) return await tables.agents.insert({ id, name, ...granted });
  await tables.certificates.revokeOf(id);
  const changed = await tables.agents.change(id, granted);
  if (!changed) throw new TunnelError('agent.unknown', `agent ${token.name} was deleted meanwhile`);
  return changed;
}

/** The links of the identity that was replaced. */
async function cutOff({ registry, serving, sessions }: ControlContext, agentId: string): Promise<void> {
  const edge = serving()?.edge;
  await Promise.all([
    sessions.endAll({ agentId }, 'agent-removed'),
    ...registry.linksOf(agentId).map(({ linkId }) => edge?.closeLink(linkId, 'enrolled again with a new key')),
  ]);
}

/** The agent may have crashed before it had its certificate: the same key gets the same answer for a while, anybody else nothing. */
function repeated(context: ControlContext, token: Token | undefined, use: TokenUse | undefined): EnrollAnswer {
  const now = context.world.clock.now();
  const fresh = use && now - use.usedAt < LIMITS.enrolmentRepeatMs;
  if (!fresh || !token || token.revokedAt !== null) throw refusedString('enrolment', token ? tokenState(token, now) : 'unknown');
  const kept = KeptAnswer.parse(JSON.parse(use.answer));
  if (!context.registry.row(kept.agent_id)) throw refusedString('enrolment', 'used, and its agent was deleted');
  return answer(context, kept.agent_id, kept.client_cert_pem);
}

async function judgeKey({ authority, store }: ControlContext, pin: string, agentId: string): Promise<void> {
  const holders = await store.certificates.holdersOf(pin);
  const other = holders.some((holder) => holder !== agentId);
  if (other || pin === authority.spkiSha256) throw new TunnelError('csr.refused', 'the certificate request is refused: its key belongs to somebody else');
}

function answer(context: ControlContext, agentId: string, certificatePem: string): EnrollAnswer {
  const { authority, keys } = context;
  const { places, serverPin } = assertServing(context);
  return {
    agent_id: agentId,
    client_cert_pem: certificatePem,
    gateway_ca_cert_pem: authority.certificatePem,
    quic_endpoint: places.quic,
    server_spki_sha256: serverPin,
    session_keys: publicKeys(keys),
  };
}

function takenError(error: unknown, name: string): TunnelError | undefined {
  if (isUnique(error, 'agents.id'))
    return new TunnelError('id.taken', 'this agent id exists', { hint: 'Enrol again: every attempt uses a new id.', cause: error });
  if (isUnique(error, 'agents.name')) {
    return new TunnelError('name.taken', `an agent ${name} exists`, {
      hint: 'Mint a string with --replace to enrol it again, or delete the old one.',
      cause: error,
    });
  }
  return undefined;
}
