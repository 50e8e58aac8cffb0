// An edge between real sockets, for its tests: QUIC below, a control that allows everything and remembers, an agent made of link/ alone, operators by hand.
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import type { TestContext } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { TunnelError } from '../../src/lib/base/errors.ts';
import type { World } from '../../src/lib/base/world.ts';
import type {
  Advertisement,
  Assignment,
  AttachRequest,
  ChannelEvent,
  ConnectRequest,
  ControlForEdge,
  Plan,
  PresentedLink,
  Way,
} from '../../src/lib/gateway/contract.ts';
import { type Edge, startEdge } from '../../src/lib/gateway/edge/start.ts';
import { acceptChannel } from '../../src/lib/link/accept-channel.ts';
import { type AgentControl, agentControl } from '../../src/lib/link/control.ts';
import type { GatewayMessage } from '../../src/lib/protocol/messages.ts';
import { splice } from '../../src/lib/streams/splice.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import type { Link, RefusedPeer } from '../../src/lib/transport/link.ts';
import { dialQuic } from '../../src/lib/transport/quic/dial.ts';
import { makeTestCa, type TestCa } from './test-ca.ts';

const EVERYTHING: Assignment = { subnets: ['127.0.0.0/8'], names: [], ports: [[1, 65535]], kinds: ['tcp'] };
export const TOKEN = 'good.session.token';

/** Allows whatever `refuseWith` does not refuse; remembers what it was told. */
export class OpenControl implements ControlForEdge {
  readonly events: Exclude<ChannelEvent, { kind: 'active' }>[] = [];
  /** Channels that carried something of the operator's. */
  readonly active: string[] = [];
  readonly linked: { linkId: string; agentId: string; presented: PresentedLink }[] = [];
  readonly unlinked: { linkId: string; reason: string }[] = [];
  readonly refusedPeers: RefusedPeer[] = [];
  readonly advertised: Advertisement[] = [];
  readonly asked: ConnectRequest[] = [];
  readonly attached: string[] = [];
  readonly detached: string[] = [];
  alives = 0;
  /** Ways of the next plans; by default one way through the newest link. */
  ways: ((target: string) => Way[]) | undefined;
  admitError: TunnelError | undefined;
  material = 'material-1';
  #agents: readonly { certificatePem: string; agentId: string; name: string }[] = [];
  #count = 0;
  #watchers: (() => void)[] = [];

  knows(agent: { certificatePem: string; agentId: string; name: string }): void {
    this.#agents = [...this.#agents, agent];
  }

  /** Resolves when `condition` holds; asked again at every event. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }

  way(target: string, link = this.linked.at(-1)): Way {
    if (link === undefined) throw new TunnelError('route.none', 'no agent');
    const session = { sessionId: '11111111-0000-4000-8000-000000000001', operator: 'alice', idleLimitMs: 900_000, material: this.material };
    return { linkId: link.linkId, agentId: link.agentId, agent: 'web1', target, session };
  }

  async admit(presented: PresentedLink) {
    if (this.admitError) throw this.admitError;
    const pem = Buffer.from(presented.certificate).toString('base64');
    const agent = this.#agents.find(({ certificatePem }) => certificatePem.replaceAll(/-----[^-]+-----|\s/g, '') === pem);
    if (agent === undefined) throw new TunnelError('certificate.refused', 'unknown agent');
    const linkId = `link-${this.linked.length + 1}`;
    this.linked.push({ linkId, agentId: agent.agentId, presented });
    this.#happened();
    return { linkId, agentId: agent.agentId, agent: agent.name, assignment: EVERYTHING };
  }
  async refused(peer: RefusedPeer) {
    this.refusedPeers.push(peer);
    this.#happened();
  }
  async introduce() {}
  async advertise(_linkId: string, advertisement: Advertisement) {
    this.advertised.push(advertisement);
    this.#happened();
  }
  async alive() {
    this.alives += 1;
    this.#happened();
  }
  async unlink(linkId: string, reason: string) {
    this.unlinked.push({ linkId, reason });
    this.#happened();
  }
  async authorise(request: ConnectRequest): Promise<Plan> {
    this.asked.push(request);
    this.#happened();
    if (request.sessionToken !== TOKEN) throw new TunnelError('session.refused', 'the session token is not good', { hint: 'Log in again.' });
    this.#count += 1;
    const channelId = `22222222-0000-4000-8000-${String(this.#count).padStart(12, '0')}`;
    return { channelId, ways: this.ways?.(request.target) ?? [this.way(request.target)] };
  }
  async attach(request: AttachRequest) {
    if (request.sessionToken !== TOKEN) throw new TunnelError('session.refused', 'the session token is not good', { hint: 'Log in again.' });
    this.attached.push(request.connection);
    this.#happened();
  }
  async detach(connection: string) {
    this.detached.push(connection);
    this.#happened();
  }
  async renew() {
    return { certificatePem: 'cert', caPem: 'ca', sessionKeys: '{}' };
  }
  async report(event: ChannelEvent) {
    if (event.kind === 'active') this.active.push(event.channelId);
    else this.events.push(event);
    this.#happened();
  }
  #happened(): void {
    for (const seen of this.#watchers.splice(0)) seen();
  }
}

export interface Stand {
  readonly world: World;
  readonly ca: TestCa;
  readonly control: OpenControl;
  readonly edge: Edge;
  /** Where operators' TLS connections arrive. */
  readonly operatorPort: number;
  agent(options?: AgentOptions): Promise<StandAgent>;
  operator(windowBytes?: number): Promise<Operator>;
}

