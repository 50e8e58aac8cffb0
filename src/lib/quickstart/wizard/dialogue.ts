// What the wizard can do: ask, say, and run a command that a person could have typed. Its flows know nothing of terminals.
import { TunnelError } from '../../base/errors.ts';
import type { Files } from '../../base/world.ts';

export interface Choice<T extends string> {
  readonly value: T;
  readonly name: string;
}

export interface Dialogue {
  choose<T extends string>(question: string, choices: readonly Choice<T>[], preset?: T): Promise<T>;
  /** `judge` throws where the answer will not do; its words are shown and the question stays. */
  ask(question: string, preset: string, judge: (answer: string) => unknown): Promise<string>;
  confirm(question: string, preset: boolean): Promise<boolean>;
  say(text: string): void;
  /** Shows `tunnel ARGUMENTS`, runs it, and ends the wizard where it fails. */
  run(args: readonly string[]): Promise<void>;
}

/** Is a process of ours at work on this folder? */
export async function isRunning(lock: string, files: Files): Promise<boolean> {
  try {
    await (await files.lock(lock))[Symbol.asyncDispose]();
    return false;
  } catch (error) {
    if (error instanceof TunnelError && error.code === 'state.locked') return true;
    throw error;
  }
}

/** How something that stays is started, now or later. */
export async function startIt(dialogue: Dialogue, what: 'gateway' | 'agent', flags: readonly string[]): Promise<void> {
  const how = await dialogue.choose(`Start the ${what}?`, [
    { value: 'here', name: 'in this terminal, until Ctrl-C' },
    { value: 'service', name: 'as a service of this machine (needs root)' },
    { value: 'later', name: 'later' },
  ]);
  if (how === 'here') await dialogue.run([what, 'start', ...flags]);
  else if (how === 'service') await dialogue.run([what, 'install', ...flags]);
  else dialogue.say(`Later: ${typed([what, 'start', ...flags])}`);
}

/** As a shell takes it. */
export function typed(args: readonly string[]): string {
  return ['tunnel', ...args].map((word) => (/^[\w./:=@,+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
}

export function dataDirFlag(dataDir: string, usual: string): string[] {
  return dataDir === usual ? [] : ['--data-dir', dataDir];
}
