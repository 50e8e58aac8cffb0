// The shapes of names and identifiers that people and peers give us.
import { TunnelError } from './errors.ts';
import { escapeText } from './escape.ts';

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A name of an agent, operator or token (cli.md). Error `name.malformed`. */
export function parseName(text: string, field = 'name'): string {
  if (!isName(text)) {
    throw new TunnelError('name.malformed', `${field} is not a name: "${escapeText(text.slice(0, 80))}"`, {
      hint: 'Use 1 to 63 lower-case letters, digits, dots, dashes or underscores, beginning with a letter or digit.',
    });
  }
  return text;
}

export function isName(text: string): boolean {
  return NAME.test(text);
}

/** Lower-case UUID with hyphens; accepts upper case and 32 bare digits. Undefined when it is none. */
export function parseUuid(text: string): string | undefined {
  const bare = text.toLowerCase();
  const dashed = /^[0-9a-f]{32}$/.test(bare) ? bare.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') : bare;
  return UUID.test(dashed) ? dashed : undefined;
}
