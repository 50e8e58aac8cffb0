// Starts the edge: the agents' listener, the operators' front doors, and between them links, sessions and channels.
import type { SocketAddress, TcpSocket, World } from '../../base/world.ts';
import { ALPN, closeLink } from '../../link/version.ts';
import type { Link, LinkCredentials, RefusedPeer } from '../../transport/link.ts';
import { listenQuic } from '../../transport/quic/listen.ts';
import { listenTls } from '../../transport/tls/listen.ts';
import type { ControlForEdge, EdgeForControl } from '../contract.ts';
import { Carrier } from './carry.ts';
import { operatorFront } from './front/operator.ts';
import type { ProxyFront } from './front/proxy.ts';
import { Links } from './links.ts';

export interface EdgeConfig {
  /** Where agents dial. */
  readonly udp: SocketAddress;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** The CA that issues first, then the one before it while that is accepted. */
  readonly trustedCaPem: string;
  /** Kept over restarts; retry tokens and stateless resets derive from it. */
  readonly secret: Uint8Array;
  /** Where curl, git and other plain clients find an HTTPS proxy; without it there is none. */
  readonly proxyListen?: SocketAddress | undefined;
  /** What agents are told of us, such as `tunnel/0.1.0`. */
  readonly software?: string | undefined;
}

export interface Edge extends EdgeForControl, AsyncDisposable {
  readonly udp: SocketAddress;
  readonly proxy: SocketAddress | null;
  /** A connection whose ClientHello offers `tunnel-connect/1`, its bytes still in the socket. Owned by the edge from here on. */
  takeOperator(socket: TcpSocket): void;
  /** A connection whose ClientHello offers a link's ALPN: an agent that comes over TLS. Owned by the edge from here on. */
  takeAgent(socket: TcpSocket): void;
  /** Cuts what still runs: `drain` comes before it. Resolves when control has heard of each end. */
  close(): Promise<void>;
}

/** Errors as `listenQuic` and `listenForProxyClients`. */
export async function startEdge(config: EdgeConfig, control: ControlForEdge, world: World): Promise<Edge> {
  const { certificatePem, privateKeyPem, trustedCaPem, secret } = config;
  const credentials: LinkCredentials = { certificatePem, privateKeyPem, trustedCaPem, alpn: ALPN };
  await using starting = new AsyncDisposableStack();
  // An agent needs to know nothing else of the gateway's machine.
  const links = new Links(control, { kind: 'hello', software: config.software ?? 'tunnel', os: '', arch: '', hostname: '', capabilities: [] }, world);
  links.follow(trustedCaPem);
  const carrier = new Carrier(control, links, world);
  const arrivals = { onLink: (link: Link) => links.take(link), onRefused: (peer: RefusedPeer) => links.refused(peer) };
  const agents = starting.use(await listenQuic({ at: config.udp, credentials, secret, ...arrivals }, world));
  // Version 1 is spoken over QUIC only.
  const overTls = starting.use(listenTls({ credentials: { ...credentials, alpn: ALPN.slice(0, 1) }, ...arrivals }, world));
  starting.defer(() => links.close('the gateway is stopping'));
  starting.defer(() => carrier.refuse('the gateway is stopping'));
  const operators = operatorFront(config, carrier, world);
  starting.defer(() => operators.close());
  const proxy = config.proxyListen === undefined ? undefined : starting.use(await proxyFront(config.proxyListen, config, carrier, world));

  const running = starting.move();
  const close = () => running.disposeAsync();
  return {
    udp: agents.at,
    proxy: proxy?.at ?? null,
    takeOperator: operators.take,
    takeAgent: overTls.take,
    close,
    [Symbol.asyncDispose]: close,

    async closeLink(linkId, reason) {
      const found = links.find(linkId);
      if (found !== undefined) await closeLink(found.link, 'refused', reason);
    },
    async endWhenIdle(linkId, reason) {
      links.endWhenIdle(linkId, reason);
    },
    async endSession(sessionId, reason) {
      carrier.direct.endSession(sessionId, reason);
      await Promise.all([...links].map((link) => link.endSession(sessionId, reason)));
    },
    async endChannels(channelIds, reason) {
      carrier.endChannels(channelIds, reason);
    },
    async updateSession(lease) {
      for (const link of links) link.updateSession(lease);
    },
    async tellOperators(connections, notice) {
      carrier.notices.tell(connections, notice);
    },
    async assign(linkId, assignment) {
      await links.find(linkId)?.assign(assignment);
    },
    async useCertificate(nextCertificatePem, nextTrustedCaPem) {
      const next = { ...credentials, certificatePem: nextCertificatePem, trustedCaPem: nextTrustedCaPem };
      agents.useCredentials(next);
      overTls.useCredentials({ ...next, alpn: ALPN.slice(0, 1) });
      operators.useCertificate(nextCertificatePem);
      proxy?.useCertificate(nextCertificatePem);
      links.follow(nextTrustedCaPem);
    },
    async drain(delayMs) {
      const reason = 'the gateway is stopping';
      const waited = new AbortController();
      const done = Promise.all([carrier.refuse(reason), links.drain(delayMs, reason)]);
      await Promise.race([done, world.clock.sleep(delayMs, waited.signal)]);
      waited.abort();
    },
  };
}

/** Imported for those who want it: node:http stays out of the others' memory. */
async function proxyFront(at: SocketAddress, config: EdgeConfig, carrier: Carrier, world: World): Promise<ProxyFront> {
  const { listenForProxyClients } = await import('./front/proxy.ts');
  return await listenForProxyClients(at, config, carrier, world);
}
