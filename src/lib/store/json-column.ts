// Lists that stand as JSON in one column.
import { z } from 'zod';
import { TunnelError } from '../base/errors.ts';

const Texts = z.array(z.string());

/** Error `store.corrupt` for anything but a list of strings, naming `column`. */
export function readTexts(json: string, column: string): string[] {
  return readColumn(json, column, Texts);
}

export function readTextsOrNull(json: string | null, column: string): string[] | null {
  return json === null ? null : readTexts(json, column);
}

export function writeTextsOrNull(texts: readonly string[] | null): string | null {
  return texts === null ? null : JSON.stringify(texts);
}

export function readColumn<T>(json: string, column: string, shape: z.ZodType<T>): T {
  try {
    return shape.parse(JSON.parse(json));
  } catch (cause) {
    throw new TunnelError('store.corrupt', `${column} holds what nobody wrote there`, { hint: 'Restore the store from a backup.', cause });
  }
}
