// The policy in the store: rows that are replaced as a whole, in the transaction of whoever sets it.
import type { Kysely } from 'kysely';
import { TunnelError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import { type PolicyDocument, readPolicy } from '../policy/document.ts';
import { readTexts, readTextsOrNull, writeTextsOrNull } from './json-column.ts';
import type { PolicyRulesRow, Schema } from './schema.ts';

export interface StoredPolicy {
  /** From 1; grows by one with every change. */
  readonly revision: number;
  /** ms since 1970. */
  readonly setAt: number;
  readonly setBy: string;
  readonly document: PolicyDocument;
}

export function policyTable(db: Kysely<Schema>, clock: Clock) {
  return {
    /** Undefined where none was ever set. Error `store.corrupt` for what no policy can be: none is never taken in its place. */
    async read(): Promise<StoredPolicy | undefined> {
      const head = await db.selectFrom('policyHead').selectAll().executeTakeFirst();
      if (head === undefined) return undefined;
      const groups = await db.selectFrom('policyGroups').selectAll().orderBy('name').execute();
      const rules = await db.selectFrom('policyRules').selectAll().orderBy('position').execute();
      const named = groups.map(({ name, operators }) => [name, readTexts(operators, 'policy_groups.operators')] as const);
      const written = { version: 1, ...(named.length > 0 && { groups: Object.fromEntries(named) }), allow: rules.map(ruleOf) };
      return { revision: head.revision, setAt: head.setAt, setBy: head.setBy, document: readStored(written) };
    },

    /** The new revision. With `ifRevision` only in the place of that one (0: of the built-in): undefined where another is in force. To be called in a transaction. */
    async replace(document: PolicyDocument, { setBy, ifRevision }: { setBy: string; ifRevision: number | undefined }): Promise<number | undefined> {
      const before = (await db.selectFrom('policyHead').select('revision').executeTakeFirst())?.revision ?? 0;
      if (ifRevision !== undefined && ifRevision !== before) return undefined;
      const head = { revision: before + 1, setAt: clock.now(), setBy };
      const kept = await db
        .insertInto('policyHead')
        .values({ id: 1, ...head })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(head).where('policyHead.revision', '=', before))
        .returning('revision')
        .executeTakeFirst();
      if (kept === undefined) return undefined; // another gateway was quicker
      await db.deleteFrom('policyGroups').execute();
      await db.deleteFrom('policyRules').execute();
      const groups = Object.entries(document.groups ?? {}).map(([name, operators]) => ({ name, operators: JSON.stringify(operators) }));
      if (groups.length > 0) await db.insertInto('policyGroups').values(groups).execute();
      const rules = document.allow.map((rule, position) => rowOf(position, rule));
      if (rules.length > 0) await db.insertInto('policyRules').values(rules).execute();
      return head.revision;
    },
  };
}

function rowOf(position: number, rule: PolicyDocument['allow'][number]): PolicyRulesRow {
  return {
    position,
    name: rule.name ?? null,
    operators: writeTextsOrNull(rule.operators ?? null),
    operatorGroups: writeTextsOrNull(rule.groups ?? null),
    agents: writeTextsOrNull(rule.agents ?? null),
    targets: writeTextsOrNull(rule.targets ?? null),
    ports: writeTextsOrNull(rule.ports ?? null),
    kinds: writeTextsOrNull(rule.kinds ?? null),
    maxLength: rule.max_length ?? null,
    extendable: rule.extendable === undefined ? null : Number(rule.extendable),
  };
}

/** What the file left out is left out again. */
function ruleOf(row: PolicyRulesRow): object {
  const list = (json: string | null, column: string) => readTextsOrNull(json, `policy_rules.${column}`);
  const rule = {
    name: row.name,
    operators: list(row.operators, 'operators'),
    groups: list(row.operatorGroups, 'operator_groups'),
    agents: list(row.agents, 'agents'),
    targets: list(row.targets, 'targets'),
    ports: list(row.ports, 'ports'),
    kinds: list(row.kinds, 'kinds'),
    max_length: row.maxLength,
    extendable: row.extendable === null ? null : row.extendable === 1,
  };
  return Object.fromEntries(Object.entries(rule).filter(([, value]) => value !== null));
}

function readStored(written: object): PolicyDocument {
  try {
    return readPolicy(written);
  } catch (cause) {
    throw new TunnelError('store.corrupt', 'the tables of the policy hold what nobody wrote there', { hint: 'Restore the store from a backup.', cause });
  }
}
