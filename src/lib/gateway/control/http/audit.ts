// The audit log, in the order of keeping, page by page.
import { auditEndpoints } from '../../../api/endpoints/audit.ts';
import type { ControlContext } from '../context.ts';
import type { Answering } from './answering.ts';

export function auditRoutes(answer: Answering, { audit, store }: ControlContext): void {
  answer(auditEndpoints.audit, async ({ query }) => {
    const { after, limit, since, until, ...words } = query;
    await audit.flush(); // whoever asks sees what was answered before
    const head = await store.audit.head(); // before the rows, which may have grown when they are read
    const { rows, next } = await store.audit.list(after, limit, { ...words, since: momentOf(since), until: momentOf(until) });
    const shown = rows.map(({ seq, time, code, actor, subject, detail, hash }) => ({
      seq,
      time: new Date(time).toISOString(),
      code,
      actor,
      subject,
      detail: { ...detail },
      hash,
    }));
    return { rows: shown, next: next === null ? null : String(next), head };
  });
}

function momentOf(time: string | undefined): number | undefined {
  return time === undefined ? undefined : Date.parse(time);
}
