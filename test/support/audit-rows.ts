// What a gateway has audited, read by the real CLI.
import { succeed } from './cli.ts';

export interface AuditRow {
  readonly seq: number;
  readonly code: string;
  readonly subject: string | null;
  readonly detail: Record<string, unknown>;
}

/** The rows behind `after`, at most a thousand. */
export async function auditRows(gatewayFolder: string, after = 0): Promise<AuditRow[]> {
  const { rows } = (await succeed(['audit', '--data-dir', gatewayFolder, '--after', String(after), '--limit', '1000', '--json'])).json();
  return rows as AuditRow[];
}
