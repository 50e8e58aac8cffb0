// Endpoints of health, and how a gateway stands.
import { z } from 'zod';
import * as contract from '../contract.ts';
import type { Endpoint } from '../endpoint.ts';
import * as health from '../health.ts';

const { PATHS } = contract;

export const healthEndpoints = {
  livez: { method: 'GET', path: PATHS.livez, who: 'anybody', summary: 'does the process answer', answer: health.LiveAnswer },
  readyz: {
    method: 'GET',
    path: PATHS.readyz,
    who: 'anybody',
    summary: 'can new sessions begin: store writable, edge alive, not draining',
    answer: health.ReadyAnswer,
  },
  openapi: { method: 'GET', path: PATHS.openapi, who: 'anybody', summary: 'this document', answer: z.looseObject({ openapi: z.string() }) },
  metrics: {
    method: 'GET',
    path: PATHS.metrics,
    who: 'admin',
    summary: "metrics in Prometheus' text format",
    answer: 'text/plain; version=0.0.4; charset=utf-8',
  },
  status: { method: 'GET', path: PATHS.status, who: 'admin', summary: 'how the gateway fares', answer: contract.StatusAnswer },
  drain: {
    method: 'POST',
    path: PATHS.drain,
    who: 'admin',
    summary: 'move agents away before a stop',
    body: contract.DrainRequest,
    answer: contract.DrainAnswer,
  },
} as const satisfies Record<string, Endpoint>;
