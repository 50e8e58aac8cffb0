// The HTTP contract of the policy: the file as it is set and shown, questions to it, assertions about it.
import { z } from 'zod';
import { LONGEST_POLICY } from '../policy/document.ts';
import { Resolution, ResolveRequest } from './contract.ts';
import { CutAnswer } from './locks.ts';
import { name, targetText, time } from './shapes.ts';

/** As it was written, YAML or JSON. */
const file = z.string().max(LONGEST_POLICY);

const texts = z.array(z.string());
/** As policy/document.ts reads it, in canonical text; what the file left out is left out. */
const Policy = z.object({
  version: z.literal(1),
  groups: z.record(z.string(), texts).optional(),
  allow: z.array(
    z.object({
      name: z.string().optional(),
      operators: texts.optional(),
      groups: texts.optional(),
      agents: texts.optional(),
      targets: texts.optional(),
      ports: texts.optional(),
      kinds: texts.optional(),
      max_length: z.string().optional(),
      extendable: z.boolean().optional(),
    }),
  ),
});

export const PolicyAnswer = z.object({
  /** 0: the built-in one, by which logins alone decide. */
  revision: z.number().int(),
  set_at: time.nullable(),
  set_by: z.string().nullable(),
  policy: Policy,
});
export const SetPolicyRequest = z.object({
  file,
  /** Only in the place of this revision. */
  if_revision: z.number().int().min(0).optional(),
});
/** `cut`: what was running and is allowed no more. */
export const PolicySet = z.object({ revision: z.number().int(), rules: z.number().int(), warnings: z.array(z.string()), cut: CutAnswer });

export const ExplainRequest = ResolveRequest.extend({ as: name });
export const Explanation = Resolution.extend({
  /** Of the policy that was asked. */
  revision: z.number().int(),
  /** Whether the operator has logged in; where not, policy alone is judged. */
  login: z.boolean(),
});

export const Assertion = z.strictObject({ as: name, target: targetText, agent: name.optional(), expect: z.enum(['allow', 'deny']) });
export const TestPolicyRequest = z.object({
  tests: z.array(Assertion).min(1).max(1000),
  /** Another policy than the one in force. */
  file: file.optional(),
});
export const TestedAssertion = Assertion.extend({ passed: z.boolean(), got: z.enum(['allow', 'deny']), line: z.string() });
export const PolicyTested = z.object({
  /** Null: of the file that was given. */
  revision: z.number().int().nullable(),
  passed: z.number().int(),
  failed: z.number().int(),
  tests: z.array(TestedAssertion),
});

/** What `policy diff` finds on the side of whoever asks; no endpoint of its own. */
export const PolicyDiff = z.object({
  /** The revision that the other one is compared with. */
  revision: z.number().int(),
  since: time,
  /** How many were replayed. */
  requests: z.number().int(),
  differences: z.array(
    z.object({
      /** `moved`: allowed by both, through another agent. */
      change: z.enum(['refused', 'allowed', 'moved']),
      operator: z.string(),
      target: z.string(),
      explicit_agent: z.string().nullable(),
      /** Through which agent now, and by the other policy; null where neither way is allowed. */
      agent: z.string().nullable(),
      new_agent: z.string().nullable(),
      /** What the other policy says. */
      line: z.string(),
      count: z.number().int(),
      last: time,
    }),
  ),
  /** There are more differences than are listed. */
  truncated: z.boolean(),
});

export type PolicyAnswer = z.infer<typeof PolicyAnswer>;
export type SetPolicyRequest = z.infer<typeof SetPolicyRequest>;
export type PolicySet = z.infer<typeof PolicySet>;
export type ExplainRequest = z.infer<typeof ExplainRequest>;
export type Explanation = z.infer<typeof Explanation>;
export type Assertion = z.infer<typeof Assertion>;
export type TestPolicyRequest = z.input<typeof TestPolicyRequest>;
export type PolicyTested = z.infer<typeof PolicyTested>;
export type PolicyDiff = z.infer<typeof PolicyDiff>;
