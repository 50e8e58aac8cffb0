// An operator's client is there, before its first channel: from now on its sessions are in use, and end soon after its connection.
import { TunnelError } from '../../base/errors.ts';
import { ANY_TARGET } from '../../routing/target.ts';
import type { AttachRequest } from '../contract.ts';
import { operatorOf, type SeenTokens } from './authorise.ts';
import type { ControlContext } from './context.ts';
import { judgeRequest, readRequest } from './judge-request.ts';

/** A target that cannot be had now is passed over: its CONNECT will say why. Errors `session.refused`, `store.busy`. */
export async function attach(context: ControlContext, seen: SeenTokens, { sessionToken, connection, active = false }: AttachRequest): Promise<void> {
  const { sessions, users } = context;
  const claims = await seen.verify(context, sessionToken);
  const operator = await operatorOf(context, claims);
  users.present(connection, operator.id);
  for (const text of claims.targets.filter((target) => target !== ANY_TARGET)) {
    const [way] = (await judgeRequest(context, readRequest({ ...claims, target: text }, operator))).ways;
    if (!way) continue;
    const lease = await sessions.lease(operator, way.agent).catch((error: unknown) => {
      if (error instanceof TunnelError && error.code !== 'store.busy') return undefined;
      throw error;
    });
    if (!lease) continue;
    users.use(connection, lease.sessionId);
  }
  // Those too whose targets were not known before, as behind SOCKS.
  if (active) for (const sessionId of users.usedBy(connection)) sessions.kept(sessionId);
}
