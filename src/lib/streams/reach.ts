// TCP from here to the gateway, whatever will be spoken on it: by every address of its name, or through the proxy that the environment names.
import type { TLSSocket } from 'node:tls';
import { within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { TcpSocket, World } from '../base/world.ts';
import { connectFirst, formatAddressPort } from './happy-eyeballs.ts';
import { askForTunnel } from './proxy-client.ts';
import { type HttpProxy, type Place, proxyFor } from './proxy-rule.ts';
import { shakeHands, whyOf } from './tls-handshake.ts';

/** What of the world is needed. */
export type Reach = Pick<World, 'clock' | 'net'>;

/** A dead path is noticed by the system, also where nothing is sent. */
const TCP_KEEP_ALIVE_MS = 15_000;

/**
 * `called` is what people call the gateway, for messages; `host` is canonical, without blanks. Through a proxy the name is not resolved here.
 * Errors `gateway.unreachable`, `gateway.silent` (the proxy), `proxy.refused`, `proxy.malformed`, `certificate.refused` (a proxy over TLS); an abort rejects with the signal's reason.
 */
export async function reach(to: Place & { readonly called?: string }, world: Reach, signal: AbortSignal): Promise<TcpSocket> {
  const { called = formatAddressPort({ address: to.host, port: to.port }) } = to;
  const proxy = proxyFor(to, world.net.environment);
  try {
    const socket = proxy === undefined ? await connectByName(to, world, signal) : await reachThrough(proxy, to, world, signal);
    return socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw proxy === undefined ? unreachable(called, 'Is it running, and does a firewall let TCP through to it?', cause) : failedThrough(proxy, called, cause);
  }
}

/** For messages of what is spoken on it: ` through the proxy http://proxy:3128 (HTTPS_PROXY)`, or nothing. */
export function via(to: Place, { net }: Pick<World, 'net'>): string {
  const proxy = proxyFor(to, net.environment);
  return proxy === undefined ? '' : ` through the proxy ${proxy.called}`;
}

async function connectByName({ host, port }: Place, world: Reach, signal: AbortSignal): Promise<TcpSocket> {
  const addresses = (await world.net.resolve(host, signal)).map(({ address }) => ({ address, port }));
  return await connectFirst(addresses, (address, limit) => world.net.connect(address, limit), world, signal);
}

/** Its deadline is shorter than those of its callers, so that the proxy is named and not the gateway. */
async function reachThrough(proxy: HttpProxy, to: Place, world: Reach, signal: AbortSignal): Promise<TcpSocket> {
  const late = () => new TunnelError('gateway.silent', `the proxy ${proxy.called} did not answer within ${LIMITS.proxyAnswerMs / 1000} s`);
  return await within(world.clock, LIMITS.proxyAnswerMs, late, signal, async (limit) => {
    const raw = await connectByName(proxy, world, limit);
    try {
      const socket = proxy.tls ? withoutReset(await shakeHands(raw, proxy.host, {}, limit)) : raw;
      await askForTunnel(socket, to, proxy, limit);
      return socket;
    } catch (error) {
      raw.destroy();
      throw error;
    }
  });
}

/** A TLS socket throws when asked to reset. Whatever is spoken through it notices the missing end by itself. */
function withoutReset(tls: TLSSocket): TcpSocket {
  return Object.assign(tls, { resetAndDestroy: () => tls.destroy() });
}

function failedThrough(proxy: HttpProxy, called: string, cause: unknown): TunnelError {
  const hint = `Is ${proxy.variable} right, and does the proxy run? NO_PROXY names what is reached without it.`;
  if (!(cause instanceof TunnelError)) return unreachable(`${called} through the proxy ${proxy.called}`, hint, cause);
  if (cause.code === 'proxy.refused') return cause;
  if (cause.code === 'certificate.refused')
    return new TunnelError(cause.code, `the certificate of the proxy ${proxy.called} is not trusted: ${cause.message}`, { hint, cause });
  if (cause.code === 'gateway.silent') return new TunnelError(cause.code, `${cause.message}, asked for the gateway ${called}`, { hint, cause });
  if (cause.code === 'gateway.unreachable')
    return new TunnelError(cause.code, `cannot reach the gateway ${called}: ${cause.message}`, { hint: cause.hint, cause });
  return unreachable(`${called} through the proxy ${proxy.called}`, hint, cause);
}

function unreachable(called: string, hint: string, cause: unknown): TunnelError {
  return new TunnelError('gateway.unreachable', `cannot reach the gateway ${called}: ${whyOf(cause)}`, { hint, cause });
}
