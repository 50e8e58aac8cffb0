// The real edge in its own process, over the real border, for tests of what crosses it: control allows everything, agents and operators are links that the test holds.

import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { LIMITS } from '../../src/lib/base/limits.ts';
import type { SocketAddress } from '../../src/lib/base/world.ts';
import type { HandedKind } from '../../src/lib/gateway/border/messages.ts';
import { EdgeProcess } from '../../src/lib/gateway/edge-process/edge-process.ts';
import { acceptChannel } from '../../src/lib/link/accept-channel.ts';
import { type AgentControl, agentControl } from '../../src/lib/link/control.ts';
import { askEdge } from '../../src/lib/link/operator-request.ts';
import { dialEdge } from '../../src/lib/operator/dial-edge.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import type { Link, LinkCredentials, LinkStream } from '../../src/lib/transport/link.ts';
import { MuxLink } from '../../src/lib/transport/mux/link.ts';
import { dialQuic } from '../../src/lib/transport/quic/dial.ts';
import { dialTls } from '../../src/lib/transport/tls/dial.ts';
import { OpenControl, TOKEN } from './edge-stand.ts';
import { makeTestCa } from './test-ca.ts';

export const world = realWorld({ level: 'silent' });

const ALPN = ['gw-agent-tunnel/2'];
const HELLO = { kind: 'hello', software: 'test', os: 'linux', arch: 'x64', hostname: 'host', capabilities: [] } as const;
const ANY_PORT = { address: '127.0.0.1', port: 0 };

/** How an agent reaches the edge; `at` instead of the edge's own place, where something stands between. */
export interface Way {
  readonly transport: 'quic' | 'tls';
  readonly at?: SocketAddress;
  /** TLS only: fewer streams than an agent usually takes. */
  readonly streams?: number;
}

export interface EdgeProcessStand extends AsyncDisposable {
  readonly control: OpenControl;
  readonly udp: SocketAddress;
  readonly agentsTcp: SocketAddress;
  readonly operatorsTcp: SocketAddress;
  /** An agent of its own, which accepts every channel, and an operator, whose channels go to that agent. Both go with the test. */
  ends(t: TestContext, way: Way, operatorsTcp?: SocketAddress): Promise<Ends>;
}

export interface Ends {
  readonly agent: Link;
  readonly operator: Link;
  /** A channel from the operator through the edge, as the operator and the agent see it. */
  open(signal: AbortSignal): Promise<[operator: LinkStream, agent: LinkStream]>;
  /** Resolves when no channel is left at either end, and control has heard of the end of each. */
  none(): Promise<void>;
}

export async function startEdgeProcess(): Promise<EdgeProcessStand> {
  await using starting = new AsyncDisposableStack();
  const ca = await makeTestCa();
  const control = new OpenControl();
  const edge = new EdgeProcess({ silentMs: LIMITS.edgeSilentMs, memoryBytes: LIMITS.edgeMemoryBytes }, world);
  starting.defer(() => edge.close());
  const config = { udp: ANY_PORT, ...ca.server, trustedCaPem: ca.caPem, secret: new Uint8Array(32) };
  const { udp } = await edge.start(config, { logLevel: 'error', testHooks: false }, control);
  const door = async (from: HandedKind): Promise<SocketAddress> => {
    const listener = await world.net.listen(ANY_PORT, (socket) => edge.take(from, socket));
    starting.defer(() => listener.close());
    if (!('port' in listener.at)) throw new Error('a TCP listener has a port');
    return listener.at;
  };
  const [agentsTcp, operatorsTcp] = await Promise.all([door('agent'), door('operator')]);
  // Targets at one address go to the agent that was given it.
  const agents = new Map<string, string>();
  control.ways = (target) => [
    control.way(
      target,
      control.linked.find(({ agentId }) => agentId === agents.get(addressOf(target))),
    ),
  ];
  const running = starting.move();

  return {
    control,
    udp,
    agentsTcp,
    operatorsTcp,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
    async ends(t, way, operators = operatorsTcp) {
      const leaf = await ca.agent('web1');
      control.knows(leaf);
      const credentials = { ...leaf, trustedCaPem: ca.caPem, alpn: ALPN };
      const agent = await dialAgent({ at: way.transport === 'quic' ? udp : agentsTcp, ...way }, credentials, t.signal);
      t.after(() => agent.close());
      const stream = await agentControl(agent, HELLO, world, t.signal);
      answerSessions(stream).catch(() => {}); // the link has ended
      await stream.send({ kind: 'route-advertise', epoch: 1n, subnets: ['127.0.0.0/8'], names: [] });
      await control.until(() => control.linked.some(({ agentId }) => agentId === leaf.agentId) && control.advertised.length >= control.linked.length);
      const address = `127.0.0.${agents.size + 1}`;
      agents.set(address, leaf.agentId);
      const operator = await dialEdge(`127.0.0.1:${operators.port}`, ca.caPem, world, t.signal);
      t.after(() => operator.close());
      return join(operator, agent, address, control, t.signal);
    },
  };
}

