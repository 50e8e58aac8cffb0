// Operators come and go: a login string is exchanged once for a credential of which only the hash is kept; logout gives it back.
import type { LoginAnswer, WhoamiAnswer } from '../../api/contract.ts';
import { TunnelError } from '../../base/errors.ts';
import { VERSION } from '../../base/version.ts';
import type { Operator } from '../../store/operators.ts';
import { verifyLogin } from '../../tokens/login-string.ts';
import { hashSecret, newCredential } from '../../tokens/secret.ts';
import { auditText } from './audit-log.ts';
import { actorOf, type Caller } from './caller.ts';
import type { ControlContext } from './context.ts';
import { refit } from './refit.ts';
import { refusedString, sameWords, whyRefused } from './refused-string.ts';

/** Error `string.refused` for whatever is wrong with the string, audited. */
export async function login(context: ControlContext, string: string | undefined, source: string): Promise<LoginAnswer> {
  try {
    return await context.attempts.count(source, () => loginOnce(context, string ?? '', source));
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

async function loginOnce(context: ControlContext, string: string, source: string): Promise<LoginAnswer> {
  const { authority, keys, store, world } = context;
  const claims = await verifyLogin(string, keys, world.clock.now());
  const credential = newCredential();
  const { operator, expiresAt } = await store.transaction(async (tables) => {
    const token = await tables.tokens.spend(claims.tokenId, hashSecret(string), ['operator', 'admin']);
    if (!token || token.kind === 'agent') throw refusedString('login', 'unknown, used, revoked or expired');
    const known = await tables.operators.byName(token.name);
    if (known?.lock) throw refusedString('login', `operator ${token.name} is locked`);
    if (!token.replaces && known) throw refusedString('login', `an operator ${token.name} exists and the string does not replace it`);
    const kept = await tables.operators.upsert({ id: world.random.uuid(), name: token.name, kind: token.kind, agents: token.agents, targets: token.targets });
    const ends = world.clock.now() + (token.credentialMs ?? 0);
    await tables.credentials.insert({ hash: hashSecret(credential), operatorId: kept.id, tokenId: token.id, expiresAt: ends });
    const detail = { kind: kept.kind, agents: kept.agents, targets: kept.targets, remote: source, expires_at: new Date(ends).toISOString() };
    await tables.audit.append({ code: 'operator.logged-in', actor: `token:${token.id}`, subject: `operator:${kept.name}`, detail });
    return { operator: kept, expiresAt: ends };
  });
  context.logins.changed();
  await endWhatNoLongerFits(context, operator);
  return {
    operator: operator.name,
    kind: operator.kind,
    gateway: context.places()?.url ?? claims.gatewayUrl,
    credential,
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
