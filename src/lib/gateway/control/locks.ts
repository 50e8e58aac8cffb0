// Lock and unlock: cut now, refuse from now on, and take that back; for operators, agents, tokens and sessions alike (requirement E9).

import type { CutAnswer, LockAnswer, LockKind, UnlockAnswer } from '../../api/locks.ts';
import { auditText } from '../../audit/text.ts';
import { TunnelError } from '../../base/errors.ts';
import type { Lock } from '../../store/lock.ts';
import type { Tables } from '../../store/open.ts';
import { actorOf, assertAdmin, type Caller } from './caller.ts';
import type { ControlContext } from './context.ts';
import { countOf, cutOffAgent, cutOffOperator, sumOf } from './cut-off.ts';
import { lockedText } from './may-open.ts';

interface Row {
  readonly id: string;
  readonly name: string;
  readonly lock: Lock | null;
}

/** One kind of thing that can be locked. */
interface Lockable {
  /** Error `KIND.unknown` where nothing has this name. */
  find(tables: Tables, name: string): Promise<readonly [Row, ...Row[]]>;
  set(tables: Tables, id: string, lock: Lock | null): Promise<unknown>;
  /** After the store has it, before anything else happens: what is remembered of it. */
  changed(context: ControlContext, id: string): Promise<void>;
  cut(context: ControlContext, row: Row, lock: Lock): Promise<CutAnswer>;
}

/** Locking again gives another reason and cuts again. Everything of that kind and name. Errors `scope.missing`, `operator.unknown`, `agent.unknown`, `token.unknown`, `session.unknown`. */
export async function lock(context: ControlContext, caller: Caller, kind: LockKind, name: string, reason: string | null): Promise<LockAnswer> {
  assertAdmin(caller);
  const lockable = LOCKABLE[kind];
  const note = reason === null ? null : auditText(reason);
  const { rows, lock } = await context.store.transaction(async (tables) => {
    const rows = await lockable.find(tables, name);
    const lock = { at: tables.now(), reason: note };
    for (const row of rows) {
      await lockable.set(tables, row.id, lock);
      await tables.audit.append({ code: 'lock.set', actor: actorOf(caller), subject: `${kind}:${row.name}`, detail: { kind, id: row.id, reason: note } });
    }
    return { rows, lock };
  });
  for (const { id } of rows) await lockable.changed(context, id);
  const cuts = await Promise.all(rows.map((row) => lockable.cut(context, row, lock)));
  return { kind, name: rows[0].name, ids: rows.map(({ id }) => id), reason: note, locked_at: new Date(lock.at).toISOString(), cut: sumOf(cuts) };
}

/** What is not locked stays so, and is no error. Errors as `lock`. */
export async function unlock(context: ControlContext, caller: Caller, kind: LockKind, name: string): Promise<UnlockAnswer> {
  assertAdmin(caller);
  const lockable = LOCKABLE[kind];
  const { named, ids } = await context.store.transaction(async (tables) => {
    const rows = await lockable.find(tables, name);
    const locked = rows.filter((row) => row.lock !== null);
    for (const row of locked) {
      await lockable.set(tables, row.id, null);
      await tables.audit.append({ code: 'lock.lifted', actor: actorOf(caller), subject: `${kind}:${row.name}`, detail: { kind, id: row.id } });
    }
    return { named: rows[0].name, ids: locked.map(({ id }) => id) };
  });
  for (const id of ids) await lockable.changed(context, id);
  return { kind, name: named, ids };
}

const LOCKABLE: Readonly<Record<LockKind, Lockable>> = {
  operator: {
    find: async ({ operators }, name) => someOf([await operators.byName(name)], 'operator', name),
    set: ({ operators }, id, lock) => operators.setLock(id, lock),
    changed: async ({ logins }) => logins.changed(),
    cut: (context, { id, name }, lock) =>
      cutOffOperator(context, id, { reason: 'operator-locked', note: lock.reason, message: lockedText(`operator ${name}`, lock) }),
  },
  agent: {
    find: async ({ agents }, name) => someOf([await agents.byNameOrId(name)], 'agent', name),
    set: ({ agents }, id, lock) => agents.change(id, { lock }),
    async changed({ registry, store }, id) {
      const row = await store.agents.byId(id);
      if (row && registry.row(id)) registry.know(row);
    },
    cut: (context, { id }, { reason }) => cutOffAgent(context, id, { reason: 'agent-locked', note: reason, toAgent: 'this agent is locked' }),
  },
  token: {
    find: async ({ tokens }, name) => someOf(await tokens.find({ nameOrId: name }), 'token', name),
    set: ({ tokens }, id, lock) => tokens.setLock(id, lock),
    changed: async ({ logins }) => logins.changed(),
    /** Of a login string: whoever logged in with it. */
    async cut(context, { id }, lock) {
      const message = lockedText('the string of a login', lock);
      const operators = await context.store.credentials.operatorsOf(id);
      return sumOf(await Promise.all(operators.map((operator) => cutOffOperator(context, operator, { reason: 'login-ended', note: lock.reason, message }))));
    },
  },
  session: {
    async find({ sessions }, id) {
      const found = await sessions.named(id);
      return someOf([found && { id, name: id, lock: found.lockedAt === null ? null : { at: found.lockedAt, reason: found.lockReason } }], 'session', id);
    },
    set: ({ sessions }, id, lock) => sessions.setLock(id, lock),
    changed: async () => {},
    cut: async ({ sessions }, { id }, { reason }) => ({
      links: 0,
      ...countOf(await sessions.endWhere((session) => session.id === id, 'session-locked', reason)),
    }),
  },
};

function someOf(rows: readonly (Row | undefined)[], kind: LockKind, name: string): readonly [Row, ...Row[]] {
  const [first, ...others] = rows.filter((row) => row !== undefined);
  if (first) return [first, ...others];
  throw new TunnelError(`${kind}.unknown`, `there is no ${kind} ${name.slice(0, 80)}`, { hint: `tunnel ${kind} list shows those there are.` });
}
