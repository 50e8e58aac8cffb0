// What a file of smoke tests says: which targets must be reachable or refused, how fast, by which agent, and what they must answer (requirements F8).
import { z } from 'zod';
import { parseDuration } from '../../base/duration.ts';
import { TunnelError } from '../../base/errors.ts';
import { escapeText } from '../../base/escape.ts';
import { parseYaml } from '../../base/yaml.ts';
import { formatTarget, parseTarget } from '../../routing/target.ts';

const MOST_BYTES = 1024 * 1024;
const line = z.string().min(1).max(1000);

const Http = z.strictObject({
  path: z.string().startsWith('/').max(2000).default('/'),
  status: z.number().int().min(100).max(599).default(200),
  /** `insecure`: the certificate is not judged. */
  tls: z.union([z.boolean(), z.literal('insecure')]).default(false),
  /** What the answer contains. */
  contains: line.optional(),
});

const Check = z.strictObject({
  name: line.optional(),
  target: z.string(),
  /** Go through this agent, or fail. */
  via: z.string().min(1).max(255).optional(),
  reachable: z.boolean().default(true),
  /** Of what is not to be reachable: the error code, `policy.denied` for one. */
  code: z.string().max(60).optional(),
  /** The agent that must carry it. */
  agent: z.string().max(255).optional(),
  /** Until everything that the check asks for has come. */
  within: z.string().default('10s'),
  /** What the first bytes of the target contain. */
  banner: line.optional(),
  http: Http.optional(),
  /** A program with {host}, {port} and {addr} filled in, and the exit code that it must have. */
  command: z.array(z.string()).min(1).max(100).optional(),
  exit: z.number().int().min(0).max(255).default(0),
});

const CheckFile = z.strictObject({ checks: z.array(Check).min(1).max(1000) });

export type HttpCheck = z.infer<typeof Http>;

export interface SmokeCheck extends Omit<z.infer<typeof Check>, 'name' | 'within'> {
  readonly name: string;
  /** Canonical. */
  readonly target: string;
  readonly withinMs: number;
}

/** YAML, so JSON too. Errors `config.invalid`, naming the place; `target.malformed`, `duration.malformed`. */
export async function readChecks(path: string, text: string): Promise<SmokeCheck[]> {
  const invalid = (why: string, cause?: unknown) =>
    new TunnelError('config.invalid', `${path} is not a file of checks: ${escapeText(why.slice(0, 300))}`, {
      hint: 'See tunnel check --help: checks:, then a list of entries with target: HOST:PORT.',
      cause,
    });
  const read = CheckFile.safeParse(await parseYaml({ text, what: 'it', mostBytes: MOST_BYTES }, invalid));
  if (!read.success) {
    const [issue] = read.error.issues;
    throw invalid(`${issue?.path.join('.') || 'the whole'}: ${issue?.message ?? 'not as it must be'}`, read.error);
  }
  return read.data.checks.map(({ name, target, within, ...rest }, index) => {
    const field = `checks.${index}`;
    const asked = [rest.banner, rest.http, rest.command].filter((each) => each !== undefined).length;
    if (asked > 1) throw invalid(`${field}: banner, http and command are for one check each`);
    if (!rest.reachable && (asked > 0 || rest.agent !== undefined)) throw invalid(`${field}: what is not reachable has no agent, banner, http or command`);
    if (rest.reachable && rest.code !== undefined) throw invalid(`${field}: code goes with reachable: false`);
    const canonical = formatTarget(parseTarget(target, `${field}.target`));
    return { ...rest, name: name ?? canonical, target: canonical, withinMs: parseDuration(within, `${field}.within`) };
  });
}
