// The values that version 2 fields hold: numbers, text, lists, subnets, codes. For the layouts of v2-control and v2-channel.
import { escapeText } from '../base/escape.ts';
import { isNamePattern } from '../routing/name-pattern.ts';
import { formatSubnet, makeSubnet, parseSubnet } from '../routing/subnet.ts';
import type { ChannelKind, RouteName } from './messages.ts';
import type { Reader } from './reader.ts';
import { REFUSAL_NUMBERS, type Refusal } from './refusal.ts';
import { readUuid, writeUuid } from './uuid.ts';
import type { FieldType } from './v2-fields.ts';

export const u32: FieldType<number> = {
  write: (writer, value, field) => writer.u32(value, field),
  read: (reader) => reader.u32(''),
};

export const u64: FieldType<bigint> = {
  write: (writer, value, field) => writer.u64(value, field),
  read: (reader) => reader.u64(''),
};

/** Nothing: that the field is there says it all. */
export const mark: FieldType<true> = { write: () => {}, read: () => true };

export const uuid: FieldType<string> = {
  write: (writer, value, field) => writeUuid(writer, value, field),
  read: (reader) => readUuid(reader, ''),
};

/** UTF-8 to the end of the field. */
export function text(maxBytes: number): FieldType<string> {
  return {
    write(writer, value, field) {
      if (Buffer.byteLength(value, 'utf8') > maxBytes) writer.fail(field, `is longer than ${maxBytes} bytes`);
      writer.text(value, field);
    },
    read(reader) {
      if (reader.remaining > maxBytes) reader.fail('', `is longer than ${maxBytes} bytes: ${reader.remaining}`);
      return reader.text(reader.remaining, '');
    },
  };
}

/** Items to the end of the field; there is no count to believe. */
export function list<Item>(item: FieldType<Item>, maxItems: number): FieldType<readonly Item[]> {
  return {
    write(writer, values, field) {
      if (values.length > maxItems) writer.fail(field, `has more than ${maxItems} items`);
      for (const value of values) item.write(writer, value, field);
    },
    read(reader) {
      const values: Item[] = [];
      while (reader.remaining > 0) {
        if (values.length === maxItems) reader.fail('', `has more than ${maxItems} items`);
        values.push(item.read(reader));
      }
      return values;
    },
  };
}

/** u32 length, UTF-8: text inside a list. */
export const string: FieldType<string> = {
  write: (writer, value, field) => writer.string(value, field),
  read: (reader) => reader.string(''),
};

/** u8 family (4 or 6), 4 or 16 bytes, u8 prefix; as CIDR in canonical text. */
export const subnet: FieldType<string> = {
  write(writer, value, field) {
    const { family, base, prefix } = parseSubnet(value, field);
    writer.u8(family, field);
    writer.bytes(base);
    writer.u8(prefix, field);
  },
  read(reader) {
    const family = reader.u8('family');
    if (family !== 4 && family !== 6) reader.fail('family', `is neither 4 nor 6: ${family}`);
    const address = reader.bytes(family === 4 ? 4 : 16, 'base');
    const prefix = reader.u8('prefix');
    if (prefix > address.length * 8) reader.fail('prefix', `is above ${address.length * 8}: ${prefix}`);
    const parsed = makeSubnet(address, prefix);
    if (!address.every((byte, index) => byte === parsed.base[index])) reader.fail('base', 'has bits set below its prefix');
    return formatSubnet(parsed);
  },
};

/** u32 length, UTF-8: a name pattern as routing/name-pattern.ts takes it. */
export const namePattern: FieldType<string> = {
  write(writer, value, field) {
    if (!isNamePattern(value)) writer.fail(field, `has a bad name: "${shown(value)}"`);
    writer.string(value, field);
  },
  read(reader) {
    const value = reader.string('');
    return isNamePattern(value) ? value : reader.fail('', `has a bad name: "${shown(value)}"`);
  },
};

/** A name pattern, then u8 auto-detected (0 or 1). */
export const routeName: FieldType<RouteName> = {
  write(writer, value, field) {
    namePattern.write(writer, value.name, field);
    writer.u8(value.autoDetected ? 1 : 0, field);
  },
  read: (reader) => ({ name: namePattern.read(reader), autoDetected: readFlag(reader) }),
};

/** u16 first, u16 last, inclusive, 1 to 65535. */
export const portRange: FieldType<readonly [number, number]> = {
  write(writer, [first, last], field) {
    if (first < 1 || first > last) writer.fail(field, `has a bad range: ${first}-${last}`);
    writer.u16(first, field);
    writer.u16(last, field);
  },
  read(reader) {
    const range = [reader.u16('first'), reader.u16('last')] as const;
    if (range[0] < 1 || range[0] > range[1]) reader.fail('', `has a bad range: ${range[0]}-${range[1]}`);
    return range;
  },
};

/** u8 out of a closed list. */
function code<Name extends string>(numbers: Readonly<Record<Name, number>>): FieldType<Name> {
  const names = new Map<number, Name>();
  for (const name in numbers) names.set(numbers[name], name);
  return {
    write: (writer, value, field) => writer.u8(numbers[value], field),
    read(reader) {
      const number = reader.u8('');
      return names.get(number) ?? reader.fail('', `is unknown: ${number}`);
    },
  };
}

const CHANNEL_NUMBERS: Readonly<Record<ChannelKind, number>> = { tcp: 1, udp: 2, terminal: 3, command: 4, file: 5 };

export const channelKind: FieldType<ChannelKind> = code(CHANNEL_NUMBERS);
export const refusal: FieldType<Refusal> = code(REFUSAL_NUMBERS);

function readFlag(reader: Reader): boolean {
  const flag = reader.u8('autoDetected');
  return flag <= 1 ? flag === 1 : reader.fail('autoDetected', `is neither 0 nor 1: ${flag}`);
}

function shown(name: string): string {
  return escapeText(name.slice(0, 80));
}
