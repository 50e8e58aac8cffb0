// The way from this machine to a gateway: its name, TCP, whether the clocks agree, TLS, whether it serves, UDP.

import { z } from 'zod';
import { PATHS } from '../api/contract.ts';
import { httpExchange } from '../api/exchange.ts';
import { tlsExchange } from '../api/exchange-tls.ts';
import { readAnswer } from '../api/read-answer.ts';
import { within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { World } from '../base/world.ts';
import { dialTls, wayOut } from '../streams/dial-tls.ts';
import { formatAddressPort } from '../streams/happy-eyeballs.ts';
import { type HttpProxy, type Place, proxyFor } from '../streams/proxy-rule.ts';
import { reach } from '../streams/reach.ts';
import { probeQuic } from '../transport/quic/probe.ts';
import { judgeClock } from './judge-clock.ts';
import type { Examination, Finding } from './step.ts';

const UDP_WAIT_MS = 2000;

/** Which gateway, and how it is known. */
export interface KnownGateway {
  readonly url: string;
  /** Undefined: the system's roots. */
  readonly caPem: string | undefined;
}

/** Whether the gateway answers as itself, so that it can be asked for more. */
export async function checkWay(examination: Examination, { url, caPem }: KnownGateway, world: World, signal: AbortSignal): Promise<boolean> {
  const to = { ...placeOf(url), called: url };
  const proxy = proxyOf(to, world);
  if (!(await examination.check('gateway-dns', 'network', signal, () => resolveName(proxy.found ?? to, proxy.found, world, signal)))) return false;
  const reachable = await examination.check('gateway-tcp', 'network', signal, async () => {
    if (proxy.error !== undefined) throw proxy.error;
    const socket = await inTime(world, to.called, signal, (limit) => reach(to, world, limit));
    const remote = formatAddressPort({ address: socket.remoteAddress ?? to.host, port: socket.remotePort ?? to.port });
    socket.destroy();
    return {
      message: proxy.found === undefined ? `connected to ${remote}` : `connected through the proxy ${proxy.found.called}`,
      detail: { remote, proxy: proxy.found?.called ?? null },
    };
  });
  if (!reachable) return false;
  await examination.check('clock', 'machine', signal, () => askTheTime(to, world, signal));
  const trusted = await examination.check('gateway-tls', proxy.found === undefined ? 'gateway' : 'network', signal, async () => {
    const tls = await inTime(world, to.called, signal, (limit) => dialTls(to, { alpn: 'http/1.1', ...(caPem !== undefined && { ca: caPem }) }, world, limit));
    const { valid_to: until } = tls.getPeerCertificate();
    const protocol = tls.getProtocol();
    tls.destroy();
    return {
      message: `${protocol}, its certificate is trusted${caPem === undefined ? ' by the system' : ''}`,
      detail: { protocol, certificate_until: new Date(until).toISOString() },
    };
  });
  if (!trusted) return false;
  return await examination.check('gateway-ready', 'gateway', signal, async () => {
    const exchange = tlsExchange({ url, trust: caPem === undefined ? 'system' : { caPem } }, wayOut(world));
    readAnswer(await exchange({ method: 'GET', path: PATHS.readyz }, signal), z.unknown(), 'api');
    return { message: 'it serves' };
  });
}

/** How much UDP is needed: an agent that may use TLS lives without it, and so does an operator. */
export type UdpNeed = 'quic only' | 'quic first' | 'not for this';

/** `endpoint` is host:port; a guess where the gateway has not said it. */
export async function checkUdp(examination: Examination, endpoint: string, guessed: boolean, need: UdpNeed, world: World, signal: AbortSignal): Promise<void> {
  await examination.check('udp', 'network', signal, async () => {
    const { host, port } = placeOf(`https://${endpoint}`);
    const [first] = await world.net.resolve(host, signal);
    const to = { address: first?.address ?? host, port };
    const ms = await probeQuic(to, UDP_WAIT_MS, world, signal);
    const detail = { endpoint, guessed, needed: need };
    if (ms !== undefined) return { message: `QUIC answers at ${endpoint}`, ms, detail };
    const message = `nothing answers on UDP at ${endpoint} within ${UDP_WAIT_MS / 1000} s${guessed ? ' (the port is a guess)' : ''}`;
    const open = `Let UDP through to ${endpoint}, both ways`;
    if (need === 'quic only') return { state: 'failed', code: 'udp.blocked', message, hint: `${open}, or start the agent with --transport auto.`, detail };
    if (need === 'quic first')
      return {
        state: 'warning',
        code: 'udp.blocked',
        message: `${message}; the agent uses TLS instead`,
        hint: `${open}: QUIC copes better with loss and with changed addresses.`,
        detail,
      };
    return {
      state: 'warning',
      code: 'udp.blocked',
      message: `${message}; tunnel connect needs none, agents behind this network would use TLS`,
      hint: `${open}, if agents are to run here.`,
      detail,
    };
  });
}

/** Error `address.malformed`. */
export function placeOf(url: string): Place {
  if (!URL.canParse(url)) throw new TunnelError('address.malformed', `not an address: ${url}`);
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 443) };
}

function proxyOf(to: Place, { net }: World): { readonly found?: HttpProxy | undefined; readonly error?: unknown } {
  try {
    return { found: proxyFor(to, net.environment) };
  } catch (error) {
    return { error };
  }
}

async function resolveName({ host }: Place, proxy: HttpProxy | undefined, { net }: World, signal: AbortSignal): Promise<Finding> {
  const whose = proxy === undefined ? '' : `the proxy of ${proxy.variable}: `;
  const addresses = (await net.resolve(host, signal)).map(({ address }) => address);
  if (addresses.includes(host)) return { message: `${whose}${host} is an address, nothing to resolve`, detail: { host, addresses } };
  return { message: `${whose}${host} is ${addresses.join(', ')}`, detail: { host, addresses } };
}

/** Whoever answers: nothing is sent to it, and nothing believed but the time. */
async function askTheTime(to: Place & { readonly called: string }, world: World, signal: AbortSignal): Promise<Finding> {
  const connect = (limit: AbortSignal) => dialTls(to, { alpn: 'http/1.1', rejectUnauthorized: false }, world, limit);
  const exchange = httpExchange({ host: to.host, prefix: '', called: to.called, connect }, world);
  try {
    const sentAt = world.clock.now();
    const { headers } = await exchange({ method: 'GET', path: PATHS.livez }, signal);
    const { date } = headers;
    return judgeClock(typeof date === 'string' ? date : undefined, sentAt, world.clock.now());
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof TunnelError)) throw error;
    return { state: 'skipped', message: `not asked: ${error.message}` };
  }
}

function inTime<Value>(world: World, called: string, signal: AbortSignal, work: (limit: AbortSignal) => Promise<Value>): Promise<Value> {
  const late = () =>
    new TunnelError('gateway.silent', `${called} did not take the connection within ${LIMITS.connectTargetMs / 1000} s`, {
      hint: 'Is it the right address? A firewall on the way may drop the packets.',
    });
  return within(world.clock, LIMITS.connectTargetMs, late, signal, work);
}
