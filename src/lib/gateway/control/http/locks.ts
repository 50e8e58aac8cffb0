// Locks: one path for everything that can be locked.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { PATHS } from '../../../api/contract.ts';
import { LockKind, ReasonRequest } from '../../../api/locks.ts';
import type { ControlContext } from '../context.ts';
import { lock, unlock } from '../locks.ts';
import { readAs } from './json-body.ts';
import type { WhoCalls } from './who-calls.ts';

const Locked = z.object({ kind: LockKind, name: z.string().min(1).max(255) });

export function locksRoutes(app: FastifyInstance, context: ControlContext, whoCalls: WhoCalls): void {
  app.put(`${PATHS.locks}/:kind/:name`, async (request) => {
    const caller = await whoCalls(request);
    const { kind, name } = readAs(Locked, request.params, 'the path');
    return lock(context, caller, kind, name, readAs(ReasonRequest, request.body).reason ?? null);
  });

  app.delete(`${PATHS.locks}/:kind/:name`, async (request) => {
    const caller = await whoCalls(request);
    const { kind, name } = readAs(Locked, request.params, 'the path');
    return unlock(context, caller, kind, name);
  });
}
