// Is what a gateway issued really this agent's? Asked at enrolment and at every renewal, before anything is stored.
import { X509Certificate } from 'node:crypto';
import { TunnelError } from '../base/errors.ts';
import { certificateFacts } from '../pki/certificate-facts.ts';
import { readIdentity } from '../pki/identity.ts';
import { publicSpki } from '../pki/keys.ts';
import { pinnedCertificate, splitPemBundle } from '../pki/pin.ts';
import type { Identity } from './identity-folder.ts';

/** A machine whose clock lags is served all the same, up to this. */
const AHEAD_MS = 86_400_000;

export interface Wanted {
  /** Must be the one in the SAN. */
  readonly agentId: string;
  /** Wall-clock ms. */
  readonly now: number;
}

/** The leaf is for our key and this id, in force, and signed by a CA of the bundle; its end in ms since 1970, and the name in it. Error `certificate.refused`. */
export function checkIssued({ certificatePem, privateKeyPem, trustedCaPem }: Identity, { agentId, now }: Wanted): { notAfter: number; name: string } {
  const leaf = parse(splitPemBundle(certificatePem)[0] ?? certificatePem);
  if (!leaf.publicKey.export({ type: 'spki', format: 'der' }).equals(publicSpki(privateKeyPem))) throw refused('it is for another key');
  const identity = readIdentity(leaf.raw, { usage: 'agent' });
  if (identity.agentId !== agentId) throw refused(`it is for the agent ${identity.agentId}, not ${agentId}`);
  const authorities = splitPemBundle(trustedCaPem).map(parse);
  if (!authorities.some((authority) => authority.ca && leaf.checkIssued(authority) && leaf.verify(authority.publicKey)))
    throw refused('its CA is not among those that came with it');
  const { notBefore, notAfter } = certificateFacts(leaf);
  // From a gateway whose clock is far ahead: once that is set right, nobody would take it any more.
  if (notBefore > now + AHEAD_MS) throw refused(`it begins at ${leaf.validFromDate.toISOString()}, this machine's clock says ${new Date(now).toISOString()}`);
  if (now >= notAfter) throw refused(`it ended at ${leaf.validToDate.toISOString()}, this machine's clock says ${new Date(now).toISOString()}`);
  return { notAfter, name: identity.name };
}

/** The one CA that the enrolment string vouches for: whoever answered could have added another. Error `pin.mismatch`. */
export function pinnedCa(bundlePem: string, pin: string): string {
  const found = pinnedCertificate(bundlePem, pin);
  if (found !== undefined) return found;
  throw new TunnelError('pin.mismatch', 'the gateway answered with another CA than the one the enrolment string was made for', {
    hint: 'Ask its administrator for a new string.',
  });
}

function parse(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw refused('it cannot be read', cause);
  }
}

function refused(why: string, cause?: unknown): TunnelError {
  return new TunnelError('certificate.refused', `the certificate that the gateway issued is refused: ${why}`, {
    hint: 'Nothing was changed. Enrol again with a fresh string; if it happens again, ask the administrator of the gateway.',
    cause,
  });
}
