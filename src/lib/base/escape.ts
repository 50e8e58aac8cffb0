// Text from other machines on its way to a terminal or a log: control, format (bidi), line-breaking and broken characters become visible escapes.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const DEEPEST = 8;
const XML_ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** One line of harmless text; what was unsafe reads as `\u001b`. */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, (unsafe) => `\\u${(unsafe.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);
}

/** JSON on one line with only harmless characters in it: what was unsafe stands as JSON's own escapes, so the value is the same. */
export function safeJson(value: unknown): string {
  return harmlessJson(JSON.stringify(value) ?? 'null');
}

/** The same for JSON that is there; a line break at its end stays. */
export function harmlessJson(json: string): string {
  return json.replace(UNSAFE, (unsafe, at: number) => (unsafe === '\n' && at === json.length - 1 ? unsafe : jsonEscape(unsafe)));
}

/** A copy in which every text that a reader could print is harmless: arrays and plain objects, keys too. Anything else stays as it is. */
export function escapeValues(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return escapeText(value);
  if (depth >= DEEPEST || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => escapeValues(each, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [escapeText(key), escapeValues(each, depth + 1)]));
}

/** For an element or an attribute. XML 1.0 has no place for most control characters, not even escaped (XML 1.0, 2.2): they become question marks. */
export function escapeXml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is left out
  return text.replace(/[\u0000-\u001f\u007f-\u009f\ufffe\uffff]/g, '?').replace(/[&<>"]/g, (each) => XML_ENTITIES[each] ?? each);
}

/** By UTF-16 units, as JSON has it (RFC 8259, 7). */
function jsonEscape(text: string): string {
  return Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');
}
