// The answer to a command that does not exist. oclif calls it as its hook `command_not_found`, before any command of ours could speak.
import { TunnelError } from '../base/errors.ts';
import { safeJson } from '../base/escape.ts';
import { paintFor } from './colour.ts';
import { isTruthy } from './environment.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { errorJson, errorLines } from './render-error.ts';

interface NotFound {
  /** `agent:start:foo` where `agent start foo` was typed: oclif joins what it cannot tell from a command. */
  readonly id: string;
  readonly argv?: string[];
  readonly config: { readonly commandIDs: string[] };
}

export default async function notFound({ id, argv = [], config }: NotFound): Promise<void> {
  const error = explain(id, config.commandIDs);
  const json = [id, ...argv].includes('--json') || isTruthy(process.env['TUNNEL_JSON']);
  process.exitCode = EXIT_CODES[error.kind];
  if (json) process.stdout.write(`${safeJson(errorJson(error, false))}\n`);
  else process.stderr.write(`${errorLines(error, false, await paintFor(process.stderr)).join('\n')}\n`);
}

/** What was meant: a flag before the command, an argument too many, or a command that we do not have. */
export function explain(id: string, known: readonly string[]): TunnelError {
  if (id.startsWith('-')) return new TunnelError('usage', `a command must come before ${id}`, { hint: 'tunnel --help' });
  const words = id.split(':');
  for (let length = words.length - 1; length > 0; length -= 1) {
    const command = words.slice(0, length);
    if (known.includes(command.join(':'))) {
      return new TunnelError('usage', `unexpected argument: ${words.slice(length).join(' ')}`, { hint: `tunnel ${command.join(' ')} --help` });
    }
  }
  const topic = words[0] ?? '';
  const hint = known.some((other) => other.startsWith(`${topic}:`)) ? `tunnel ${topic} --help` : 'tunnel --help';
  return new TunnelError('usage', `unknown command: tunnel ${words.join(' ')}`, { hint });
}
