// Reads a JSON body within the limits: size is judged before, depth, number of keys and names that reach prototypes here (security.md, N).
import type { z } from 'zod';
import { TunnelError } from '../../../base/errors.ts';
import { LIMITS } from '../../../base/limits.ts';

const [QUOTE, BACKSLASH, COLON, BRACKET, BRACKET_END, BRACE, BRACE_END] = [...'"\\:[]{}'].map((letter) => letter.charCodeAt(0));
const POISON = new Set(['__proto__', 'constructor', 'prototype']);

/** Error `request.malformed`. An empty body is undefined. */
export function parseJson(text: string): unknown {
  if (text.trim() === '') return undefined;
  judgeText(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse('is not JSON');
  }
  judgeNames(value);
  return value;
}

/** The value in its shape. Error `request.malformed`, naming the first field that is wrong, caused by a ZodError. */
export function readAs<Shape extends z.ZodType>(shape: Shape, value: unknown, what = 'the body'): z.output<Shape> {
  const read = shape.safeParse(value ?? {});
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const field = issue?.path.join('.') || what;
  throw new TunnelError('request.malformed', `${field}: ${issue?.message ?? 'not as it must be'}`, { cause: read.error });
}

/** Before anything is made of it: two hundred bodies that are nothing but brackets would cost more to read than all else that may come at once. */
function judgeText(text: string): void {
  let [depth, keys, quoted] = [0, 0, false];
  for (let at = 0; at < text.length; at += 1) {
    const letter = text.charCodeAt(at);
    if (quoted && letter === BACKSLASH) at += 1;
    else if (letter === QUOTE) quoted = !quoted;
    else if (quoted) continue;
    else if (letter === BRACKET || letter === BRACE) depth += 1;
    else if (letter === BRACKET_END || letter === BRACE_END) depth -= 1;
    else if (letter === COLON) keys += 1;
    if (depth > LIMITS.httpDepth) throw refuse(`is nested deeper than ${LIMITS.httpDepth}`);
    if (keys > LIMITS.httpKeys) throw refuse(`has more than ${LIMITS.httpKeys} keys`);
  }
}

/** By then it is neither deep nor large. */
function judgeNames(root: unknown): void {
  const waiting = [root];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    if (!Array.isArray(value) && Object.keys(value).some((name) => POISON.has(name))) throw refuse('has a key that no request has');
    waiting.push(...Object.values(value));
  }
}

function refuse(why: string): TunnelError {
  return new TunnelError('request.malformed', `the body ${why}`);
}
