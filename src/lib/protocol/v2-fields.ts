// How version 2 writes a message: a tag, then fields in rising order, each u8 id (top bit: critical), u32 length, value. For every version 2 message.
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

const CRITICAL = 0x80;

/** One type of value. Reading ends where the field ends; what is left over is an error of the caller's. */
export interface FieldType<Value> {
  write(writer: Writer, value: Value, field: string): void;
  read(reader: Reader): Value;
}

export interface Field<Value> {
  /** 1 to 127, never reused within a message. */
  readonly id: number;
  readonly required: boolean;
  readonly type: FieldType<Exclude<Value, undefined>>;
}

/** Where each property of a message stands. Ids rise in the order written. */
export type Layout<Message> = { readonly [Name in Exclude<keyof Message, 'kind'>]: Field<Message[Name]> };

/** One message of a family. */
export interface MessageCodec<Message extends Tagged> {
  readonly tag: number;
  encode(message: Message): Uint8Array;
  /** `reader` stands behind the tag. */
  decode(reader: Reader): Message;
}

export interface Tagged {
  readonly kind: string;
}

export function required<Value>(id: number, type: FieldType<Exclude<Value, undefined>>): Field<Value> {
  return { id, required: true, type };
}

export function optional<Value>(id: number, type: FieldType<Value>): Field<Value | undefined> {
  return { id, required: false, type: type as FieldType<Exclude<Value, undefined>> };
}

/**
 * A message by its layout. Decoding skips unknown fields that are not critical; an unknown critical field, a missing required one, a field out of order or twice,
 * and trailing bytes are `protocol.violation`, naming the field.
 */
export function message<Message extends Tagged>(kind: Message['kind'], tag: number, layout: Layout<Message>): MessageCodec<Message> {
  const fields: [name: string, field: Field<unknown>][] = Object.entries(layout);
  fields.sort(([, a], [, b]) => a.id - b.id);
  return {
    tag,
    encode(value) {
      const writer = new Writer(kind);
      writer.u8(tag, 'tag');
      const values = new Map<string, unknown>(Object.entries(value));
      for (const [name, field] of fields) {
        const fieldValue = values.get(name);
        if (fieldValue === undefined) {
          if (field.required) writer.fail(name, 'is missing');
          continue;
        }
        writer.u8(field.id, name);
        writer.prefixed(() => field.type.write(writer, fieldValue, name));
      }
      return writer.done();
    },
    decode(reader) {
      const found = readFields(reader, new Map(fields.map(([name, field]) => [field.id, { name, field }])));
      const entries = fields.map(([name, field]) => {
        if (field.required && !found.has(name)) reader.fail(name, 'is missing');
        return [name, found.get(name)];
      });
      // The one place where a layout becomes its type: `Layout` has tied each name to a field of that property's type.
      return { kind, ...Object.fromEntries(entries) } as Message;
    },
  };
}

function readFields(reader: Reader, known: ReadonlyMap<number, { name: string; field: Field<unknown> }>): Map<string, unknown> {
  const found = new Map<string, unknown>();
  let last = 0;
  while (reader.remaining > 0) {
    const head = reader.u8('field id');
    const id = head & ~CRITICAL;
    const { name, field } = known.get(id) ?? { name: `field ${id}`, field: undefined };
    if (id <= last) reader.fail(name, id === last ? 'stands twice' : 'is out of order');
    last = id;
    const value = reader.within(reader.u32(name), name);
    if (field !== undefined) {
      found.set(name, field.type.read(value));
      value.end();
    } else if (head & CRITICAL) reader.fail(name, 'is critical and unknown');
  }
  return found;
}

/** Messages that may arrive at one place, told apart by their tags. */
export function family<Message extends Tagged>(name: string, codecs: { readonly [Kind in Message['kind']]: MessageCodec<Extract<Message, { kind: Kind }>> }) {
  const byKind = new Map<string, MessageCodec<Message>>(Object.entries(codecs));
  const byTag = new Map([...byKind.values()].map((codec) => [codec.tag, codec]));
  const kindOf = new Map([...byKind].map(([kind, codec]) => [codec.tag, kind]));
  return {
    encode(value: Message): Uint8Array {
      const codec = byKind.get(value.kind);
      return codec === undefined ? new Writer(name).fail('tag', `has no number for ${value.kind}`) : codec.encode(value);
    },
    /** Errors `protocol.violation`: an unknown tag, one that this side may not send, and all of `message`. */
    decode(payload: Uint8Array): Message {
      const tag = new Reader(payload, name).u8('tag');
      const codec = byTag.get(tag);
      const reader = new Reader(payload.subarray(1), kindOf.get(tag) ?? name);
      return codec === undefined ? reader.fail('tag', `is unknown, or not for this side to send: ${tag}`) : codec.decode(reader);
    },
  };
}
