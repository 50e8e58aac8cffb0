// The audit log, in the order of keeping, page by page.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AuditFilter, type AuditPage, PATHS } from '../../../api/contract.ts';
import { assertAdmin } from '../caller.ts';
import type { ControlContext } from '../context.ts';
import { readAs } from './json-body.ts';
import type { WhoCalls } from './who-calls.ts';

const AuditQuery = AuditFilter.extend({ after: z.coerce.number().int().min(0).default(0), limit: z.coerce.number().int().min(1).max(1000).default(100) });

export function auditRoutes(app: FastifyInstance, { audit, store }: ControlContext, whoCalls: WhoCalls): void {
  app.get(PATHS.audit, async (request): Promise<AuditPage> => {
    assertAdmin(await whoCalls(request));
    const { after, limit, since, until, ...words } = readAs(AuditQuery, request.query, 'the query');
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
