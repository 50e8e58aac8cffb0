// Makes a TunnelError of whatever was thrown: our own as they are, oclif's parse errors as wrong usage, the rest as our fault.
import { stripVTControlCharacters } from 'node:util';
import { CLIError } from '@oclif/core/errors';
import { TunnelError } from '../base/errors.ts';

/** `command` as a person types it, `tunnel agent list`, for the hint. */
export function understand(thrown: unknown, command: string): TunnelError {
  if (thrown instanceof TunnelError) return thrown;
  if (thrown instanceof CLIError) {
    const message = usageMessage(thrown.message);
    const code = /expects (a value|one of these values)/.test(message) ? 'usage.missing-value' : 'usage';
    return new TunnelError(code, message, { hint: `${command} --help`, cause: thrown });
  }
  if (thrown instanceof Error && thrown.name === 'AbortError') return new TunnelError('interrupted', 'interrupted', { cause: thrown });
  const why = thrown instanceof Error ? thrown.message : String(thrown);
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
