// Who asks the API, for everything that is judged by that and for the audit log.
import { TunnelError } from '../../base/errors.ts';
import type { Operator } from '../../store/operators.ts';

export interface Caller {
  readonly kind: 'operator' | 'admin' | 'local-admin';
  /** Null for whoever may open the gateway's own socket or data folder. */
  readonly operator: Operator | null;
  /** SHA-256 of the credential that was shown. */
  readonly credentialHash: string | null;
  readonly expiresAt: number | null;
}

export const LOCAL_ADMIN: Caller = { kind: 'local-admin', operator: null, credentialHash: null, expiresAt: null };

/** As the audit log names it. */
export function actorOf({ operator }: Pick<Caller, 'operator'>): string {
  return operator ? `operator:${operator.name}` : LOCAL_ADMIN.kind;
}

/** Error `scope.missing`. */
export function assertAdmin(caller: Caller): Caller {
  if (caller.kind === 'operator')
    throw new TunnelError('scope.missing', 'only an administrator may do that', {
      hint: 'Log in with a string of --kind admin, or run it on the gateway with --data-dir.',
    });
  return caller;
}
