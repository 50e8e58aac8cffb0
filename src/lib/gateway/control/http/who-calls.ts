// Who sends a request: on the gateway's own socket whoever may open it, elsewhere the holder of a credential.
import type { FastifyRequest } from 'fastify';
import { TunnelError } from '../../../base/errors.ts';
import { hashSecret } from '../../../tokens/secret.ts';
import { type Caller, LOCAL_ADMIN } from '../caller.ts';
import type { ControlContext } from '../context.ts';

/** Error `login.refused`. */
export type WhoCalls = (request: FastifyRequest) => Promise<Caller>;

export const everyoneIsLocalAdmin: WhoCalls = async () => LOCAL_ADMIN;

/** `Authorization: Bearer`, a credential that login gave; only its hash is known here. */
export function bearerCalls({ logins }: Pick<ControlContext, 'logins'>): WhoCalls {
  return async (request) => {
    const text = bearerOf(request);
    const found = text === undefined ? undefined : await logins.find(hashSecret(text));
    if (!found) throw new TunnelError('login.refused', 'the login is missing, has expired or was ended', { hint: 'tunnel login --token-file FILE' });
    const { credential, operator } = found;
    return { kind: operator.kind, operator, credentialHash: credential.hash, expiresAt: credential.expiresAt };
  };
}

/** A credential or a one-time string. */
export function bearerOf({ headers }: FastifyRequest): string | undefined {
  return /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
}

export function sourceOf({ socket }: FastifyRequest): string {
  return socket?.remoteAddress ?? 'local';
}
