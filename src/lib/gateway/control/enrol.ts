// A new agent, as its HTTP request comes in: judges string and CSR, has the certificate signed in the store's one transaction (store/enrol.ts), audits refusals (A4, A5; security.md, T).

import { z } from 'zod';
import type { EnrollAnswer, EnrollRequest } from '../../api/contract.ts';
import { auditText } from '../../audit/text.ts';
import { TunnelError } from '../../base/errors.ts';
import { parseUuid } from '../../base/ids.ts';
import { sha256Hex } from '../../pki/certificate-facts.ts';
import { mayEnrolFrom } from '../../policy/enrolment.ts';
import { type EnrolmentRefusal, type EnrolmentRequest, enrol as enrolInStore } from '../../store/enrol.ts';
import { tokenState } from '../../store/tokens.ts';
import { verifyEnrolment } from '../../tokens/enrolment-string.ts';
import { hashSecret } from '../../tokens/secret.ts';
import { publicKeys } from '../../tokens/signing-keys.ts';
import { assertServing, type ControlContext, leafLifetime } from './context.ts';
import { cutOffAgent } from './cut-off.ts';
import { refusedString, sameWords, whyRefused } from './refused-string.ts';

/** What is kept for a repeat. */
const KeptAnswer = z.object({ agent_id: z.string(), client_cert_pem: z.string() });

/** Errors `string.refused` for whatever is wrong with the string, `csr.refused`, `id.taken`, `name.taken`, `store.busy`. None of them spends it. */
export async function enrol(context: ControlContext, string: string | undefined, request: EnrollRequest, source: string): Promise<EnrollAnswer> {
  let subject = 'gateway';
  try {
    return await context.attempts.count(source, async () => {
      const { tokenId } = await verifyEnrolment(string ?? '', context.keys, context.world.clock.now());
      subject = `token:${tokenId}`;
      return await enrolWith(context, { tokenId, tokenHash: hashSecret(string ?? '') }, request, source);
    });
  } catch (error) {
    if (error instanceof TunnelError) {
      const detail = { code: error.code, reason: auditText(whyRefused(error)) };
      context.audit.keepProvoked({ code: 'agent.enrolment-refused', actor: `address:${source}`, subject, detail });
    }
    throw sameWords('enrolment', error);
  }
}

async function enrolWith(
  context: ControlContext,
  token: Pick<EnrolmentRequest, 'tokenId' | 'tokenHash'>,
  request: EnrollRequest,
  source: string,
): Promise<EnrollAnswer> {
  const { authority, registry, store, world } = context;
  assertServing(context); // before anything is spent: without it there is no answer
  const minted = await store.tokens.byId(token.tokenId);
  const state = minted?.kind === 'agent' && minted.hash === token.tokenHash ? tokenState(minted, world.clock.now()) : 'unknown';
  if (state !== 'unknown' && !mayEnrolFrom(minted?.sources ?? null, source))
    throw refusedString('enrolment', `${source} is in none of its source networks (${minted?.sources?.join(', ')})`);
  const [{ readCsr }, { issueAgentLeaf }] = await Promise.all([import('../../pki/csr.ts'), import('../../pki/leaf.ts')]);
  const { spki } = await readCsr(request.csr_pem).catch((error: unknown) => {
    throw state === 'open' ? error : refusedString('enrolment', state);
  });
  const spkiSha256 = sha256Hex(spki);
  if (state === 'open' && [authority.spkiSha256, authority.previous?.spkiSha256].includes(spkiSha256)) throw keyTaken();

  const hostname = request.agent_hostname || undefined;
  const result = await enrolInStore(store, {
    ...token,
    spkiSha256,
    agentId: parseUuid(request.agent_id) ?? world.random.uuid(),
    hostname: hostname === undefined ? null : auditText(hostname),
    os: request.os ?? null,
    remote: source,
    issue: async ({ id, name }) => {
      const lifetimeMs = leafLifetime(context, { stock: request.os === undefined }); // only ours say it
      const leaf = await issueAgentLeaf(authority, { agentId: id, name, hostname, spki, now: world.clock.now(), lifetimeMs });
      const { serial, fingerprintSha256: fingerprint, notBefore, notAfter, certificatePem } = leaf;
      const kept: z.infer<typeof KeptAnswer> = { agent_id: id, client_cert_pem: certificatePem };
      return { certificate: { serial, fingerprint, notBefore, notAfter }, answer: JSON.stringify(kept) };
    },
  });
  if (result.outcome === 'refused') throw refusal(result.reason, minted?.name ?? 'unknown');
  // On a repeat, too: whoever was told `store.busy` may have been written down all the same.
  registry.know(result.agent);
  if (result.outcome === 'enrolled') context.ephemerals.enrolled(result.agent);
  if (result.outcome === 'enrolled' && result.replaced) await cutOff(context, result.agent.id);
  return answer(context, KeptAnswer.parse(JSON.parse(result.answer)));
}

/** What the replaced identity has open. Its certificates are revoked already, so a failure here costs nothing but time, and no agent its answer. */
async function cutOff(context: ControlContext, agentId: string): Promise<void> {
  const late = (error: unknown) => context.world.log.warn({ error, agent: agentId }, 'what the replaced identity had open was not ended');
  await cutOffAgent(context, agentId, { reason: 'agent-removed', note: null, toAgent: 'enrolled again with a new key' }).catch(late);
}

function answer(context: ControlContext, kept: z.infer<typeof KeptAnswer>): EnrollAnswer {
  const { authority, keys } = context;
  const { places, serverPin } = assertServing(context);
  return {
    ...kept,
    gateway_ca_cert_pem: authority.bundlePem,
    quic_endpoint: places.quic,
    server_spki_sha256: serverPin,
    session_keys: publicKeys(keys),
  };
}

function refusal(reason: EnrolmentRefusal, name: string): TunnelError {
  switch (reason) {
    case 'key-taken':
      return keyTaken();
    case 'id-taken':
      return new TunnelError('id.taken', 'this agent id exists', { hint: 'Enrol again: every attempt uses a new id.' });
    case 'name-taken':
      return new TunnelError('name.taken', `an agent ${name} exists`, {
        hint: 'Mint a string with --replace to enrol it again, or delete the old one.',
      });
    default:
      return refusedString('enrolment', reason);
  }
}

function keyTaken(): TunnelError {
  return new TunnelError('csr.refused', 'the certificate request is refused: its key belongs to somebody else');
}
