// Reads YAML that a person wrote: policies, smoke tests.
interface YamlFile {
  readonly text: string;
  /** For people: `the policy`. */
  readonly what: string;
  readonly mostBytes: number;
}

/** YAML 1.2, and so JSON too; no aliases, no tags, no key twice. Throws what `refuse` makes of what is wrong, with the line where there is one. */
export async function parseYaml({ text, what, mostBytes }: YamlFile, refuse: (why: string, cause?: unknown) => Error): Promise<unknown> {
  if (Buffer.byteLength(text) > mostBytes) throw refuse(`${what} has more than ${mostBytes} bytes`);
  const { LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  const read = () => {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, schema: 'core', logLevel: 'error' });
    const [fault] = [...document.errors, ...document.warnings];
    return { fault, value: fault === undefined ? document.toJS({ maxAliasCount: 0 }) : undefined };
  };
  const { fault, value } = attempt(read, (cause) => refuse(`${what} uses aliases, or is nested too deep`, cause));
  if (fault !== undefined) throw refuse(`line ${lines.linePos(fault.pos[0]).line}: ${fault.message.split('\n')[0]}`, fault);
  return value;
}

function attempt<T>(work: () => T, failed: (cause: unknown) => Error): T {
  try {
    return work();
  } catch (cause) {
    throw failed(cause);
  }
}
