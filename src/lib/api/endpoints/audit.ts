// Endpoint of the audit log.
import * as audit from '../audit.ts';
import { PATHS } from '../contract.ts';
import type { Endpoint } from '../endpoint.ts';

export const auditEndpoints = {
  audit: {
    method: 'GET',
    path: PATHS.audit,
    who: 'admin',
    summary: 'the audit log in the order of keeping',
    query: audit.AuditQuery,
    answer: audit.AuditPage,
  },
} as const satisfies Record<string, Endpoint>;
