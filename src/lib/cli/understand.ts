// Makes a TunnelError of whatever was thrown: our own as they are, oclif's parse errors as wrong usage, the rest as our fault.
import { stripVTControlCharacters } from 'node:util';
import { CLIError } from '@oclif/core/errors';
import { messageOf, TunnelError } from '../base/errors.ts';

/** What fingers know from ssh and `tunnel connect` does not have. */
const RESERVED: Readonly<Record<string, readonly [message: string, hint: string]>> = {
  '-R': ['-R, a forward from the far side, is reserved and does nothing yet', 'Forwards lead from this machine to targets: tunnel connect --help'],
  '-J': ['-J is reserved: the gateway itself finds the way to a target', 'Leave it out, or name an agent with --agent NAME.'],
};

/** `command` as a person types it, `tunnel agent list`, for the hint. */
export function understand(thrown: unknown, command: string): TunnelError {
  if (thrown instanceof TunnelError) return thrown;
  if (thrown instanceof CLIError) {
    const message = usageMessage(thrown.message);
    const reserved = command === 'tunnel connect' ? RESERVED[/^unknown flags?: (-\w)/.exec(message)?.[1] ?? ''] : undefined;
    if (reserved !== undefined) return new TunnelError('usage', reserved[0], { hint: reserved[1], cause: thrown });
    const code = /expects (a value|one of these values)/.test(message) ? 'usage.missing-value' : 'usage';
    return new TunnelError(code, message, { hint: `${command} --help`, cause: thrown });
  }
  if (thrown instanceof Error && thrown.name === 'AbortError') return new TunnelError('interrupted', 'interrupted', { cause: thrown });
  const why = messageOf(thrown);
  return new TunnelError('internal', `unexpected failure: ${why}`, {
    hint: 'This is a fault in tunnel. Run it again with --debug and report what it prints.',
    cause: thrown,
  });
}

/** oclif writes several lines with colour and advice of its own; what remains is one line. */
function usageMessage(text: string): string {
  const lines = stripVTControlCharacters(text)
    .replace(/\n\nNote: [\s\S]*$/, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== 'See more help with --help' && !/^The following errors? occurred:$/.test(line));
  const [first = 'wrong usage', ...rest] = lines;
  if (/^Missing \d+ required arg/.test(first)) return `missing argument: ${rest.map((line) => line.split(/\s/)[0]).join(', ')}`;
  if (lines.every((line) => /^Missing required flag /.test(line)))
    return `missing required flag: ${lines.map((line) => `--${line.split(' ').at(-1)}`).join(', ')}`;
  return lowerFirst([first, ...rest].join('; ').replace(/^Parsing (--\S+) ?; /, '$1: ')).replace('nonexistent flag', 'unknown flag');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
