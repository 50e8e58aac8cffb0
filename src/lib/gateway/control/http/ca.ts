// The CA: which it is, for anybody; what it has issued and its rotation, for admins.
import { caEndpoints } from '../../../api/endpoints/ca.ts';
import type { ControlContext } from '../context.ts';
import { finishRotation, rotateCa, showRotation } from '../rotate-ca.ts';
import type { Answering } from './answering.ts';

export function caRoutes(answer: Answering, context: ControlContext): void {
  answer(caEndpoints.ca, () => ({ ca_pem: context.authority.bundlePem }));
  answer(caEndpoints.issued, async () => ({ issued: await context.store.certificates.count() }));
  answer(caEndpoints.rotation, () => showRotation(context));
  answer(caEndpoints.rotateCa, ({ caller, body }) => rotateCa(context, caller, body.window_ms));
  answer(caEndpoints.finishRotation, ({ caller }) => finishRotation(context, caller));
}
