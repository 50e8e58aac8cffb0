// Who sends a request: on the gateway's own socket whoever may open it, elsewhere the holder of a credential.
import type { FastifyRequest } from 'fastify';
import { TunnelError } from '../../../base/errors.ts';
import { hashSecret } from '../../../tokens/secret.ts';
import { type Caller, LOCAL_ADMIN } from '../caller.ts';
import type { ControlContext } from '../context.ts';

/** Errors `login.refused`, `operator.locked`. */
export type WhoCalls = (request: FastifyRequest) => Promise<Caller>;

export const everyoneIsLocalAdmin: WhoCalls = async () => LOCAL_ADMIN;

/** `Authorization: Bearer`, a credential that login made good; only its hash is known here. One that is shown and refused is audited. */
export function bearerCalls({ audit, logins }: Pick<ControlContext, 'audit' | 'logins'>): WhoCalls {
  return async (request) => {
    const text = bearerOf(request);
    if (text === undefined) throw refused();
    try {
      const found = await logins.find(hashSecret(text));
      if (!found) throw refused();
      const { credential, operator } = found;
      return { kind: operator.kind, operator, credentialHash: credential.hash, expiresAt: credential.expiresAt };
    } catch (error) {
      if (error instanceof TunnelError) {
        const detail = { code: error.code, reason: error.message };
        audit.keepProvoked({ code: 'operator.credential-refused', actor: `address:${sourceOf(request)}`, subject: 'gateway', detail });
      }
      throw error;
    }
  };
}

function refused(): TunnelError {
  return new TunnelError('login.refused', 'the login is missing, has expired or was ended', { hint: 'tunnel login --token-file FILE' });
}

/** A credential or a one-time string. */
export function bearerOf({ headers }: FastifyRequest): string | undefined {
  return /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
}

export function sourceOf({ socket }: FastifyRequest): string {
  return socket?.remoteAddress ?? 'local';
}
