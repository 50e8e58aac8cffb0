// An edge's TCP port and agents that dial it over TLS on loopback, for the contract and for the tests of what only TLS can do.
import { X509Certificate } from 'node:crypto';
import type { TestContext } from 'node:test';
import type { SocketAddress, World } from '../../src/lib/base/world.ts';
import { Arrivals } from '../../src/lib/transport/arrivals.ts';
import type { Link } from '../../src/lib/transport/link.ts';
import { dialTls, type TlsDialOptions } from '../../src/lib/transport/tls/dial.ts';
import { listenTls, type TlsListener, type TlsListenOptions } from '../../src/lib/transport/tls/listen.ts';
import type { TestCa } from '../support/test-ca.ts';
import type { Pair } from './link-contract.ts';
import { credentials, testCa, world } from './quic-pair.ts';

export interface TlsListening {
  readonly ca: TestCa;
  readonly listener: TlsListener;
  readonly at: SocketAddress;
  /** The next link that came in. */
  nextLink(): Promise<Link>;
  dial(options?: Partial<TlsDialOptions>): Promise<Link>;
}

export async function listeningTls(t: TestContext, options: Partial<TlsListenOptions> = {}, gatewayWorld: World = world): Promise<TlsListening> {
  const ca = await testCa();
  const arrived = new Arrivals<Link>();
  const listener = listenTls({ credentials: await credentials(ca.server), onLink: (link) => arrived.push(link), ...options }, gatewayWorld);
  t.after(() => listener.close());
  const tcp = await world.net.listen({ address: '127.0.0.1', port: 0 }, listener.take);
  t.after(() => tcp.close());
  if ('path' in tcp.at) throw new Error('a TCP listener has a port');
  const at = tcp.at;
  const agent = await credentials(await ca.agent());
  return {
    ca,
    listener,
    at,
    nextLink: () => arrived.next(t.signal),
    async dial(more = {}) {
      const connect = (signal: AbortSignal) => world.net.connect(at, signal);
      const link = await dialTls({ connect, remote: at, serverName: 'localhost', credentials: agent, signal: t.signal, ...more }, world);
      t.after(() => link.close());
      return link;
    },
  };
}

export async function tlsPair(t: TestContext): Promise<Pair> {
  const { ca, nextLink, dial } = await listeningTls(t);
  const identity = await ca.agent();
  const agent = await dial({ credentials: await credentials(identity) });
  const der = ({ certificatePem }: { readonly certificatePem: string }) => new X509Certificate(certificatePem).raw;
  return { agent, gateway: await nextLink(), certificates: { agent: der(identity), gateway: der(ca.server) } };
}
