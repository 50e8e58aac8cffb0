// The policy and its tests as files: what `policy show` prints and `policy test` reads, on the side of whoever asks.
import { z } from 'zod';
import { TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';
import { formatPolicy, parsePolicyYaml } from '../policy/document.ts';
import { Assertion, type PolicyAnswer } from './policy.ts';

/** The file, with what it is in comments; comments are not kept by the gateway. */
export async function policyText({ revision, set_at, set_by, policy }: PolicyAnswer): Promise<string> {
  const head =
    revision === 0 ? '# built in: no policy is set, the logins alone decide' : `# revision ${revision}, set ${set_at} by ${escapeText(set_by ?? '')}`;
  return `${head}\n${await formatPolicy(policy)}`;
}

const Tests = z.strictObject({ tests: z.array(Assertion).min(1).max(1000) });

/** YAML or JSON: `tests`, a list of `as`, `target`, `expect` and maybe `agent`. Error `policy.malformed`, naming the field or the line. */
export async function readAssertions(text: string): Promise<Assertion[]> {
  const read = Tests.safeParse(await parsePolicyYaml(text, 'the file of tests'));
  if (read.success) return read.data.tests;
  const [issue] = read.error.issues;
  throw new TunnelError('policy.malformed', `${issue?.path.join('.') || 'the file of tests'}: ${issue?.message ?? 'not as it must be'}`, {
    hint: 'Each test is like: {as: alice, target: "10.0.0.5:22", expect: allow}.',
    cause: read.error,
  });
}
