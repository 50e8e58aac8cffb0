// Which HTTP status an error is, for every kind and the few codes that differ, for clients that see only the status.
import type { ErrorCode, Kind, TunnelError } from '../../../base/errors.ts';

const STATUS_OF_KIND: Readonly<Record<Kind, number>> = {
  failed: 500,
  usage: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  unreachable: 503,
  timeout: 503,
  conflict: 409,
  limited: 429,
  interrupted: 503,
};

const STATUS_OF_CODE: { readonly [Code in ErrorCode]?: number } = { 'store.busy': 503 };

export function statusOf(error: TunnelError): number {
  return STATUS_OF_CODE[error.code] ?? STATUS_OF_KIND[error.kind];
}

/** Of 429 and 503: what is short of room has it when something has ended, everything else in a moment. */
export function retryAfterSeconds({ code }: TunnelError): number {
  return code === 'limit.reached' ? 10 : 1;
}
