// Asks an HTTP proxy for a tunnel (CONNECT, RFC 9110 9.3.6) on a connection to it, for every role that reaches the gateway through one.
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { TcpSocket } from '../base/world.ts';
import { formatAddressPort } from './happy-eyeballs.ts';
import type { HttpProxy, Place } from './proxy-rule.ts';

const HEAD_END = '\r\n\r\n';

/**
 * When it resolves, what is written to `socket` arrives at `to`, a name that the proxy resolves. On failure the caller destroys the socket.
 * Errors `proxy.refused`, `gateway.unreachable` for all else; the proxy's own words are not repeated, they could hold the credential.
 */
export async function askForTunnel(socket: TcpSocket, to: Place, proxy: HttpProxy, signal: AbortSignal): Promise<void> {
  const place = formatAddressPort({ address: to.host, port: to.port });
  const lines = [`CONNECT ${place} HTTP/1.1`, `Host: ${place}`, ...(proxy.authorization === undefined ? [] : [`Proxy-Authorization: ${proxy.authorization}`])];
  socket.write(`${lines.join('\r\n')}${HEAD_END}`);
  const head = await readHead(socket, signal);
  const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |\r\n|$)/.exec(head)?.[1] ?? 0);
  if (status < 200 || status > 299) throw refusal(status, place, proxy);
}

function refusal(status: number, place: string, { called, variable, authorization }: HttpProxy): TunnelError {
  if (status === 0) return new TunnelError('gateway.unreachable', `${called} does not answer like an HTTP proxy`, { hint: `Is ${variable} right?` });
  // tinyproxy 1.11 answers 407 to no credential, 401 to a wrong one.
  if (status === 407 || status === 401) {
    const what = authorization === undefined ? 'demands a user and password' : 'refused the user and password';
    const hint = `Set them in ${variable}: http://user:password@host:port, special characters percent-encoded; Basic authentication only.`;
    return new TunnelError('proxy.refused', `the proxy ${called} ${what}`, { hint });
  }
  const hint = `May the proxy connect to ${place}? NO_PROXY names what is reached without it.`;
  return new TunnelError('gateway.unreachable', `the proxy ${called} answered ${status} for ${place}`, { hint });
}

/** Up to the empty line; what came after it goes back. Nothing flows when it resolves. */
function readHead(socket: TcpSocket, signal: AbortSignal): Promise<string> {
  let head = Buffer.alloc(0);
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', abort);
      socket.off('readable', read).off('end', ended).off('error', failed).off('close', ended);
      act();
    };
    const fail = (error: unknown) =>
      settle(() => {
        socket.on('error', ignore); // the caller destroys it
        reject(error);
      });
    const abort = () => fail(signal.reason);
    const ended = () => fail(new Error('the proxy closed the connection without an answer'));
    const failed = (error: Error) => fail(error);
    const read = () => {
      const chunk: unknown = socket.read();
      if (!Buffer.isBuffer(chunk)) return;
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf(HEAD_END);
      if (end > LIMITS.httpHeaderBytes || (end < 0 && head.length > LIMITS.httpHeaderBytes)) return fail(new Error('the answer of the proxy has no end'));
      if (end < 0) return;
      settle(() => {
        if (head.length > end + HEAD_END.length) socket.unshift(head.subarray(end + HEAD_END.length));
        resolve(head.toString('latin1', 0, end));
      });
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.on('readable', read).once('end', ended).once('error', failed).once('close', ended);
    if (signal.aborted) abort();
  });
}

function ignore(): void {}
