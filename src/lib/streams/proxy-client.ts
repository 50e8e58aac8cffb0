// Asks an HTTP proxy for a tunnel (CONNECT, RFC 9110 9.3.6) on a connection to it, for every role that reaches the gateway through one.
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { TcpSocket } from '../base/world.ts';
import { formatAddressPort } from './happy-eyeballs.ts';
import type { HttpProxy, Place } from './proxy-rule.ts';
import { readParsed } from './read-parsed.ts';

const HEAD_END = '\r\n\r\n';

/**
 * When it resolves, what is written to `socket` arrives at `to`, a name that the proxy resolves. On failure the caller destroys the socket.
 * Errors `proxy.refused`, `gateway.unreachable` for all else; the proxy's own words are not repeated, they could hold the credential.
 */
export async function askForTunnel(socket: TcpSocket, to: Place, proxy: HttpProxy, signal: AbortSignal): Promise<void> {
  const place = formatAddressPort({ address: to.host, port: to.port });
  const lines = [`CONNECT ${place} HTTP/1.1`, `Host: ${place}`, ...(proxy.authorization === undefined ? [] : [`Proxy-Authorization: ${proxy.authorization}`])];
  socket.write(`${lines.join('\r\n')}${HEAD_END}`);
  const head = await readParsed(socket, parseHead, { who: 'the proxy', maxBytes: LIMITS.httpHeaderBytes + HEAD_END.length }, signal);
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

/** Up to the empty line. */
function parseHead(bytes: Buffer): { value: string; length: number } | undefined {
  const end = bytes.indexOf(HEAD_END);
  return end < 0 ? undefined : { value: bytes.toString('latin1', 0, end), length: end + HEAD_END.length };
}
