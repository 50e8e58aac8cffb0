// Reads the configuration of a running gateway again, or tells it, for its administrator.
import type { ConfigAnswer, ReloadAnswer } from '../../api/config.ts';
import { actorOf, assertAdmin, type Caller } from './caller.ts';
import { assertServing, type ControlContext } from './context.ts';

/** Resolves when it is in force. Errors `gateway.unreachable` without a running gateway, `config.invalid` and others of a file that is not good: nothing has changed then. */
export async function reload(context: ControlContext, caller: Caller): Promise<ReloadAnswer> {
  assertAdmin(caller);
  return await assertServing(context).reload(actorOf(caller));
}

/** Error `gateway.unreachable` without a running gateway. */
export function settingsInForce(context: ControlContext, caller: Caller): ConfigAnswer {
  assertAdmin(caller);
  return assertServing(context).settings();
}
