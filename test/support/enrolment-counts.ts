// What the store of a gateway says of enrolments, read beside it.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface EnrolmentCounts {
  readonly agents: number;
  readonly certificates: number;
  readonly serials: number;
  /** Uses of tokens for agents. */
  readonly uses: number;
  /** Rows of the audit log. */
  readonly enrolled: number;
  /** Rows of the audit log, with what the rows above the limit sum up. */
  readonly refused: number;
}

export function countEnrolments(gatewayFolder: string): EnrolmentCounts {
  const database = new DatabaseSync(join(gatewayFolder, 'gateway.db'), { readOnly: true });
  try {
    const count = (sql: string) => Number(database.prepare(`select ${sql}`).get()?.['n'] ?? 0);
    return {
      agents: count(`count(*) as n from agents where name not like '@%'`),
      certificates: count('count(*) as n from certificates'),
      serials: count('count(distinct serial) as n from certificates'),
      uses: count(`sum(uses) as n from tokens where kind = 'agent'`),
      enrolled: count(`count(*) as n from audit where code = 'agent.enrolled'`),
      refused: count(`sum(coalesce(detail ->> '$.more', 1)) as n from audit where code = 'agent.enrolment-refused'`),
    };
  } finally {
    database.close();
  }
}
