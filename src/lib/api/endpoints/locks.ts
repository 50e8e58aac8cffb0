// Endpoints of locks.
import { z } from 'zod';
import { PATHS } from '../contract.ts';
import type { Endpoint } from '../endpoint.ts';
import * as locks from '../locks.ts';
import { name } from '../shapes.ts';

const Locked = z.object({ kind: locks.LockKind, name });

export const lockEndpoints = {
  lock: {
    method: 'PUT',
    path: `${PATHS.locks}/:kind/:name`,
    who: 'admin',
    summary: 'cut now, and refuse from now on',
    params: Locked,
    body: locks.ReasonRequest,
    answer: locks.LockAnswer,
    failures: [404, 409],
  },
  unlock: {
    method: 'DELETE',
    path: `${PATHS.locks}/:kind/:name`,
    who: 'admin',
    summary: 'refuse no longer',
    params: Locked,
    answer: locks.UnlockAnswer,
    failures: [404, 409],
  },
} as const satisfies Record<string, Endpoint>;