/** Each channel has a target of its own, so that its two ends find each other. */
function join(operator: Link, agent: Link, address: string, control: OpenControl, signal: AbortSignal): Ends {
  const waiting = new Map<string, (stream: LinkStream) => void>();
  let opened = 0;
  const accepting = async (): Promise<void> => {
    for (;;) {
      const stream = await agent.acceptStream(signal);
      void acceptChannel(agent, stream, world, signal).then(
        ({ request, accept }) => waiting.get(request.target)?.(accept(request.target)),
        () => {}, // given up by the edge
      );
    }
  };
  accepting().catch(() => {}); // the link has ended
  return {
    agent,
    operator,
    async open(until) {
      opened += 1;
      const target = `${address}:${opened}`;
      const { promise: accepted, resolve } = Promise.withResolvers<LinkStream>();
      waiting.set(target, resolve);
      const { stream } = await askEdge(operator, { kind: 'operator-connect', token: TOKEN, target }, world.clock, until);
      waiting.delete(target);
      return [stream, await accepted];
    },
    async none() {
      await control.until(() => {
        const ended = new Set(control.events.filter(({ kind }) => kind === 'ended').map(({ channelId }) => channelId));
        return control.events.every((event) => event.kind !== 'opened' || addressOf(event.target) !== address || ended.has(event.channelId));
      });
      while (operator.streams > 0 || agent.streams > 1) await new Promise((resolve) => setImmediate(resolve)); // the agent's control stream stays
    },
  };
}

function addressOf(target: string): string {
  return target.slice(0, target.indexOf(':'));
}

async function answerSessions(control: AgentControl): Promise<void> {
  for await (const message of control.messages) {
    if (message.kind !== 'session-open' && message.kind !== 'session-update') continue;
    await control.send({ kind: 'session-ready', sessionId: message.sessionId, revision: message.revision });
  }
}

async function dialAgent({ transport, at, streams }: Way & { readonly at: SocketAddress }, credentials: LinkCredentials, signal: AbortSignal): Promise<Link> {
  if (transport === 'quic') return await dialQuic({ to: at, serverName: '127.0.0.1', credentials, signal }, world);
  if (streams === undefined) {
    const connect = (signal: AbortSignal) => world.net.connect(at, signal);
    return await dialTls({ connect, remote: at, serverName: '127.0.0.1', credentials, signal }, world);
  }
  const { certificatePem: cert, privateKeyPem: key, trustedCaPem: ca, alpn } = credentials;
  const socket = connectTls({ host: at.address, port: at.port, cert, key, ca, ALPNProtocols: [...alpn] });
  await once(socket, 'secureConnect', { signal });
  const liveness = { keepAliveMs: LIMITS.keepAliveMs, deadLinkMs: LIMITS.deadLinkV2Ms };
  const parts = { socket, role: 'dialler', transport: 'tls', alpn: ALPN[0] ?? '', remote: at, peerCertificate: new Uint8Array(0), liveness } as const;
  const link = new MuxLink({ ...parts, incomingStreams: streams }, world.clock);
  await link.ready;
  return link;
}
