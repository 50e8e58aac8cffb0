// Whose a failure is, from its code and what caused it. Pure, for every step of an examination.
import type { ErrorCode, TunnelError } from '../base/errors.ts';
import type { Owner } from './step.ts';

const BY_CODE: { readonly [Code in ErrorCode]?: Owner } = {
  'file.loose-mode': 'machine',
  'file.corrupt': 'machine',
  'login.missing': 'machine',
  'login.refused': 'machine',
  'proxy.refused': 'machine',
  'proxy.malformed': 'machine',
  'agent.not-enrolled': 'machine',
  'policy.denied': 'policy',
  'scope.missing': 'policy',
  'operator.locked': 'policy',
  'session.locked': 'policy',
  'route.none': 'policy',
  'agent.unknown': 'policy',
  'agent.offline': 'agent',
  'agent.silent': 'agent',
  'agent.failed': 'agent',
  'streams.exhausted': 'agent',
  'target.refused': 'target',
  'target.timed-out': 'target',
  'target.unreachable': 'target',
  'limit.reached': 'gateway',
  'gateway.stopping': 'gateway',
  'store.busy': 'gateway',
};

/** OpenSSL's and Node's words for a certificate that is the gateway's own affair. */
const GATEWAYS_OWN = new Set(['CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID']);

/** `owner` where the code says nothing. */
export function ownerOf(error: TunnelError, owner: Owner): Owner {
  if (error.code === 'certificate.refused') return causes(error).some((code) => GATEWAYS_OWN.has(code)) ? 'gateway' : 'machine';
  // That a connection is refused says that packets arrive there and nothing listens.
  if (error.code === 'gateway.unreachable') return causes(error).includes('target.refused') ? 'gateway' : owner;
  return BY_CODE[error.code] ?? owner;
}

/** The codes behind an error, of ours and of Node. */
function causes(error: Error): string[] {
  const { cause } = error;
  if (!(cause instanceof Error)) return [];
  return ['code' in cause ? String(cause.code) : '', ...causes(cause)];
}
