// What both dialects of CONNECT share: from headers to a request that control judges, and from whatever failed to an error that may be told.
import { TunnelError } from '../../../base/errors.ts';
import type { Log, SocketAddress } from '../../../base/world.ts';
import { readToken } from '../../../streams/http-connect.ts';
import type { ConnectRequest } from '../../contract.ts';

const AUTHORITY_CHARACTERS = 300;

/** The target is judged by control, which has the one parser. Errors: `session.refused` without a token, `target.malformed` for an authority of any absurd length. */
export function admitRequest(authority: string | undefined, authorization: string | undefined, remote: SocketAddress): ConnectRequest {
  const sessionToken = requireToken(authorization);
  if (authority === undefined || authority.length > AUTHORITY_CHARACTERS) {
    throw new TunnelError('target.malformed', `the target is ${authority === undefined ? 'missing' : 'too long'}`, { hint: 'Write host:port or [v6]:port.' });
  }
  return { sessionToken, target: authority, remote };
}

/** Error `session.refused`. */
export function requireToken(authorization: string | undefined): string {
  const sessionToken = readToken(authorization);
  if (sessionToken !== undefined) return sessionToken;
  throw new TunnelError('session.refused', 'Proxy-Authorization with a session token is missing', {
    hint: 'Send it as Bearer, or as the password of Basic; `tunnel session open TARGET` prints one.',
  });
}

export function understandFailure(thrown: unknown, remote: SocketAddress, log: Log): TunnelError {
  if (thrown instanceof TunnelError) {
    log.info({ code: thrown.code, reason: thrown.message, remote }, 'request refused');
    return thrown;
  }
  log.error({ error: thrown, remote }, 'request failed');
  return new TunnelError('internal', 'the gateway failed');
}
