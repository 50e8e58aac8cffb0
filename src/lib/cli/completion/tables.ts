// What can stand where on a command line, as three tables that every shell's script is made of: the next word, the flags, and what a flag or an argument takes.
import type { Command } from '@oclif/core/command';

/** What is asked of `tunnel complete` while somebody types. */
export const DYNAMIC = ['agents', 'operators', 'profiles', 'sessions'] as const;

/** A word and what is said of it. */
export type Choice = readonly [word: string, about: string];

export interface Tables {
  /** By what was typed so far, '' at the beginning: topics and commands. */
  readonly next: ReadonlyMap<string, readonly Choice[]>;
  /** By command. */
  readonly flags: ReadonlyMap<string, readonly Choice[]>;
  /** By command and flag (`agent list --limit`), or command and place (`agent show 1`; `connect ...` for all). Words with blanks, or one of @agents…, @files, @folders, @any. */
  readonly takes: ReadonlyMap<string, string>;
}

export function tablesOf(
  commands: readonly Command.Loadable[],
  topics: readonly { readonly name: string; readonly description?: string | undefined }[],
): Tables {
  const shown = commands.filter(({ hidden }) => !hidden).sort((a, b) => (a.id < b.id ? -1 : 1));
  const next = new Map<string, Choice[]>();
  const flags = new Map<string, readonly Choice[]>();
  const takes = new Map<string, string>();
  const add = (before: string, word: string, about: string) => {
    const choices = next.get(before) ?? [];
    if (!choices.some(([other]) => other === word)) choices.push([word, about]);
    next.set(before, choices);
  };
  for (const { id, summary, flags: own, args } of shown) {
    const [first = '', second] = id.split(':');
    const words = id.replace(':', ' ');
    if (second === undefined) add('', first, sentence(summary));
    else {
      add('', first, sentence(topics.find(({ name }) => name === first)?.description));
      add(first, second, sentence(summary));
    }
    const sorted = Object.values(own).sort((a, b) => (a.name < b.name ? -1 : 1));
    flags.set(words, [...sorted.flatMap(flagChoices), ['--help', 'Show help']]);
    for (const flag of sorted) {
      if (flag.type !== 'option') continue;
      const what = flag.options?.join(' ') ?? byName(flag.name) ?? byValue(typeof flag.helpValue === 'string' ? flag.helpValue : '');
      takes.set(`${words} --${flag.name}`, what);
      if (flag.char !== undefined) takes.set(`${words} -${flag.char}`, what);
    }
    Object.values(args).forEach(({ name, options, multiple }, place) => {
      takes.set(`${words} ${multiple ? '...' : place + 1}`, options?.join(' ') ?? byName(name) ?? (name === 'file' ? '@files' : '@any'));
    });
  }
  return { next, flags, takes };
}

function flagChoices(flag: Command.Flag.Cached): Choice[] {
  const about = sentence(flag.summary);
  const off: Choice[] = flag.type === 'boolean' && flag.allowNo ? [[`--no-${flag.name}`, `Not: ${about}`]] : [];
  return [[`--${flag.name}`, about], ...off];
}

function byName(name: string): string | undefined {
  const plural = `${name.replace(/s$/, '')}s`;
  return DYNAMIC.some((kind) => kind === plural) ? `@${plural}` : undefined;
}

function byValue(helpValue: string): string {
  return helpValue === 'FILE' ? '@files' : helpValue === 'DIR' ? '@folders' : '@any';
}

/** The first one, without its full stop. */
function sentence(text = ''): string {
  return text.replace(/\.( .*)?$/s, '');
}
