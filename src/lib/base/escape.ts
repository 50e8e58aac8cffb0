// Text from other machines on its way to a terminal or a log: control, format (bidi), line-breaking and broken characters become visible escapes.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** One line of harmless text; what was unsafe reads as `\u001b`. */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, (unsafe) => `\\u${(unsafe.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);
}
