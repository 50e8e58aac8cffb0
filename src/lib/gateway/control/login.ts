// Operators come and go: a login string makes a credential good, of which only the hash ever comes here; logout ends it.

import type { LoginAnswer, LoginRequest, WhoamiAnswer } from '../../api/contract.ts';
import { auditText } from '../../audit/text.ts';
import { TunnelError } from '../../base/errors.ts';
import { VERSION } from '../../base/version.ts';
import { login as loginInStore } from '../../store/login.ts';
import type { Operator } from '../../store/operators.ts';
import { verifyLogin } from '../../tokens/login-string.ts';
import { hashSecret } from '../../tokens/secret.ts';
import { actorOf, type Caller } from './caller.ts';
import type { ControlContext } from './context.ts';
import { refit } from './refit.ts';
import { refusedString, sameWords, whyRefused } from './refused-string.ts';

/** Errors `string.refused` for whatever is wrong with the string, audited; `store.busy`. The same credential again, soon after, gets the same answer. */
export async function login(context: ControlContext, string: string | undefined, request: LoginRequest, source: string): Promise<LoginAnswer> {
  try {
    return await context.attempts.count(source, () => loginWith(context, string ?? '', request, source));
  } catch (error) {
    if (error instanceof TunnelError) {
      context.audit.keepProvoked({
        code: 'operator.login-refused',
        actor: `address:${source}`,
        subject: 'gateway',
        detail: { reason: auditText(whyRefused(error)) },
      });
    }
    throw sameWords('login', error);
  }
}

async function loginWith(context: ControlContext, string: string, { credential_sha256 }: LoginRequest, source: string): Promise<LoginAnswer> {
  const { authority, keys, store, world } = context;
  const { tokenId, gatewayUrl } = await verifyLogin(string, keys, world.clock.now());
  const made = { tokenId, tokenHash: hashSecret(string), operatorId: world.random.uuid(), credentialHash: credential_sha256, remote: source };
  const result = await loginInStore(store, made);
  if (result.outcome === 'refused') throw refusedString('login', result.reason);
  const { operator, expiresAt } = result;
  context.logins.changed();
  await endWhatNoLongerFits(context, operator);
  return {
    operator: operator.name,
    kind: operator.kind,
    gateway: context.places()?.url ?? gatewayUrl,
    expires_at: new Date(expiresAt).toISOString(),
    ca_pem: authority.bundlePem,
  };
}

/** Error `login.missing` for the administrator of this machine, who has no credential. */
export async function logout({ logins, sessions, store }: ControlContext, caller: Caller): Promise<void> {
  const { operator, credentialHash } = caller;
  if (!operator || credentialHash === null) throw new TunnelError('login.missing', 'nobody is logged in here');
  await store.transaction(async (tables) => {
    if (await tables.credentials.revoke(credentialHash))
      await tables.audit.append({ code: 'operator.logged-out', actor: actorOf(caller), subject: actorOf(caller), detail: {} });
  });
  logins.changed();
  await sessions.endAll({ operatorId: operator.id }, 'login-ended');
}

export function whoami({ places }: ControlContext, { kind, operator, expiresAt }: Caller): WhoamiAnswer {
  return {
    operator: operator?.name ?? 'local-admin',
    kind,
    gateway: places()?.url ?? '',
    agents: operator?.agents?.slice() ?? null,
    targets: operator?.targets?.slice() ?? null,
    expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    version: VERSION,
    quic_endpoint: places()?.quic,
  };
}

/** A string that replaces an operator may grant less than the one before. */
async function endWhatNoLongerFits(context: ControlContext, operator: Operator): Promise<void> {
  context.sessions.regrant(operator);
  await refit(context, (session) => session.operator.id === operator.id);
}