export interface StandAgent {
  readonly link: Link;
  readonly control: AgentControl;
  readonly heard: GatewayMessage[];
  /** Resolves when `condition` holds; asked again at every message. */
  until(condition: () => boolean): Promise<void>;
}

interface AgentOptions {
  readonly agentId?: string;
  readonly alpn?: readonly string[];
  /** Refuse sessions. */
  readonly refuses?: boolean;
}

export async function startStand(
  t: TestContext,
  { proxy = false, world = realWorld({ level: 'silent' }) }: { proxy?: boolean; world?: World } = {},
): Promise<Stand> {
  const ca = await makeTestCa();
  const control = new OpenControl();
  const anyPort = { address: '127.0.0.1', port: 0 };
  const keys = { ...ca.server, trustedCaPem: ca.caPem, secret: new Uint8Array(32) };
  const edge = await startEdge({ udp: anyPort, ...keys, proxyListen: proxy ? anyPort : undefined }, control, world);
  // As control's front door does: it reads the first bytes and puts them back.
  const door = await world.net.listen(anyPort, (socket) => {
    socket.once('readable', () => {
      const hello: unknown = socket.read();
      if (hello !== null) socket.unshift(hello);
      edge.takeOperator(socket);
    });
  });
  if (!('port' in door.at)) throw new Error('no port');
  const operatorPort = door.at.port;
  const ending = new AbortController();
  t.after(async () => {
    await door.close();
    await edge.close();
    ending.abort();
  });

  return {
    world,
    ca,
    control,
    edge,
    operatorPort,
    async agent({ agentId, alpn = ['gw-agent-tunnel/2', 'gw-agent-tunnel/1'], refuses = false } = {}) {
      const leaf = await ca.agent('web1', agentId);
      control.knows(leaf);
      const link = await dialQuic(
        { to: edge.udp, serverName: '127.0.0.1', credentials: { ...leaf, trustedCaPem: ca.caPem, alpn }, signal: ending.signal },
        world,
      );
      t.after(() => link.close());
      const hello = { kind: 'hello', software: 'test', os: 'linux', arch: 'x64', hostname: 'host', capabilities: [] } as const;
      const stream = await agentControl(link, hello, world, ending.signal);
      const heard: GatewayMessage[] = [];
      const watchers: (() => void)[] = [];
      const until = async (condition: () => boolean) => {
        while (!condition()) await new Promise<void>((resolve) => watchers.push(resolve));
      };
      const agent = { link, control: stream, heard, until };
      listen(agent, refuses, () => watchers.splice(0).forEach((seen) => void seen())).catch(() => {});
      carryChannels(link, world, ending.signal).catch(() => {});
      const before = control.advertised.length;
      await stream.send({ kind: 'route-advertise', epoch: 1n, subnets: ['127.0.0.0/8'], names: [] });
      await control.until(() => control.advertised.length > before);
      return agent;
    },
    operator: (windowBytes) => dialOperator(t, operatorPort, ca.caPem, 'tunnel-connect/1', windowBytes),
  };
}

async function listen(agent: StandAgent, refuses: boolean, happened: () => void): Promise<void> {
  for await (const message of agent.control.messages) {
    agent.heard.push(message);
    happened();
    if (message.kind !== 'session-open' && message.kind !== 'session-update') continue;
    const { sessionId, revision } = message;
    if (refuses) await agent.control.send({ kind: 'session-refused', sessionId, revision, code: 'not-allowed', reason: 'not with me' });
    else await agent.control.send({ kind: 'session-ready', sessionId, revision });
  }
}

async function carryChannels(link: Link, world: World, signal: AbortSignal): Promise<void> {
  for (;;) {
    const stream = await link.acceptStream(signal);
    void (async () => {
      const channel = await acceptChannel(link, stream, world, signal);
      const [, address = '', port = ''] = /^(.*):(\d+)$/.exec(channel.request.target) ?? [];
      try {
        const socket = await world.net.connect({ address, port: Number(port) }, signal);
        await splice(channel.accept(`${address}:${port}`), socket);
      } catch (error) {
        channel.refuse(error instanceof TunnelError && error.code === 'target.refused' ? 'refused' : 'unreachable', String(error));
      }
    })().catch(() => {});
  }
}

export interface Operator {
  readonly tls: TLSSocket;
  readonly session: ClientHttp2Session;
  /** One CONNECT, its answer awaited. */
  connect(target: string, headers?: Record<string, string>): Promise<{ stream: ClientHttp2Stream; status: number; headers: IncomingHttpHeaders }>;
}

export async function dialOperator(t: TestContext, port: number, caPem: string, alpn = 'tunnel-connect/1', windowBytes = 1024 * 1024): Promise<Operator> {
  const tls = connectTls({ host: '127.0.0.1', port, ca: caPem, ALPNProtocols: [alpn] });
  await once(tls, 'secureConnect');
  const session = connectHttp2('https://localhost', { createConnection: () => tls, settings: { initialWindowSize: windowBytes } });
  session.on('error', () => {});
  session.setMaxListeners(0);
  await once(session, 'remoteSettings');
  session.setLocalWindowSize(16 * 1024 * 1024);
  t.after(() => {
    session.destroy();
    tls.destroy(); // A session that is destroyed just as its peer resets leaves its socket open.
  });
  return {
    tls,
    session,
    async connect(target, headers = { 'proxy-authorization': `Bearer ${TOKEN}` }) {
      const stream = session.request({ ':method': 'CONNECT', ':authority': target, ...headers });
      const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders];
      stream.on('error', () => {});
      return { stream, status: Number(answer[':status']), headers: answer };
    },
  };
}
