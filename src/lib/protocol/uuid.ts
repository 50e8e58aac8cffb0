// UUIDs as both versions carry them: 16 bytes in the order of their text.
import { parseUuid } from '../base/ids.ts';
import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

const BYTES = 16;

/** Lower-case text with hyphens. */
export function readUuid(reader: Reader, field: string): string {
  const hex = Buffer.from(reader.bytes(BYTES, field)).toString('hex');
  return parseUuid(hex) ?? reader.fail(field, 'is not a UUID');
}

export function writeUuid(writer: Writer, text: string, field: string): void {
  const uuid = parseUuid(text) ?? writer.fail(field, 'is not a UUID');
  writer.bytes(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
}
