// The policy as an administrator writes it: one file of YAML or JSON, judged field by field. What is not allowed by a rule is denied; there are no deny rules.
import { z } from 'zod';
import { formatDuration } from '../base/duration.ts';
import { TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';
import { parseName } from '../base/ids.ts';
import { parseYaml } from '../base/yaml.ts';
import { formatPorts, parsePorts } from './ports.ts';
import { parseSessionLength } from './session-length.ts';
import { formatTargetScope, parseTargetScope } from './target-scope.ts';

/** Bytes of the file. */
export const LONGEST_POLICY = 60_000;
export const EVERYONE = '*';
const MOST_RULES = 500;

const canonical = (parse: (text: string) => string) =>
  z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof TunnelError ? error.message : 'not as it must be' });
      return z.NEVER;
    }
  });
const someOf = (shape: z.ZodType<string>) =>
  z
    .array(shape)
    .min(1)
    .max(5000)
    .transform((texts) => [...new Set(texts)]);

const Member = canonical((text) => parseName(text, 'operator'));
const Group = canonical((text) => parseName(text, 'group'));
const AgentPattern = z.string().regex(/^[\x21-\x7e]{1,255}$/, 'is no name of an agent; * stands for any characters');
const Ports = z
  .array(z.union([z.number(), z.string()]).transform(String))
  .min(1)
  .max(256)
  .transform((parts, context) => {
    try {
      return formatPorts(parsePorts(parts));
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof TunnelError ? error.message : 'not as it must be' });
      return z.NEVER;
    }
  });

const Rule = z.strictObject({
  /** For people: it stands in decision records. */
  name: z
    .string()
    .regex(/^[\P{C}]{1,80}$/u, 'has 1 to 80 characters in one line')
    .optional(),
  operators: someOf(canonical((text) => (text === EVERYONE ? text : parseName(text, 'operator')))).optional(),
  groups: someOf(Group).optional(),
  agents: someOf(AgentPattern).optional(),
  targets: someOf(canonical((text) => formatTargetScope(parseTargetScope(text)))).optional(),
  ports: Ports.optional(),
  kinds: someOf(z.literal('tcp', { error: 'this version carries tcp only; udp, terminal, command and file are reserved' })).optional(),
  max_length: canonical((text) => formatDuration(parseSessionLength(text, 'max_length'))).optional(),
  extendable: z.boolean().optional(),
});

/** In canonical text; what is left out stays so: any agent, any target, all ports, tcp, no limit. */
export const PolicyDocument = z
  .strictObject({
    version: z.literal(1),
    groups: z.record(Group, z.array(Member).max(5000)).optional(),
    allow: z.array(Rule).max(MOST_RULES),
  })
  .superRefine(({ groups = {}, allow }, context) => {
    for (const [index, rule] of allow.entries()) {
      const refuse = (field: string, message: string) => context.addIssue({ code: 'custom', path: ['allow', index, field], message });
      if (rule.operators === undefined && rule.groups === undefined) refuse('operators', `name operators or groups; "${EVERYONE}" is every operator`);
      const unknown = rule.groups?.find((group) => !Object.hasOwn(groups, group));
      if (unknown !== undefined) refuse('groups', `there is no group ${unknown}`);
      if (rule.extendable !== undefined && rule.max_length === undefined) refuse('extendable', 'means something beside max_length only');
    }
  });

export type PolicyDocument = z.output<typeof PolicyDocument>;

/** Until an administrator sets a policy. */
export const BUILT_IN_DOCUMENT: PolicyDocument = { version: 1, allow: [{ name: "whoever's login grants it", operators: [EVERYONE] }] };

/** Error `policy.malformed`, naming the field or the line. */
export async function parsePolicyText(text: string): Promise<PolicyDocument> {
  return readPolicy(await parsePolicyYaml(text));
}

/** Error `policy.malformed`, naming the first field that is wrong. */
export function readPolicy(value: unknown): PolicyDocument {
  const read = PolicyDocument.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw malformed(`${fieldOf(issue?.path ?? [])}: ${issue?.message ?? 'not as it must be'}`, read.error);
}

/** As `base/yaml.ts` reads it. Error `policy.malformed`. */
export function parsePolicyYaml(text: string, what = 'the policy'): Promise<unknown> {
  return parseYaml({ text, what, mostBytes: LONGEST_POLICY }, malformed);
}

/** As `parsePolicyText` reads it. */
export async function formatPolicy(document: PolicyDocument): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(document, { lineWidth: 0, flowCollectionPadding: false, blockQuote: false, doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER });
}

function fieldOf(path: readonly PropertyKey[]): string {
  const text = path.reduce<string>((field, key) => (typeof key === 'number' ? `${field}[${key}]` : `${field}${field && '.'}${String(key)}`), '');
  return escapeText(text) || 'the policy';
}

function malformed(message: string, cause?: unknown): TunnelError {
  return new TunnelError('policy.malformed', message, { hint: 'docs/policy.md describes every field.', cause });
}
