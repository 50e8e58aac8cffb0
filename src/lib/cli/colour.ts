// Colour for people: on a terminal only, and never where NO_COLOR or --no-color asks for none.
import { isTruthy } from './environment.ts';

/** Takes text that was made harmless already; what it adds is for the terminal. */
export interface Paint {
  readonly failure: (text: string) => string;
  readonly hint: (text: string) => string;
  /** `online` and `offline`, and of steps `ok`, `warning` and `failed`; other words stay as they are. */
  readonly state: (text: string) => string;
}

const same = (text: string): string => text;
export const PLAIN: Paint = { failure: same, hint: same, state: same };

/** chalk is loaded where it has something to do. */
export async function paintFor(stream: NodeJS.WriteStream): Promise<Paint> {
  if (!stream.isTTY || process.env['NO_COLOR'] || isTruthy(process.env['TUNNEL_NO_COLOR'])) return PLAIN;
  const { default: stdout, chalkStderr } = await import('chalk');
  const { red, green, yellow, dim } = stream === process.stderr ? chalkStderr : stdout;
  const state = (text: string) =>
    text
      .replace(/^(online|ok)\b/, (word) => green(word))
      .replace(/^(offline|failed)\b/, (word) => red(word))
      .replace(/^warning\b/, (word) => yellow(word));
  return { failure: red, hint: dim, state };
}
