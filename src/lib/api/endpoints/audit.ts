// Endpoint of the audit log.
import * as contract from '../contract.ts';
import type { Endpoint } from '../endpoint.ts';

const { PATHS } = contract;

export const auditEndpoints = {
  audit: {
    method: 'GET',
    path: PATHS.audit,
    who: 'admin',
    summary: 'the audit log in the order of keeping',
    query: contract.AuditQuery,
    answer: contract.AuditPage,
  },
} as const satisfies Record<string, Endpoint>;
