// Questions on a terminal, by inquirer. Ctrl-C at a question is an interrupt.
import { TunnelError } from '../base/errors.ts';

export interface Questions {
  choose<T extends string>(question: string, choices: readonly { readonly value: T; readonly name: string }[], preset?: T): Promise<T>;
  ask(question: string, preset: string, judge: (answer: string) => unknown): Promise<string>;
  confirm(question: string, preset: boolean): Promise<boolean>;
}

export async function openQuestions(): Promise<Questions> {
  const { default: inquirer } = await import('inquirer');
  return {
    async choose(message, choices, preset) {
      const { answer } = await unlessLeft(
        inquirer.prompt<{ answer: string }>([
          { type: 'select', name: 'answer', message, choices: [...choices], ...(preset !== undefined && { default: preset }) },
        ]),
      );
      const chosen = choices.find(({ value }) => value === answer);
      if (chosen === undefined) throw new TunnelError('internal', `no such choice: ${answer}`);
      return chosen.value;
    },
    async ask(message, preset, judge) {
      const validate = (text: string) => reasonAgainst(text, judge) ?? true;
      const { answer } = await unlessLeft(inquirer.prompt<{ answer: string }>([{ type: 'input', name: 'answer', message, default: preset, validate }]));
      return answer.trim();
    },
    async confirm(message, preset) {
      const { answer } = await unlessLeft(inquirer.prompt<{ answer: boolean }>([{ type: 'confirm', name: 'answer', message, default: preset }]));
      return answer;
    },
  };
}

async function unlessLeft<T>(asking: Promise<T>): Promise<T> {
  try {
    return await asking;
  } catch (cause) {
    if (!(cause instanceof Error) || cause.name !== 'ExitPromptError') throw cause;
    throw new TunnelError('interrupted', 'left', { hint: 'Nothing is half done: tunnel wizard goes on from here.', cause });
  }
}

function reasonAgainst(text: string, judge: (answer: string) => unknown): string | undefined {
  try {
    judge(text.trim());
    return undefined;
  } catch (error) {
    const hint = error instanceof TunnelError && error.hint !== undefined ? ` ${error.hint}` : '';
    return `${error instanceof Error ? error.message : error}${hint}`;
  }
}
