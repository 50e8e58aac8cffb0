// Certificates for tests of transports, gateway and agent: a CA, good leaves, and each kind of wrong one.
import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { ExtendedKeyUsage, ExtendedKeyUsageExtension, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import { type Authority, loadAuthority } from '../../src/lib/pki/authority.ts';
import { commonNameOf, createAuthority, pemOf } from '../../src/lib/pki/create-authority.ts';
import { generateKeyPem, P256, publicSpki, signingPair } from '../../src/lib/pki/keys.ts';
import { issueAgentLeaf, issueServerLeaf } from '../../src/lib/pki/leaf.ts';
import { spkiPin } from '../../src/lib/pki/pin.ts';

const DAY_MS = 86_400_000;
const CA_NAME = 'tunnel test CA';

export interface KeyedCertificate {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface TestServer extends KeyedCertificate {
  readonly spkiSha256: string;
}

export interface TestAgent extends KeyedCertificate {
  readonly agentId: string;
  readonly name: string;
}

export interface TestCa {
  readonly authority: Authority;
  readonly caPem: string;
  readonly caKeyPem: string;
  /** Pin of the CA's key. */
  readonly caSpkiSha256: string;
  /** For localhost, 127.0.0.1 and ::1. */
  readonly server: TestServer;
  agent(name?: string, agentId?: string): Promise<TestAgent>;
  /** Client leaves that must be refused. */
  wrongAgent(kind: WrongAgent): Promise<KeyedCertificate>;
  /** Server leaves that must be refused. */
  wrongServer(kind: WrongServer): Promise<KeyedCertificate>;
}

export const WRONG_AGENTS = ['other CA', 'expired', 'not yet valid', 'serverAuth only', 'no key usage', 'CN only', 'two ids'] as const;
export const WRONG_SERVERS = ['other CA', 'expired', 'not yet valid', 'clientAuth only', 'CN only', 'other name'] as const;
export type WrongAgent = (typeof WRONG_AGENTS)[number];
export type WrongServer = (typeof WRONG_SERVERS)[number];

const SERVER_NAMES = ['localhost', '127.0.0.1', '::1'];

export async function makeTestCa({ now = Date.now() }: { now?: number } = {}): Promise<TestCa> {
  const [{ certificatePem: caPem, privateKeyPem: caKeyPem }, other] = await Promise.all([newCa(now), newCa(now)]);
  const authority = await loadAuthority(caPem, caKeyPem);
  const otherAuthority = await loadAuthority(other.certificatePem, other.privateKeyPem);

  const agentOf = async (issuer: Authority, at: number, name = 'web1', agentId: string = randomUUID()): Promise<TestAgent> => {
    const privateKeyPem = await generateKeyPem();
    const { certificatePem } = await issueAgentLeaf(issuer, { spki: publicSpki(privateKeyPem), agentId, name, now: at, lifetimeMs: 365 * DAY_MS });
    return { certificatePem, privateKeyPem, agentId, name };
  };
  const serverOf = async (issuer: Authority, at: number, names: readonly string[] = SERVER_NAMES): Promise<TestServer> => {
    const privateKeyPem = await generateKeyPem();
    const { certificatePem, spkiSha256 } = await issueServerLeaf(issuer, { spki: publicSpki(privateKeyPem), names, now: at, lifetimeMs: 365 * DAY_MS });
    return { certificatePem, privateKeyPem, spkiSha256 };
  };
  /** By hand, because our own issuing refuses to do wrong. */
  const byHand = async (usages: ExtendedKeyUsage[], ids: number): Promise<KeyedCertificate> => {
    const privateKeyPem = await generateKeyPem();
    const certificate = await X509CertificateGenerator.create({
      subject: commonNameOf('localhost'),
      issuer: commonNameOf(CA_NAME),
      notBefore: new Date(now - DAY_MS),
      notAfter: new Date(now + DAY_MS),
      publicKey: signingPair(privateKeyPem).publicKey,
      signingKey: authority.signingKey,
      signingAlgorithm: P256,
      extensions: [
        ...(usages.length === 0 ? [] : [new ExtendedKeyUsageExtension(usages)]),
        ...(ids === 0
          ? []
          : [new SubjectAlternativeNameExtension(Array.from({ length: ids }, () => ({ type: 'url', value: `urn:uuid:${randomUUID()}` }) as const))]),
      ],
    });
    return { certificatePem: pemOf(certificate), privateKeyPem };
  };

  const wrongAgents: Record<WrongAgent, () => Promise<KeyedCertificate>> = {
    'other CA': () => agentOf(otherAuthority, now),
    expired: () => agentOf(authority, now - 366 * DAY_MS),
    'not yet valid': () => agentOf(authority, now + DAY_MS),
    'serverAuth only': () => byHand([ExtendedKeyUsage.serverAuth], 1),
    'no key usage': () => byHand([], 1),
    'CN only': () => byHand([ExtendedKeyUsage.clientAuth], 0),
    'two ids': () => byHand([ExtendedKeyUsage.clientAuth], 2),
  };
  const wrongServers: Record<WrongServer, () => Promise<KeyedCertificate>> = {
    'other CA': () => serverOf(otherAuthority, now),
    expired: () => serverOf(authority, now - 366 * DAY_MS),
    'not yet valid': () => serverOf(authority, now + DAY_MS),
    'clientAuth only': () => agentOf(authority, now),
    'CN only': () => byHand([ExtendedKeyUsage.serverAuth], 0),
    'other name': () => serverOf(authority, now, ['other.example']),
  };

  return {
    authority,
    caPem,
    caKeyPem,
    caSpkiSha256: spkiPin(caPem),
    server: await serverOf(authority, now),
    agent: (name, agentId) => agentOf(authority, now, name, agentId),
    wrongAgent: (kind) => wrongAgents[kind](),
    wrongServer: (kind) => wrongServers[kind](),
  };
}

/** Both of the same name: only the key tells them apart. Old enough that expired leaves were issued in its time. */
function newCa(now: number): Promise<KeyedCertificate> {
  return createAuthority({ commonName: CA_NAME, now: now - 2 * 365 * DAY_MS, lifetimeMs: 10 * 365 * DAY_MS });
}
