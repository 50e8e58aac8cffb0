// A gateway's listener and agents that dial it over QUIC on loopback, for the contract and for the tests of what only QUIC can do.
import { X509Certificate } from 'node:crypto';
import type { TestContext } from 'node:test';
import type { World } from '../../src/lib/base/world.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import type { Link, LinkCredentials } from '../../src/lib/transport/link.ts';
import { dialQuic, type QuicDialOptions } from '../../src/lib/transport/quic/dial.ts';
import { listenQuic, type QuicListener, type QuicListenOptions } from '../../src/lib/transport/quic/listen.ts';
import { type KeyedCertificate, makeTestCa, type TestCa } from '../support/test-ca.ts';
import type { Pair } from './link-contract.ts';

export const world = realWorld({ level: 'error' });
export const ALPN = ['gw-agent-tunnel/2', 'gw-agent-tunnel/1'];
let ca: Promise<TestCa> | undefined;

export function testCa(): Promise<TestCa> {
  ca ??= makeTestCa();
  return ca;
}

export interface Listening {
  readonly ca: TestCa;
  readonly listener: QuicListener;
  /** The next link that came in. */
  nextLink(): Promise<Link>;
  dial(options?: Partial<QuicDialOptions>, agentWorld?: World): Promise<Link>;
}

export async function credentials(keyed: KeyedCertificate, alpn: readonly string[] = ALPN): Promise<LinkCredentials> {
  const { caPem } = await testCa();
  return { certificatePem: keyed.certificatePem, privateKeyPem: keyed.privateKeyPem, trustedCaPem: caPem, alpn };
}

export async function listening(t: TestContext, options: Partial<QuicListenOptions> = {}, gatewayWorld: World = world): Promise<Listening> {
  const ca = await testCa();
  const arrived: Link[] = [];
  const waiting: ((link: Link) => void)[] = [];
  const onLink = (link: Link) => {
    const first = waiting.shift();
    if (first) first(link);
    else arrived.push(link);
  };
  const defaults = { at: { address: '127.0.0.1', port: 0 }, credentials: await credentials(ca.server), secret: new Uint8Array(32).fill(7), onLink };
  const listener = await listenQuic({ ...defaults, ...options }, gatewayWorld);
  t.after(() => listener.close());
  const agent = await credentials(await ca.agent());
  return {
    ca,
    listener,
    nextLink: async () => arrived.shift() ?? (await new Promise((resolve) => waiting.push(resolve))),
    async dial(more = {}, agentWorld = world) {
      const link = await dialQuic({ to: listener.at, serverName: 'localhost', credentials: agent, signal: t.signal, ...more }, agentWorld);
      t.after(() => link.close());
      return link;
    },
  };
}

export async function quicPair(t: TestContext): Promise<Pair> {
  const { ca, nextLink, dial } = await listening(t);
  const identity = await ca.agent();
  const agent = await dial({ credentials: await credentials(identity) });
  return { agent, gateway: await nextLink(), certificates: { agent: derOf(identity), gateway: derOf(ca.server) } };
}

function derOf({ certificatePem }: KeyedCertificate): Uint8Array {
  return new X509Certificate(certificatePem).raw;
}
