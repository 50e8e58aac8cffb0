// A named set of forwards, as it stands in config.json: what `connect` takes, word for word.
import { z } from 'zod';
import { TunnelError } from '../../base/errors.ts';
import { escapeText } from '../../base/escape.ts';
import { parseName } from '../../base/ids.ts';
import { type Plan, planForwards } from '../forward/plan.ts';

const texts = z.array(z.string()).optional();

/** Keys of a later version survive. */
const Stored = z.looseObject({
  targets: texts,
  local: texts,
  socks: texts,
  http: texts,
  listen: z.string().optional(),
  agent: z.string().optional(),
  site: z.string().optional(),
  alternates: texts,
  keep_alive: z.boolean().optional(),
});

export type Profile = z.infer<typeof Stored>;

type Given = { readonly [key in 'targets' | 'local' | 'socks' | 'http' | 'alternates']: readonly string[] | undefined } & {
  readonly listen: string | undefined;
  readonly agent: string | undefined;
  readonly site: string | undefined;
  readonly keep_alive: boolean;
};

/** From what was given on a command line; only that stands in it. Errors of `planForwards`. */
export function profileOf({ keep_alive, ...given }: Given): Profile {
  return readProfile({ ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)), ...(keep_alive && { keep_alive }) }, 'profile');
}

/** `where` is what an error names. Errors `config.invalid`, and those of `planForwards`. */
export function readProfile(value: unknown, where: string): Profile {
  const read = Stored.safeParse(value);
  if (!read.success) {
    const [issue] = read.error.issues;
    const field = [where, ...(issue?.path ?? [])].join('.');
    throw new TunnelError('config.invalid', `${escapeText(field)}: ${issue?.message ?? 'no profile'}`, {
      hint: 'A profile has targets, local, socks, http and alternates (lists of texts), listen, agent and site (texts), and keep_alive (true or false).',
    });
  }
  planProfile(read.data);
  return read.data;
}

/** Errors `name.malformed`, and those of `planForwards`. */
export function planProfile({ targets = [], local = [], socks = [], http = [], listen, alternates = [], site }: Profile): Plan {
  if (site !== undefined) parseName(site, 'site');
  return planForwards({ targets, local, socks, http, listen, alternates, site, single: undefined });
}

/** For people: as the flags of `connect`. */
export function profileText({ targets = [], local = [], socks = [], http = [], listen, agent, site, alternates = [], keep_alive }: Profile): string {
  const flag = (name: string, values: readonly string[]) => values.flatMap((value) => [name, value]);
  return [
    ...targets,
    ...flag('-L', local),
    ...flag('-D', socks),
    ...flag('--http', http),
    ...flag('--listen', listen === undefined ? [] : [listen]),
    ...flag('--alternate', alternates),
    ...flag('--agent', agent === undefined ? [] : [agent]),
    ...flag('--site', site === undefined ? [] : [site]),
    ...(keep_alive ? ['--keep-alive'] : []),
  ].join(' ');
}
