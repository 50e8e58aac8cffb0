// The audit log, in the order of keeping, page by page.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type AuditPage, PATHS } from '../../../api/contract.ts';
import { assertAdmin } from '../caller.ts';
import type { ControlContext } from '../context.ts';
import { readAs } from './json-body.ts';
import type { WhoCalls } from './who-calls.ts';

const AuditQuery = z.object({ after: z.coerce.number().int().min(0).default(0), limit: z.coerce.number().int().min(1).max(1000).default(100) });

export function auditRoutes(app: FastifyInstance, { audit, store }: ControlContext, whoCalls: WhoCalls): void {
  app.get(PATHS.audit, async (request): Promise<AuditPage> => {
    assertAdmin(await whoCalls(request));
    const { after, limit } = readAs(AuditQuery, request.query, 'the query');
    await audit.flush(); // whoever asks sees what was answered before
    const { rows, next } = await store.audit.list(after, limit);
    const shown = rows.map(({ seq, time, code, actor, subject, detail }) => ({
      seq,
      time: new Date(time).toISOString(),
      code,
      actor,
      subject,
      detail: { ...detail },
    }));
    return { rows: shown, next: next === null ? null : String(next) };
  });
}
