// Enrolment (A4, E13): a one-time string becomes an identity in the data folder, complete or not at all, and a link that is proved to work.
import { join } from 'node:path';
import { apiClient } from '../api/client.ts';
import type { EnrollAnswer } from '../api/contract.ts';
import { fetchPinnedCa, tlsExchange } from '../api/exchange-tls.ts';
import { mayBeSpent } from '../api/may-be-spent.ts';
import { type ErrorCode, TunnelError } from '../base/errors.ts';
import { parseUuid } from '../base/ids.ts';
import type { World } from '../base/world.ts';
import { certificateFacts } from '../pki/certificate-facts.ts';
import { makeCsr } from '../pki/csr.ts';
import { generateKeyPem } from '../pki/keys.ts';
import { wayOut } from '../streams/dial-tls.ts';
import { assureRoom } from '../system/room.ts';
import { type ReadableEnrolment, readEnrolment } from '../tokens/enrolment-string.ts';
import { hashSecret } from '../tokens/secret.ts';
import { checkIssued, pinnedCa } from './check-issued.ts';
import { type AgentConfig, findConfig, mergeConfig, writeConfig } from './config.ts';
import { parseEndpoint } from './dial-gateway.ts';
import { addPending, completeIdentity, findPending, noLongerPending, type PendingIdentity, removeOthers } from './identity-folder.ts';
import { Installed, lockAgent } from './installed.ts';
import { proveLink } from './prove-link.ts';

export interface EnrolOptions {
  readonly dataDir: string;
  readonly enrolmentString: string;
  /** host:port, before what string and gateway say. */
  readonly quicEndpoint?: string | undefined;
  /** False: success without having seen a link work. */
  readonly verify: boolean;
  /** As process.platform names it: decides which ports are open by default (B4). */
  readonly os: string;
  readonly hostname: string;
}

export interface Enrolled {
  readonly agent_id: string;
  readonly name: string;
  readonly gateway: string;
  /** RFC 3339. */
  readonly not_after: string;
}

/**
 * Safe to repeat: with another string it replaces the identity once the new one is complete; with the same one it finishes what was cut short, or enrols anew where the
 * gateway has deleted the agent.
 * A failure leaves the identity before it in force. Errors: `string.malformed`, `string.refused`, `pin.mismatch`, `certificate.refused`, `id.taken`, `name.taken`,
 * `gateway.unreachable`, `gateway.silent`, `state.locked`, `file.failed`, `config.invalid`; when only the proof failed, its own, saying that the identity is stored.
 */
export async function enrol(options: EnrolOptions, world: World, signal: AbortSignal): Promise<Enrolled> {
  const { dataDir, quicEndpoint, verify } = options;
  const enrolment = readEnrolment(options.enrolmentString);
  if (quicEndpoint !== undefined) parseEndpoint(quicEndpoint);
  const enrolledWith = hashSecret(enrolment.text);
  const isWanted = async () => (await findConfig(dataDir, world.files))?.enrolled_with !== enrolledWith;
  const isNew = await isWanted();
  const trustedCa = isNew ? await firstContact(enrolment, world, signal) : undefined;
  await using _lock = await lockAgent(dataDir, world);
  // Asked again: the same command, started twice, may have done it by now.
  if (isNew && (await isWanted())) await replaceIdentity(options, enrolment, enrolledWith, trustedCa, world, signal);
  const prove = async () => {
    const installed = await Installed.open(dataDir, world);
    const { identity } = installed.config;
    await noLongerPending(dataDir, identity, world.files);
    await removeOthers(dataDir, [identity, (await findPending(dataDir, enrolledWith, world.files))?.folder], world.files);
    if (verify) await proveLink(installed, { dataDir, quicEndpoint }, world, signal);
    return installed;
  };
  const installed = await prove().catch(async (error: unknown) => {
    if (isNew || !hasCode(error, 'agent.deleted')) throw error;
    // An ephemeral one that comes back: its string may be good for another.
    const ca = await firstContact(enrolment, world, signal);
    await replaceIdentity(options, enrolment, enrolledWith, ca, world, signal).catch((refusal: unknown) => {
      throw hasCode(refusal, 'string.refused') ? error : refusal;
    });
    return await prove();
  });
  await removeOthers(dataDir, [installed.config.identity], world.files);
  const { agent_id, name, gateway } = installed.config;
  return { agent_id, name, gateway, not_after: new Date(certificateFacts(installed.identity.certificatePem).notAfter).toISOString() };
}

