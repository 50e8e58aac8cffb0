// One endpoint of the HTTP API as data: the server validates by it, the OpenAPI document is made of it, and nothing says twice what a request may hold.
import type { z } from 'zod';

/** Any login; an administrator's; a string that is used once, as bearer; or nobody in particular. */
export type Audience = 'login' | 'admin' | 'string' | 'anybody';

export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Parameters as `:name`. */
  readonly path: string;
  readonly summary: string;
  readonly who: Audience;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Of 200; where missing it is 204 without a body. A string is the content type of what is no JSON. */
  readonly answer?: z.ZodType | string;
  /** Of failures, beside those that every endpoint has. */
  readonly failures?: readonly number[];
  /** All of them, where a promise names them one by one. */
  readonly onlyFailures?: readonly number[];
  /** Failures are bare statuses for who does not ask for JSON, as stock agents know them. */
  readonly bare?: true;
}

/** Statuses that this endpoint may answer with, sorted. What is no HTTP request at all gets 408, 413 or 431 before any endpoint is known. */
export function statusesOf({ answer, body, who, failures = [], onlyFailures }: Endpoint): number[] {
  // Whoever is known may be locked, whatever is asked.
  const audience = { anybody: [], string: [401], login: [401, 403], admin: [401, 403] }[who];
  const usual = [400, 429, 500, 503, ...audience, ...(body ? [415] : []), ...failures];
  const all = new Set([answer === undefined ? 204 : 200, 408, 431, ...(body ? [413] : []), ...(onlyFailures ?? usual)]);
  return [...all].sort((a, b) => a - b);
}
