// Endpoints of the policy.
import { PATHS } from '../contract.ts';
import type { Endpoint } from '../endpoint.ts';
import * as policy from '../policy.ts';

export const policyEndpoints = {
  policy: { method: 'GET', path: PATHS.policy, who: 'admin', summary: 'the policy in force', answer: policy.PolicyAnswer },
  setPolicy: {
    method: 'PUT',
    path: PATHS.policy,
    who: 'admin',
    summary: 'replace the policy, and cut what it no longer allows',
    body: policy.SetPolicyRequest,
    answer: policy.PolicySet,
    failures: [409],
  },
  explainPolicy: {
    method: 'POST',
    path: `${PATHS.policy}/explain`,
    who: 'admin',
    summary: 'whether an operator may reach a target, and why, without connecting',
    body: policy.ExplainRequest,
    answer: policy.Explanation,
  },
  testPolicy: {
    method: 'POST',
    path: `${PATHS.policy}/test`,
    who: 'admin',
    summary: 'what a policy allows and denies, beside what is expected of it',
    body: policy.TestPolicyRequest,
    answer: policy.PolicyTested,
  },
} as const satisfies Record<string, Endpoint>;
