// What stands behind `--` belongs to another program and is never parsed.

export interface SplitArguments {
  readonly own: string[];
  /** Undefined without `--`. */
  readonly after: string[] | undefined;
}

export function splitAtDashes(argv: readonly string[]): SplitArguments {
  const at = argv.indexOf('--');
  return at === -1 ? { own: [...argv], after: undefined } : { own: argv.slice(0, at), after: argv.slice(at + 1) };
}
