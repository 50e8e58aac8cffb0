// The environment variable of each flag: TUNNEL_<TOPIC>_<FLAG>, derived, never written by hand.
import type { Command } from '@oclif/core/command';

/** Flags that mean the same in every command have one variable for all of them. */
const EVERYWHERE = new Set(['json', 'debug', 'no-color', 'data-dir', 'config-dir']);

/** `agent:enroll` and `token-file` make TUNNEL_AGENT_TOKEN_FILE. */
export function variableName(commandId: string, flag: string): string {
  const topic = commandId.split(':')[0] ?? commandId;
  const parts = EVERYWHERE.has(flag) ? ['tunnel', flag] : ['tunnel', topic, flag];
  return parts.join('_').replaceAll('-', '_').toUpperCase();
}

/** oclif's words for a boolean in a variable. */
export function isTruthy(value: string | undefined): boolean {
  return /^(true|1|yes|y|t)$/i.test(value ?? '');
}

/** Of flags that were given, those whose value came from the variable; each by its name in a file: `public-url` is public_url. `raw` is what was parsed of the command line. */
export function givenByVariable(flags: object, raw: readonly { readonly type: string; readonly flag?: string }[]): Set<string> {
  const typed = new Set(raw.flatMap(({ type, flag }) => (type === 'flag' && flag !== undefined ? [flag] : [])));
  return new Set(
    Object.keys(flags)
      .filter((flag) => !typed.has(flag))
      .map((flag) => (flag === 'debug' ? 'log_level' : flag.replaceAll('-', '_'))),
  );
}

type Flags = typeof Command.flags;

/**
 * The flags of a command, each reading its variable where it is not given. Copies, because commands share definitions. A repeatable flag takes
 * a list with commas or blanks: oclif would hand on the bare text as if it were the list.
 */
export function withVariables(commandId: string, flags: Flags): Flags {
  return Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => {
      const env = variableName(commandId, name);
      if (flag.type === 'boolean' || !flag.multiple) return [name, { ...flag, env }];
      const list = process.env[env]?.split(/[\s,]+/).filter((part) => part !== '');
      return [name, list === undefined || list.length === 0 ? { ...flag } : { ...flag, default: async () => list }];
    }),
  );
}
