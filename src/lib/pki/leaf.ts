// Issues the certificates of agents and of the gateway's server; what they say is decided here, a CSR gives its public key only. Loads @peculiar/x509: import it where it is used.
import 'reflect-metadata';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';
import { type Authority, BACKDATED_MS } from './authority.ts';
import { type CertificateFacts, certificateFacts } from './certificate-facts.ts';
import { commonNameOf, issuedBy, pemOf, randomSerial } from './create-authority.ts';
import { signatureOf } from './keys.ts';
import { serverNameOf } from './server-name.ts';

export interface IssuedLeaf extends CertificateFacts {
  readonly certificatePem: string;
}

interface Term {
  /** The public key, DER. */
  readonly spki: Uint8Array;
  readonly now: number;
  /** From `now`, in ms; never beyond the CA's own end. */
  readonly lifetimeMs: number;
}

export interface AgentLeaf extends Term {
  readonly agentId: string;
  readonly name: string;
  /** As the agent says it; becomes a DNS SAN where it is a DNS name and is left out otherwise. */
  readonly hostname?: string | undefined;
}

export interface ServerLeaf extends Term {
  /** Host names and addresses under which the gateway is reached; never empty. */
  readonly names: readonly string[];
}

/** protocol.md, Certificates. */
export function issueAgentLeaf(authority: Authority, { agentId, name, hostname, ...term }: AgentLeaf): Promise<IssuedLeaf> {
  const host = serverNameOf(hostname ?? '');
  const names: JsonGeneralName[] = [{ type: 'url', value: `urn:uuid:${agentId}` }];
  if (host?.type === 'dns') names.push(host);
  return issue(authority, term, { commonName: name, names, usage: ExtendedKeyUsage.clientAuth });
}

/** Error `name.malformed`, naming what is neither a DNS name nor an address. */
export function issueServerLeaf(authority: Authority, { names, ...term }: ServerLeaf): Promise<IssuedLeaf> {
  const [commonName] = names;
  if (commonName === undefined) throw new TunnelError('name.malformed', 'a server certificate needs a host name or an address');
  return issue(authority, term, { commonName, names: [...new Set(names)].map(subjectName), usage: ExtendedKeyUsage.serverAuth });
}

async function issue(
  authority: Authority,
  { spki, now, lifetimeMs }: Term,
  { commonName, names, usage }: { commonName: string; names: JsonGeneralName[]; usage: ExtendedKeyUsage },
): Promise<IssuedLeaf> {
  const ca = new X509Certificate(authority.certificatePem);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: commonNameOf(commonName),
    issuer: ca.subjectName,
    notBefore: new Date(now - BACKDATED_MS),
    notAfter: new Date(Math.min(now + lifetimeMs, authority.notAfter)),
    publicKey: Uint8Array.from(spki),
    signingKey: authority.signingKey,
    signingAlgorithm: signatureOf(authority.signingKey),
    extensions: [
      new BasicConstraintsExtension(false),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([usage]),
      new SubjectAlternativeNameExtension(names),
      await issuedBy(ca),
    ],
  });
  const certificatePem = pemOf(certificate);
  return { certificatePem, ...certificateFacts(certificatePem) };
}

function subjectName(text: string): JsonGeneralName {
  const name = serverNameOf(text);
  if (name === undefined) throw new TunnelError('name.malformed', `neither a DNS name nor an address: "${escapeText(text.slice(0, 80))}"`);
  return name;
}
