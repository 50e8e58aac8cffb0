// Locks: one path for everything that can be locked.
import { lockEndpoints } from '../../../api/endpoints/locks.ts';
import type { ControlContext } from '../context.ts';
import { lock, unlock } from '../locks.ts';
import type { Answering } from './answering.ts';

export function locksRoutes(answer: Answering, context: ControlContext): void {
  answer(lockEndpoints.lock, ({ caller, params, body }) => lock(context, caller, params.kind, params.name, body.reason ?? null));
  answer(lockEndpoints.unlock, ({ caller, params }) => unlock(context, caller, params.kind, params.name));
}
