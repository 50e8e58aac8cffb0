// The configuration of a running gateway, for admins: what is in force, and a reload.
import { configEndpoints } from '../../../api/endpoints/config.ts';
import type { ControlContext } from '../context.ts';
import { reload, settingsInForce } from '../reload.ts';
import type { Answering } from './answering.ts';

export function configRoutes(answer: Answering, context: ControlContext): void {
  answer(configEndpoints.config, ({ caller }) => settingsInForce(context, caller));
  answer(configEndpoints.reload, ({ caller }) => reload(context, caller));
}
