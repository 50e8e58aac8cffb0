// Requests to a gateway's API as no client of ours sends them: any header, any body, and the answer as it came.
import { type Agent, request } from 'node:https';
import { text } from 'node:stream/consumers';

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Sockets that are kept; without it each request has its own. */
  readonly agent?: Agent;
}

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** The test has the gateway's own process before it: its certificate is of no interest here. */
export function ask(url: string, { method = 'POST', headers = {}, body = '', agent }: Ask): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const asked = request(url, {
      method,
      agent: agent ?? false,
      rejectUnauthorized: false,
      headers: 'transfer-encoding' in headers ? headers : { 'content-length': Buffer.byteLength(body), ...headers },
    });
    asked.once('response', (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: answer }), reject);
    });
    asked.once('error', reject);
    asked.end(body);
  });
}

/** An enrolment as a version 1 agent asks for it. */
export function askToEnrol(gatewayUrl: string, token: string, body: object | string, more: Pick<Ask, 'agent'> = {}): Promise<Answered> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json' };
  return ask(`${gatewayUrl}/jet/tunnel/enroll`, { ...more, headers, body: typeof body === 'string' ? body : JSON.stringify(body) });
}
