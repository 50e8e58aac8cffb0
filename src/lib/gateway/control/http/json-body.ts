// Reads a JSON body within the limits: size is judged before, depth, number of keys and names that reach prototypes here (security.md, N).
import type { z } from 'zod';
import { TunnelError } from '../../../base/errors.ts';
import { LIMITS } from '../../../base/limits.ts';

const POISON = new Set(['__proto__', 'constructor', 'prototype']);

/** Error `request.malformed`. An empty body is undefined. */
export function parseJson(text: string): unknown {
  if (text.trim() === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse('is not JSON');
  }
  judgeShape(value);
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

function judgeShape(root: unknown): void {
  let keys = 0;
  const waiting = [{ value: root, depth: 1 }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { value, depth } = next;
    if (typeof value !== 'object' || value === null) continue;
    if (depth > LIMITS.httpDepth) throw refuse(`is nested deeper than ${LIMITS.httpDepth}`);
    if (!Array.isArray(value)) {
      const names = Object.keys(value);
      keys += names.length;
      if (keys > LIMITS.httpKeys) throw refuse(`has more than ${LIMITS.httpKeys} keys`);
      if (names.some((name) => POISON.has(name))) throw refuse('has a key that no request has');
    }
    for (const inner of Object.values(value)) waiting.push({ value: inner, depth: depth + 1 });
  }
}

function refuse(why: string): TunnelError {
  return new TunnelError('request.malformed', `the body ${why}`);
}
