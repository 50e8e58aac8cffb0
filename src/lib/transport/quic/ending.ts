// Why a native connection ended, in the words of LinkEnd and of a failed dial.
import { TunnelError } from '../../base/errors.ts';
import { type LinkEnd, REFUSED_BY_PEER } from '../link.ts';
import type { NativeConnection } from './native.ts';

const CRYPTO_ERRORS = 0x100; // RFC 9001 4.8: TLS alert + 0x100
const APPLICATION_ERROR = 0x0c; // RFC 9000 10.2.3: what a close by the application becomes before there are keys for it
const NO_APPLICATION_PROTOCOL = 120;
const ALERTS: Readonly<Record<number, string>> = {
  40: 'handshake_failure',
  42: 'bad_certificate',
  43: 'unsupported_certificate',
  44: 'certificate_revoked',
  45: 'certificate_expired',
  46: 'certificate_unknown',
  48: 'unknown_ca',
  49: 'access_denied',
  51: 'decrypt_error',
  116: 'certificate_required',
  120: 'no_application_protocol',
};

export interface Ending {
  readonly end: LinkEnd;
  /** What a dial that had not completed fails with. */
  readonly error: TunnelError;
}

/** For a connection that is draining or closed and that we did not close ourselves. */
export function endingOf(native: NativeConnection): Ending {
  const theirs = native.peerError();
  if (theirs?.isApp) {
    const reason = Buffer.from(theirs.reason).toString();
    return ending({ by: 'peer', code: theirs.errorCode, reason }, 'link.lost', `the peer ended the link: ${reason || `code ${theirs.errorCode}`}`);
  }
  if (theirs) return transportEnding('peer', theirs.errorCode);
  const ours = native.localError();
  if (ours) return transportEnding('fault', ours.errorCode);
  if (native.isTimedOut()) return ending({ by: 'silence', code: undefined, reason: 'idle timeout' }, 'gateway.silent', 'nothing was heard from the gateway');
  return ending(
    { by: 'peer', code: undefined, reason: 'the peer has restarted and no longer knows this link' },
    'link.lost',
    'the peer no longer knows this link',
  );
}

export function ending(end: LinkEnd, code: 'link.lost' | 'gateway.silent' | 'internal', message: string, cause?: unknown): Ending {
  return { end, error: new TunnelError(code, message, { cause }) };
}

function transportEnding(by: 'peer' | 'fault', errorCode: number): Ending {
  if (by === 'peer' && errorCode === APPLICATION_ERROR) {
    return ending({ by, code: undefined, reason: 'ended during the handshake' }, 'link.lost', 'the peer ended the link during the handshake');
  }
  const alert = errorCode >= CRYPTO_ERRORS && errorCode < CRYPTO_ERRORS + 256 ? errorCode - CRYPTO_ERRORS : undefined;
  const name = alert === undefined ? `QUIC error ${errorCode}` : (ALERTS[alert] ?? `TLS alert ${alert}`);
  const end: LinkEnd = { by, code: undefined, reason: by === 'peer' ? `${REFUSED_BY_PEER}${name}` : `refused: ${name}` };
  if (alert === NO_APPLICATION_PROTOCOL) {
    return { end, error: new TunnelError('protocol.unsupported', 'the two sides have no protocol version in common', { hint: 'Update the older side.' }) };
  }
  if (alert === undefined) return ending(end, 'link.lost', end.reason);
  const message = by === 'peer' ? `the peer refused our certificate: ${name}` : `the peer's certificate was refused: ${name}`;
  return { end, error: new TunnelError('certificate.refused', message, { remote: by === 'peer' }) };
}
