// Which agent would carry a target, and why: the decision record that a connection would use, without connecting.
import type { Resolution, ResolveRequest } from '../../api/contract.ts';
import type { Caller } from './caller.ts';
import type { ControlContext } from './context.ts';
import { judgeRequest, readRequest } from './judge-request.ts';

/** Errors `target.malformed`, `request.malformed`. That nothing fits is an answer here, not an error. */
export async function resolve(context: ControlContext, { operator }: Caller, request: ResolveRequest): Promise<Resolution> {
  return (await judgeRequest(context, readRequest(request, operator))).record;
}
