// What keeps an operator from a session, asked in the transaction that opens it: a lock that was set before it holds, whatever was read earlier (security.md, E9).
import type { LockShown } from '../../api/locks.ts';
import { TunnelError } from '../../base/errors.ts';
import type { Lock } from '../../store/lock.ts';
import type { Tables } from '../../store/open.ts';

interface Named {
  readonly id: string;
  readonly name: string;
}

/** Errors `operator.locked`, `policy.denied`, `session.locked`. Rows that are not there are left to the foreign keys. */
export async function assertMayOpen(tables: Pick<Tables, 'agents' | 'operators' | 'sessions'>, operator: Named, agent: Named): Promise<void> {
  const owner = await tables.operators.byId(operator.id);
  if (owner?.lock) throw lockedError(`operator ${operator.name}`, owner.lock);
  const carrier = await tables.agents.byId(agent.id);
  if (carrier?.state === 'revoked') throw new TunnelError('policy.denied', `agent ${agent.name} is revoked`);
  if (carrier?.lock) throw new TunnelError('policy.denied', lockedText(`agent ${agent.name}`, carrier.lock));
  const lock = await tables.sessions.lockOfPair(operator.id, agent.id);
  if (lock) throw new TunnelError('session.locked', lockedText(`the session of ${operator.name} on ${agent.name}`, lock), { hint: ASK });
}

const ASK = 'An administrator must unlock it.';

export function lockedError(what: string, lock: Lock): TunnelError {
  return new TunnelError('operator.locked', lockedText(what, lock), { hint: ASK });
}

export function shownLock(lock: Lock | null): LockShown | null {
  return lock && { reason: lock.reason, since: new Date(lock.at).toISOString() };
}

export function lockedText(what: string, { reason }: Lock): string {
  return reason === null ? `${what} is locked` : `${what} is locked: ${reason}`;
}
