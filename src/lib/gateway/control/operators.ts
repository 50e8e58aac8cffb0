// The operators as an administrator sees them, and their end: logins, open strings and sessions go with them (security.md, O).
import type { CutAnswer, OperatorList } from '../../api/locks.ts';
import { TunnelError } from '../../base/errors.ts';
import type { PageRequest } from '../../store/page.ts';
import { actorOf, assertAdmin, type Caller } from './caller.ts';
import type { ControlContext } from './context.ts';
import { cutOffOperator } from './cut-off.ts';
import { shownLock } from './may-open.ts';

export async function listOperators({ sessions, store }: ControlContext, caller: Caller, page: PageRequest): Promise<OperatorList> {
  assertAdmin(caller);
  const { rows, next } = await store.operators.list(page);
  const operators = rows.map(({ id, name, kind, agents, targets, createdAt, lock }) => ({
    id,
    name,
    kind,
    agents: agents?.slice() ?? null,
    targets: targets?.slice() ?? null,
    created_at: new Date(createdAt).toISOString(),
    sessions: sessions.countOf(id),
    lock: shownLock(lock),
  }));
  return { operators, next };
}

/** Its name is free afterwards. Errors `scope.missing`, `operator.unknown`. */
export async function deleteOperator(context: ControlContext, caller: Caller, name: string): Promise<CutAnswer> {
  assertAdmin(caller);
  const { logins, store } = context;
  // Nobody can use it from here on; the row itself goes last, because its sessions are still to be written down.
  const { id } = await store.transaction(async (tables) => {
    const found = await tables.operators.byName(name);
    if (!found) throw new TunnelError('operator.unknown', `there is no operator ${name.slice(0, 80)}`, { hint: 'tunnel operator list shows those there are.' });
    await tables.credentials.revokeOf(found.id);
    const strings = await tables.tokens.revokeOpen(name, ['operator', 'admin']);
    const detail = { operator_id: found.id, kind: found.kind, revoked_strings: strings };
    await tables.audit.append({ code: 'operator.deleted', actor: actorOf(caller), subject: `operator:${name}`, detail });
    return found;
  });
  logins.changed();
  const cut = await cutOffOperator(context, id, { reason: 'operator-removed', note: null, message: `operator ${name} was deleted` });
  await store.operators.delete(id);
  return cut;
}
