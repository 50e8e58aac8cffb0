// Endpoints of the CA.
import * as contract from '../contract.ts';
import type { Endpoint } from '../endpoint.ts';

const { PATHS } = contract;

export const caEndpoints = {
  ca: { method: 'GET', path: PATHS.ca, who: 'anybody', summary: 'the CA, for first contact by its pin', answer: contract.CaAnswer },
  issued: { method: 'GET', path: PATHS.issued, who: 'admin', summary: 'how many certificates were issued to agents', answer: contract.IssuedAnswer },
  rotation: { method: 'GET', path: PATHS.caRotation, who: 'admin', summary: 'how the rotation of the CA stands', answer: contract.RotationAnswer },
  rotateCa: {
    method: 'POST',
    path: PATHS.caRotation,
    who: 'admin',
    summary: 'make another CA and accept both for a while',
    body: contract.RotateRequest,
    answer: contract.RotationAnswer,
    failures: [409],
  },
  finishRotation: {
    method: 'DELETE',
    path: PATHS.caRotation,
    who: 'admin',
    summary: 'accept the CA before no longer',
    answer: contract.RotationAnswer,
    failures: [409],
  },
} as const satisfies Record<string, Endpoint>;
