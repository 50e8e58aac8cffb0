// tunnel-exit-codes(7): every error code under the exit code that it has.
import { ERROR_KINDS, type ErrorCode, type Kind } from '../base/errors.ts';
import { ERROR_MEANINGS } from './error-meanings.ts';
import { EXIT_CODES, EXIT_MEANINGS } from './exit-codes.ts';
import { definition, list, page, prose, section, seeAlso } from './mdoc.ts';

export function exitCodesPage(): string {
  const kinds = Object.entries(EXIT_CODES) as [Kind, number][];
  return page('tunnel-exit-codes', 7, 'exit codes and error codes of tunnel', [
    section('DESCRIPTION', [
      'Every command of',
      '.Xr tunnel 1',
      'exits with one of these codes, and names the error behind it on standard error or, with',
      '.Fl -json ,',
      'as',
      '.Ql error.code',
      'on standard output.',
      'Exit codes, error codes and which belongs to which never change; messages and hints may.',
      '.Pp',
      'The exit code is 0 when a command did what was asked.',
      'A signal ends gateway start, agent start and quickstart --keep with 0, others with 130.',
      'With',
      '.Ql connect ... -- COMMAND',
      "the exit code is the program's own.",
    ]),
    ...kinds.map(([kind, exit]) => section(`EXIT ${exit}`, [...prose(EXIT_MEANINGS[kind]), ...list(codesOf(kind).map(entry))])),
    section('SEE ALSO', seeAlso(['tunnel'])),
  ]);
}

function codesOf(kind: Kind): ErrorCode[] {
  return (Object.keys(ERROR_KINDS) as ErrorCode[]).filter((code) => ERROR_KINDS[code] === kind);
}

function entry(code: ErrorCode): string[] {
  return definition([['Li', code]], ERROR_MEANINGS[code].flatMap(prose));
}
