// A gateway that has gone bad: stands before a real one and puts a text of the test's into every string of its answers that the contract lets pass.
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import type { z } from 'zod';
import { ErrorAnswer } from '../../src/lib/api/contract.ts';
import { ENDPOINTS } from '../../src/lib/api/endpoints.ts';
import { ask } from './https-by-hand.ts';
import { makeTestCa } from './test-ca.ts';

/** Without these nothing works, and nobody would read the rest. */
const KEPT = new Set(['token', 'connect', 'ca_pem', 'session_id', 'quic_endpoint']);

/** `caPem` is of its own CA. */
export async function spoilingGateway(t: TestContext, real: string, evil: string): Promise<{ url: string; caPem: string; spoilt(): number }> {
  const { caPem, server } = await makeTestCa();
  let spoilt = 0;
  const gateway = createServer({ cert: server.certificatePem, key: server.privateKeyPem }, async (request, response) => {
    const { method = 'GET', url = '/', headers } = request;
    const { authorization = '', 'content-type': type = 'application/json' } = headers;
    const answer = await ask(`${real}${url}`, {
      method,
      headers: { authorization, 'content-type': type, accept: 'application/json' },
      body: await text(request),
    });
    const shape = answer.status < 300 ? shapeOf(method, url) : ErrorAnswer;
    const body = shape === undefined || answer.body === '' ? answer.body : JSON.stringify(spoil(JSON.parse(answer.body), shape, evil, () => spoilt++));
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(body);
  });
  gateway.listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  t.after(() => {
    gateway.closeAllConnections();
    gateway.close();
  });
  return { url: `https://127.0.0.1:${(gateway.address() as AddressInfo).port}`, caPem, spoilt: () => spoilt };
}

function shapeOf(method: string, url: string): z.ZodType | undefined {
  const path = url.split('?')[0]?.split('/') ?? [];
  const fits = (pattern: string) => {
    const parts = pattern.split('/');
    return parts.length === path.length && parts.every((part, at) => part.startsWith(':') || part === path[at]);
  };
  const answer = ENDPOINTS.find((endpoint) => endpoint.method === method && fits(endpoint.path))?.answer;
  return typeof answer === 'string' ? undefined : answer;
}

/** One string after the other, each kept where the whole still fits. */
function spoil(whole: unknown, shape: z.ZodType, evil: string, count: () => void): unknown {
  const visit = (holder: Record<string, unknown>) => {
    for (const [key, value] of Object.entries(holder)) {
      if (typeof value === 'object' && value !== null) visit(value as Record<string, unknown>);
      if (typeof value !== 'string' || KEPT.has(key) || (key === 'target' && 'session_id' in holder)) continue;
      holder[key] = value + evil;
      if (shape.safeParse(whole).success) count();
      else holder[key] = value;
    }
  };
  if (typeof whole === 'object' && whole !== null) visit(whole as Record<string, unknown>);
  return whole;
}
