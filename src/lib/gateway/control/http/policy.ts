// The policy, for administrators.
import { policyEndpoints } from '../../../api/endpoints/policy.ts';
import type { ControlContext } from '../context.ts';
import { explain, setPolicy, showPolicy, testPolicy } from '../policy.ts';
import type { Answering } from './answering.ts';

export function policyRoutes(answer: Answering, context: ControlContext): void {
  answer(policyEndpoints.policy, ({ caller }) => showPolicy(context, caller));
  answer(policyEndpoints.setPolicy, ({ caller, body }) => setPolicy(context, caller, body));
  answer(policyEndpoints.explainPolicy, ({ caller, body }) => explain(context, caller, body));
  answer(policyEndpoints.testPolicy, ({ caller, body }) => testPolicy(context, caller, body));
}
