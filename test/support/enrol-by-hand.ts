// Enrolment as a hand-written version 1 agent would ask for it, once or many at once.
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:https';
import { text } from 'node:stream/consumers';
import { makeCsr } from '../../src/lib/pki/csr.ts';
import { generateKeyPem } from '../../src/lib/pki/keys.ts';

/** The HTTP statuses of `count` enrolments with one token, each with a key and an id of its own, on a socket of its own. */
export async function enrolByHand(gatewayUrl: string, token: string, count: number): Promise<number[]> {
  return (await raceToEnrol(gatewayUrl, token, count)).map(({ status }) => status);
}

export interface HandAnswer {
  readonly status: number;
  readonly body: string;
  /** Its connection had carried a request before. */
  readonly onOpenSocket: boolean;
}

/** As `enrolByHand`, and what each was told. `agent` holds sockets that may be open already. */
export async function raceToEnrol(gatewayUrl: string, token: string, count: number, agent: Agent | false = false): Promise<HandAnswer[]> {
  const bodies = await Promise.all(Array.from({ length: count }, async () => requestBody(await generateKeyPem(), 'web1')));
  return await Promise.all(bodies.map((body) => post(`${gatewayUrl}/jet/tunnel/enroll`, token, body, agent)));
}

/** `count` connections that are open, each used once. */
export async function openConnections(gatewayUrl: string, count: number): Promise<Agent> {
  const agent = new Agent({ keepAlive: true, maxSockets: count, maxFreeSockets: count, scheduling: 'fifo' });
  await Promise.all(Array.from({ length: count }, () => post(`${gatewayUrl}/jet/tunnel/enroll`, 'none', '{}', agent)));
  return agent;
}

/** The answer to one enrolment that must succeed. */
export async function enrolOnceByHand(gatewayUrl: string, token: string, privateKeyPem: string, name = 'web1'): Promise<Record<string, unknown>> {
  const { status, body } = await post(`${gatewayUrl}/jet/tunnel/enroll`, token, await requestBody(privateKeyPem, name));
  if (status !== 200) throw new Error(`${status}: ${body}`);
  return JSON.parse(body) as Record<string, unknown>;
}

/** With an id of its own. */
export async function requestBody(privateKeyPem: string, name: string): Promise<string> {
  return JSON.stringify({ agent_id: randomUUID(), csr_pem: await makeCsr(privateKeyPem, name), agent_hostname: 'host' });
}

function post(url: string, token: string, body: string, agent: Agent | false = false): Promise<HandAnswer> {
  return new Promise((resolve, reject) => {
    // The test has the gateway's own process before it; a stock agent would trust the CA through its system store.
    const asked = request(url, {
      method: 'POST',
      agent,
      rejectUnauthorized: false,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    asked.once('response', (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, body: answer, onOpenSocket: asked.reusedSocket }), reject);
    });
    asked.once('error', reject);
    asked.end(body);
  });
}
