// An operator's client is there, before its first channel: from now on its sessions are in use, and end soon after its connection.
import { TunnelError } from '../../base/errors.ts';
import { ANY_TARGET, parseTarget } from '../../routing/target.ts';
import type { AttachRequest } from '../contract.ts';
import { operatorOf, type SeenTokens } from './authorise.ts';
import type { ControlContext } from './context.ts';
import { decide } from './decide.ts';

/** A target that cannot be had now is passed over: its CONNECT will say why. Errors `session.refused`, `store.busy`. */
export async function attach(context: ControlContext, seen: SeenTokens, { sessionToken, connection, active = false }: AttachRequest): Promise<void> {
  const { failures, registry, sessions, users, world } = context;
  const claims = await seen.verify(context, sessionToken);
  const operator = await operatorOf(context, claims);
  users.present(connection, operator.id);
  const alternates = claims.alternates.map((alternate) => parseTarget(alternate));
  for (const text of claims.targets.filter((target) => target !== ANY_TARGET)) {
    const asked = { target: parseTarget(text), alternates, explicitAgent: claims.agent ?? null, operator };
    const [way] = decide(asked, registry.all(), failures.at(world.clock.monotonic())).ways;
    if (!way) continue;
    const lease = await sessions.lease(operator, way.agent).catch((error: unknown) => {
      if (error instanceof TunnelError && error.code !== 'store.busy') return undefined;
      throw error;
    });
    if (!lease) continue;
    users.use(connection, lease.sessionId);
    if (active) sessions.active(lease.sessionId);
  }
}
