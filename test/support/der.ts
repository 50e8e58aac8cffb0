// DER (X.690 8.1), as much as tests need that take certificates apart or write requests by hand.

/** The element that begins with `der`. */
function first(der: Buffer): Buffer {
  const header = headerOf(der);
  const length = header === 2 ? (der[1] ?? 0) : der.readUIntBE(2, header - 2);
  return der.subarray(0, header + length);
}

function headerOf(der: Buffer): number {
  const length = der[1] ?? 0;
  return length < 0x80 ? 2 : 2 + (length & 0x7f);
}

export function contentOf(der: Buffer): Buffer {
  return der.subarray(headerOf(der));
}

export function childrenOf(der: Buffer): Buffer[] {
  const children: Buffer[] = [];
  for (let rest = contentOf(der); rest.length > 0; ) {
    const child = first(rest);
    children.push(child);
    rest = rest.subarray(child.length);
  }
  return children;
}

export function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const inside = Buffer.concat(content);
  if (inside.length < 0x80) return Buffer.concat([Buffer.of(tag, inside.length), inside]);
  const hex = inside.length.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.of(tag, 0x80 | bytes.length), bytes, inside]);
}

export const sequence = (...content: readonly Uint8Array[]): Buffer => element(0x30, ...content);
export const set = (...content: readonly Uint8Array[]): Buffer => element(0x31, ...content);
/** No unused bits. */
export const bitString = (content: Uint8Array): Buffer => element(0x03, Buffer.of(0), content);

export function integer(value: bigint): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return element(0x02, ...((bytes[0] ?? 0) >= 0x80 ? [Buffer.of(0)] : []), bytes);
}

export function objectId(text: string): Buffer {
  const [one = 0, two = 0, ...rest] = text.split('.').map(Number);
  const bytes = [one * 40 + two, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return element(0x06, Buffer.from(bytes));
}
