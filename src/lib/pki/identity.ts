// Who a verified leaf belongs to. Chain and validity are the transport's; SAN and key usage are judged here, because QUIC's engine accepts leaves without them.
import { X509Certificate } from 'node:crypto';
import { TunnelError } from '../base/errors.ts';
import { parseUuid } from '../base/ids.ts';
import { type CertificateFacts, certificateFacts } from './certificate-facts.ts';
import { serverNameOf } from './server-name.ts';

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const URN = 'urn:uuid:';
/** node:crypto quotes a value that holds a comma, a quote or anything unprintable, as JSON does; so no value can play a second name. */
const ALTERNATIVE_NAME = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)/g;

export interface AgentIdentity extends CertificateFacts {
  readonly agentId: string;
  /** The CN; a name for people, never an identity. */
  readonly name: string;
}

export interface ServerIdentity extends CertificateFacts {
  /** Whether `host`, a name or an address, is one of the SANs. Stock gateways write their address as a DNS name: that counts too. */
  isFor(host: string): boolean;
}

/** The identity in a leaf, DER. Error `certificate.refused`, saying what is wrong with it. */
export function readIdentity(leafDer: Uint8Array, wanted: { usage: 'agent' }): AgentIdentity;
export function readIdentity(leafDer: Uint8Array, wanted: { usage: 'server' }): ServerIdentity;
export function readIdentity(leafDer: Uint8Array, { usage }: { usage: 'agent' | 'server' }): AgentIdentity | ServerIdentity {
  const leaf = parse(leafDer);
  if (leaf.ca) throw refused('it is the certificate of a CA');
  if (!leaf.keyUsage?.includes(usage === 'agent' ? CLIENT_AUTH : SERVER_AUTH))
    throw refused(`it is not for ${usage === 'agent' ? 'agents (clientAuth)' : 'servers (serverAuth)'}`);
  if (leaf.subjectAltName === undefined) throw refused('it names nobody in a SAN');
  const facts = factsOf(leaf);
  return usage === 'agent'
    ? { ...facts, agentId: agentIdOf(leaf.subjectAltName), name: commonNameOf(leaf) }
    : { ...facts, isFor: (host) => isNamed(leaf, host) };
}

function parse(leafDer: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(leafDer);
  } catch (cause) {
    throw refused('it cannot be read', cause);
  }
}

function factsOf(leaf: X509Certificate): CertificateFacts {
  try {
    return certificateFacts(leaf);
  } catch (cause) {
    throw refused('its key cannot be read', cause);
  }
}

function agentIdOf(subjectAltName: string): string {
  const ids = Array.from(subjectAltName.matchAll(ALTERNATIVE_NAME), ([, kind, value = '']) =>
    kind === 'URI' && value.startsWith(URN) ? value.slice(URN.length) : undefined,
  );
  const [id, second] = ids.filter((found) => found !== undefined);
  if (id === undefined) throw refused('its SAN holds no agent id');
  if (second !== undefined) throw refused('its SAN holds more than one agent id');
  if (parseUuid(id) !== id) throw refused('the agent id in its SAN is malformed');
  return id;
}

function commonNameOf(leaf: X509Certificate): string {
  const name: unknown = leaf.toLegacyObject().subject?.CN;
  if (typeof name !== 'string' || !/^[\x20-\x7e]{1,255}$/.test(name)) throw refused('it has no name in printable ASCII');
  return name;
}

function isNamed(leaf: X509Certificate, host: string): boolean {
  const name = serverNameOf(host);
  if (name === undefined) return false;
  if (name.type === 'ip' && leaf.checkIP(name.value) !== undefined) return true;
  return leaf.checkHost(name.value, { subject: 'never' }) !== undefined;
}

function refused(why: string, cause?: unknown): TunnelError {
  return new TunnelError('certificate.refused', `the certificate is refused: ${why}`, { cause });
}
