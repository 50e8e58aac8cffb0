// Enrolment as a hand-written version 1 agent would ask for it, many at once.
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:https';
import { makeCsr } from '../../src/lib/pki/csr.ts';
import { generateKeyPem } from '../../src/lib/pki/keys.ts';

/** The HTTP statuses of `count` enrolments with one token, each with a key and an id of its own, on a socket of its own. */
export async function enrolByHand(gatewayUrl: string, token: string, count: number): Promise<number[]> {
  const bodies = await Promise.all(
    Array.from({ length: count }, async () =>
      JSON.stringify({ agent_id: randomUUID(), csr_pem: await makeCsr(await generateKeyPem(), 'web1'), agent_hostname: 'host' }),
    ),
  );
  const agent = new Agent({ keepAlive: false });
  return await Promise.all(bodies.map((body) => post(`${gatewayUrl}/jet/tunnel/enroll`, token, body, agent)));
}

function post(url: string, token: string, body: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    // The test has the gateway's own process before it; a stock agent would trust the CA through its system store.
    const asked = request(url, {
      method: 'POST',
      agent,
      rejectUnauthorized: false,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    asked.once('response', (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
    });
    asked.once('error', reject);
    asked.end(body);
  });
}