function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof TunnelError && error.code === code;
}

/** Before anything is written: the pinned CA of the gateway, or undefined where its API is verified against the system's roots. */
async function firstContact({ gatewayUrl, caSpkiSha256, tls }: ReadableEnrolment, world: World, signal: AbortSignal): Promise<string | undefined> {
  return tls === 'tunnel' && caSpkiSha256 !== undefined ? await fetchPinnedCa(gatewayUrl, caSpkiSha256, wayOut(world), signal) : undefined;
}

async function replaceIdentity(
  options: EnrolOptions,
  enrolment: ReadableEnrolment,
  enrolledWith: string,
  trustedCa: string | undefined,
  world: World,
  signal: AbortSignal,
): Promise<void> {
  const { dataDir, quicEndpoint } = options;
  const { files, clock } = world;
  const before = await findConfig(dataDir, files);
  const found = await findPending(dataDir, enrolledWith, files);
  await removeOthers(dataDir, [before?.identity, found?.folder], files); // what killed runs left
  await assureRoom(dataDir, files);
  const pending = found ?? (await addPending(dataDir, { privateKeyPem: await generateKeyPem(), agentId: world.random.uuid() }, enrolledWith, files));
  try {
    const answer = await ask(pending, options, enrolment, trustedCa, world, signal);
    const agentId = parseUuid(answer.agent_id) ?? answer.agent_id;
    // A connection that the system's roots vouch for could bring any CA: only the pinned one counts. Behind the pinned CA its whole bundle does.
    const pin = enrolment.caSpkiSha256;
    const caPem = pin === undefined ? answer.gateway_ca_cert_pem : pinnedCa(answer.gateway_ca_cert_pem, pin);
    const identity = {
      privateKeyPem: pending.privateKeyPem,
      certificatePem: answer.client_cert_pem,
      trustedCaPem: trustedCa === undefined ? caPem : answer.gateway_ca_cert_pem,
    };
    const { name } = checkIssued(identity, { agentId, now: clock.now() });
    const endpoint = quicEndpoint ?? enrolment.quicEndpoint ?? answer.quic_endpoint;
    parseEndpoint(endpoint);
    await completeIdentity(dataDir, pending.folder, identity, files);
    await writeConfig(dataDir, mergeConfig(before, configOf(enrolment, answer, { agentId, name, endpoint, identity: pending.folder, enrolledWith })), files);
  } catch (error) {
    if (!mayBeSpent(error, signal)) await files.remove(join(dataDir, pending.folder));
    throw error;
  }
}

async function ask(
  { privateKeyPem, agentId }: PendingIdentity,
  { os, hostname }: EnrolOptions,
  { gatewayUrl, agentName, text }: ReadableEnrolment,
  trustedCa: string | undefined,
  world: World,
  signal: AbortSignal,
): Promise<EnrollAnswer> {
  const trust = trustedCa === undefined ? 'system' : { caPem: trustedCa };
  // Stock gateways answer 400 to a host name that is not ASCII, and the string is spent then.
  const agent_hostname = /^[\x21-\x7e]{1,253}$/.test(hostname) ? hostname : undefined;
  const csr_pem = await makeCsr(privateKeyPem, agentName);
  const client = apiClient(tlsExchange({ url: gatewayUrl, trust, bearer: text }, wayOut(world)));
  return await client.enroll({ agent_id: agentId, csr_pem, agent_hostname, os }, signal);
}

function configOf(
  { gatewayUrl, caSpkiSha256, tls }: ReadableEnrolment,
  answer: EnrollAnswer,
  { agentId, name, endpoint, identity, enrolledWith }: { agentId: string; name: string; endpoint: string; identity: string; enrolledWith: string },
): Omit<AgentConfig, 'routes'> {
  return {
    agent_id: agentId,
    name,
    gateway: gatewayUrl,
    quic_endpoint: endpoint,
    identity,
    ca_spki_sha256: caSpkiSha256 ?? null,
    server_spki_sha256: answer.server_spki_sha256,
    tls,
    session_keys: answer.session_keys ?? null,
    enrolled_with: enrolledWith,
  };
}
