// A real terminal: a program in tmux, keys sent to it, its screen read.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { run } from './cli.ts';

const LOOK_EVERY_MS = 50;
const SEEN_WITHIN_MS = 60_000;

export interface Terminal {
  /** As tmux names them: `Enter`, `C-c`, `Down`; anything else is typed. */
  press(...keys: string[]): Promise<void>;
  screen(): Promise<string>;
  /** Resolves with the screen once it shows that. */
  sees(what: RegExp): Promise<string>;
  /** Every byte that was written to the terminal, before it made a screen of them. */
  written(): string;
}

/** A shell in `cwd`; it ends with the test. */
export async function openTerminal(t: TestContext, cwd: string, env: Readonly<Record<string, string>>): Promise<Terminal> {
  const server = `tunnel-test-${randomUUID()}`;
  const tmux = async (...args: string[]) => {
    const { code, stdout, stderr } = await run('tmux', ['-L', server, '-f', '/dev/null', ...args]);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const rc = join(cwd, '.shellrc');
  writeFileSync(rc, "PS1='shell> '\n");
  const variables = Object.entries({ ENV: rc, ...env }).map(([name, value]) => `${name}=${value}`);
  await tmux('new-session', '-d', '-x', '160', '-y', '50', '-c', cwd, 'env', ...variables, 'sh', '-i'); // tmux's own -e leaves PATH as it was
  t.after(() => tmux('kill-server'));
  const record = join(cwd, '.written');
  writeFileSync(record, '');
  await tmux('pipe-pane', '-o', `cat >> '${record}'`);
  const screen = async () => await tmux('capture-pane', '-p');
  return {
    screen,
    written: () => readFileSync(record, 'utf8'),
    press: async (...keys) => void (await tmux('send-keys', ...keys)),
    async sees(what) {
      for (let waited = 0; waited < SEEN_WITHIN_MS; waited += LOOK_EVERY_MS) {
        const shown = await screen();
        await pause(LOOK_EVERY_MS);
        if (what.test(shown) && (await screen()) === shown) return shown; // a question that is being drawn hears no key yet
      }
      throw new assert.AssertionError({ message: `${what} was not seen on:\n${await screen()}` });
    },
  };
}
