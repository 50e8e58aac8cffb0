// The little of mdoc(7) that our pages need, with its escapes.

/** When the pages were last revised by hand. Not the day of the build: the same sources make the same pages. */
const REVISED = 'November 21, 2026';

/** A macro and its arguments: `['Fl', '-json']`. */
export type Macro = readonly [name: string, ...args: string[]];

export function page(name: string, manual: 1 | 5 | 7, description: string, sections: readonly (readonly string[])[]): string {
  const head = [`.Dd ${REVISED}`, `.Dt ${name.toUpperCase()} ${manual}`, '.Os', '.Sh NAME', `.Nm ${name}`, `.Nd ${escapeLine(description)}`];
  return `${[...head, ...sections.flat()].join('\n')}\n`;
}

/** Of commands, then of pages of other manuals, in their order. */
export function seeAlso(commands: readonly string[], more: readonly (readonly [page: string, manual: 5 | 7])[] = []): string[] {
  const pages = [...[...new Set(commands)].sort().map((name) => `${name} 1`), ...more.map(([name, manual]) => `${name} ${manual}`)];
  return pages.map((name, index) => `.Xr ${name}${index === pages.length - 1 ? '' : ' ,'}`);
}

export function section(title: string, lines: readonly string[]): string[] {
  return [`.Sh ${title}`, ...lines];
}

export function list(items: readonly (readonly string[])[]): string[] {
  return ['.Bl -tag -width Ds', ...items.flat(), '.El'];
}

/** One item of a list: the words that it begins with, then its text, escaped by the caller. */
export function definition(tag: readonly Macro[], text: readonly string[]): string[] {
  const words = tag.flatMap(([name, ...args]) => (name === 'No' ? args : [name, ...args.map((word) => (isMacro(word) ? word : escapeWord(word)))]));
  return [`.It ${words.join(' ')}`, ...text];
}

/** Running text, a line a sentence as mdoc wants it. */
export function prose(text: string): string[] {
  return text.split(/(?<=[.!?]) (?=[A-Z0-9"(])/).map(literal);
}

/** A line as it stands: nothing in it is a request or an escape. */
export function literal(text: string): string {
  return text.replaceAll('\\', '\\e').replace(/^([.'])/, '\\&$1');
}

/** Text behind a macro on its line: words that are macros, quotes and lone punctuation lose their meaning. */
export function escapeLine(text: string): string {
  return text.split(' ').map(escapeWord).join(' ');
}

function escapeWord(word: string): string {
  const escaped = word.replaceAll('\\', '\\e').replaceAll('"', '\\(dq');
  return isMacro(word) || /^[.,:;()[\]?!|]$/.test(word) ? (word === ',' ? word : `\\&${escaped}`) : escaped;
}

function isMacro(word: string): boolean {
  return /^[A-Z][a-z]{1,2}$/.test(word);
}
