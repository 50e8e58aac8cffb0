// From a login to the first bytes of a target: who asks, where it goes, whether it may, and each hop on the way, timed from both sides.
import type { ApiClient } from '../api/client.ts';
import type { Resolution } from '../api/contract.ts';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { connectEdge, type EdgeConnection } from '../operator/edge-connection.ts';
import type { Channel } from '../operator/open-channel.ts';
import { type ChannelTiming, timingOf } from '../protocol/refusal.ts';
import { formatTarget, parseTarget, type Target } from '../routing/target.ts';
import { PROTOCOLS, protocolOf, type TargetProtocol } from './first-bytes.ts';
import { readFirstBytes } from './read-first-bytes.ts';
import { type Examination, type Finding, failure } from './step.ts';

export interface AskedTarget {
  readonly target: Target;
  /** Instead of the agent that routing would choose. */
  readonly agent: string | undefined;
  /** Instead of what its port suggests. */
  readonly protocol: TargetProtocol | undefined;
}

/** Error `target.malformed`. */
export function askedTarget(text: string, agent: string | undefined, protocol: string | undefined): AskedTarget {
  return { target: parseTarget(text), agent, protocol: PROTOCOLS.find((known) => known === protocol) };
}

/** Everything behind the login. */
export async function checkTarget(examination: Examination, asked: AskedTarget, client: ApiClient, world: World, signal: AbortSignal): Promise<void> {
  const target = formatTarget(asked.target);
  const named = asked.agent === undefined ? {} : { agent: asked.agent };
  const agent = await checkRoute(examination, { target, ...named }, client, signal);
  if (agent === undefined || !(await checkLink(examination, agent, client, signal))) return;
  await using stack = new AsyncDisposableStack();
  const edge = await openEdge(examination, { targets: [target], ...named }, client, world, stack, signal);
  if (edge === undefined) return;
  const channel = await openThrough(examination, asked.target, edge, world, stack, signal);
  if (channel === undefined) return;
  const protocol = asked.protocol ?? protocolOf(asked.target.port);
  await examination.check('first-bytes', 'target', signal, () => readFirstBytes(channel, protocol, hostOf(target), world, signal));
}

/** The agent that would carry it, online or not. */
async function checkRoute(
  examination: Examination,
  request: { target: string; agent?: string },
  client: ApiClient,
  signal: AbortSignal,
): Promise<string | undefined> {
  let resolution: Resolution | undefined;
  const answered = await examination.check('route', 'policy', signal, async () => {
    resolution = await client.resolve(request, signal);
    return judgeRoute(resolution);
  });
  const [first] = resolution?.candidates ?? [];
  if (!answered || first === undefined || resolution === undefined) return undefined;
  const { decision } = resolution;
  if (decision.via === 'none' && decision.code === 'policy.denied') {
    const hint = `tunnel whoami shows what you may reach; an administrator allows more: tunnel agent set ${first.agent} --ports, tunnel token mint --kind operator --replace --agents.`;
    examination.note('policy', 'policy', { state: 'failed', code: 'policy.denied', message: decision.reason, hint, detail: { line: first.policy } });
    return undefined;
  }
  const chosen =
    decision.via === 'agent'
      ? (resolution.candidates.find(({ agent }) => agent === decision.agent) ?? first)
      : (resolution.candidates.find(({ standing }) => standing === 'offline') ?? first);
  examination.note('policy', 'policy', { state: 'ok', message: chosen.policy, detail: { line: chosen.policy } });
  return chosen.agent;
}

function judgeRoute({ decision, candidates }: Resolution): Finding {
  const detail = { candidates, decision };
  const [first] = candidates;
  if (first === undefined && decision.via === 'none') {
    const hint =
      decision.code === 'agent.unknown'
        ? 'tunnel agent list shows those there are.'
        : 'tunnel route list shows what agents carry; an administrator allows more: tunnel agent set NAME --routes.';
    return { state: 'failed', code: decision.code === 'agent.unknown' ? 'agent.unknown' : 'route.none', message: decision.reason, hint, detail };
  }
  const by = ({ agent, rule, route }: NonNullable<typeof first>) => `${agent} by ${rule}${route === null ? '' : ` ${route}`}`;
  return { message: candidates.map(by).join(', then '), detail };
}

async function checkLink(examination: Examination, agent: string, client: ApiClient, signal: AbortSignal): Promise<boolean> {
  return await examination.check('link', 'agent', signal, async () => {
    const { state, transport, transport_reason: reason, last_seen: seen, links, alarm, protocol } = await client.getAgent(agent, signal);
    const since = links.find(({ current }) => current)?.since ?? null;
    const detail = { agent, state, transport, transport_reason: reason, since, last_seen: seen, protocol, alarm };
    if (state !== 'online') {
      const hint = `On the machine of ${agent}: tunnel doctor --data-dir DIR, and tunnel agent start --data-dir DIR where it does not run.`;
      return {
        state: 'failed',
        code: 'agent.offline',
        message: `${agent} is ${state}${seen === null ? ' and was never online' : `, last seen ${seen}`}`,
        hint,
        detail,
      };
    }
    const message = `${agent} is online over ${transport}${reason === null ? '' : ` (${reason})`}${since === null ? '' : ` since ${since}`}`;
    if (alarm === null) return { message, detail };
    const hint = 'One of them must be enrolled anew: tunnel token mint --kind agent, then tunnel agent enroll on that machine.';
    return { state: 'warning', code: 'agent.flapping', message: `${message}, but two processes share its identity`, hint, detail };
  });
}

async function openEdge(
  examination: Examination,
  request: { targets: string[]; agent?: string },
  client: ApiClient,
  world: World,
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<OpenEdge | undefined> {
  let opened: OpenEdge | undefined;
  const grants: { readonly connect: string; readonly ca_pem: string; readonly token: string }[] = [];
  const granted = await examination.check('session', 'gateway', signal, async () => {
    const grant = await client.openSession(request, signal);
    grants.push(grant);
    return {
      message: `opened, it ends after ${grant.idle_seconds / 60} min without activity`,
      detail: { idle_seconds: grant.idle_seconds, expires_at: grant.expires_at },
    };
  });
  const [grant] = grants;
  if (!granted || grant === undefined) return undefined;
  await examination.check('edge', 'gateway', signal, async () => {
    const connection = await connectEdge(grant.connect, grant.ca_pem, world, signal);
    stack.defer(() => connection.close());
    await connection.attach({ token: grant.token, active: true }, () => {}, signal);
    opened = { connection, token: grant.token };
    return { message: `takes connections at ${grant.connect}`, detail: { connect: grant.connect } };
  });
  return opened;
}

interface OpenEdge {
  readonly connection: EdgeConnection;
  readonly token: string;
}

/** One channel, told as three steps: what the gateway waited for, and what the agent says it did meanwhile. */
async function openThrough(
  examination: Examination,
  { host, port }: Target,
  { connection, token }: OpenEdge,
  world: World,
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<Channel | undefined> {
  const target = formatTarget({ host, port });
  const began = world.clock.monotonic();
  const elapsed = () => world.clock.monotonic() - began;
  const resolved = (timing: ChannelTiming, message: string) => {
    if (host.kind === 'address') examination.skip('agent-dns', 'agent', 'an address: nothing to resolve');
    else examination.note('agent-dns', 'agent', { state: 'ok', message, ms: inMs(timing.resolveUs), detail: detailOf(timing) });
  };
  try {
    const channel = await connection.open(target, token, signal);
    stack.defer(() => void channel.destroy());
    channel.on('error', () => {}); // what matters of it comes from the first bytes
    const { address, ...timing } = channel.granted;
    const both = { ...detailOf(timing), operator_ms: rounded(elapsed()) };
    examination.note('agent', 'agent', { state: 'ok', message: `${channel.agent} took the request`, ms: wayMs(timing), detail: both });
    resolved(timing, `${channel.agent} resolves the name${address === undefined ? '' : `, and takes ${address}`}`);
    const where = address ?? target;
    examination.note('target-tcp', 'target', {
      state: 'ok',
      message: `${channel.agent} is connected to ${where}`,
      ms: inMs(timing.connectUs),
      detail: { ...both, address: address ?? null },
    });
    return channel;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof TunnelError)) throw error;
    noteRefusal(examination, error, resolved, rounded(elapsed()));
    return undefined;
  }
}

function noteRefusal(examination: Examination, error: TunnelError, resolved: (timing: ChannelTiming, message: string) => void, operatorMs: number): void {
  const timing = timingOf(error);
  const detail = { ...detailOf(timing), operator_ms: operatorMs };
  const at = AT[error.code] ?? 'agent';
  const found = { ...failure(error, at === 'target-tcp' ? 'target' : 'agent'), detail, hint: HINTS[error.code] ?? error.hint };
  if (at === 'agent') {
    examination.note('agent', 'agent', { ...found, ms: operatorMs });
    return;
  }
  examination.note('agent', 'agent', { message: 'it took the request', ms: wayMs(timing), detail });
  if (at === 'agent-dns') {
    examination.note('agent-dns', 'agent', { ...found, ms: inMs(timing.resolveUs) });
    return;
  }
  resolved(timing, 'the agent resolves the name');
  examination.note('target-tcp', 'target', { ...found, ms: inMs(timing.connectUs) });
}

const AT: Readonly<Record<string, 'agent-dns' | 'target-tcp'>> = {
  'dns.failed': 'agent-dns',
  'target.refused': 'target-tcp',
  'target.unreachable': 'target-tcp',
  'target.timed-out': 'target-tcp',
};
const HINTS: Readonly<Record<string, string>> = {
  'dns.failed': "On the agent's machine: getent hosts NAME. Is the name spelt right, and do its DNS servers know it?",
  'target.refused': 'Nothing listens on that port, or a firewall refuses it. On the target: ss -ltn.',
  'target.unreachable': "No route leads there from the agent's machine. There: ip route get ADDRESS.",
  'target.timed-out': 'The target is off, or a firewall between agent and target drops the packets.',
};

/** What of the wait was neither resolving nor connecting: between gateway and agent, and back. */
function wayMs({ answerUs, resolveUs = 0, connectUs = 0 }: ChannelTiming): number | null {
  return answerUs === undefined ? null : rounded(Math.max(0, answerUs - resolveUs - connectUs) / 1000);
}

function detailOf({ answerUs, resolveUs, connectUs }: ChannelTiming) {
  return { gateway_ms: inMs(answerUs), agent_resolve_ms: inMs(resolveUs), agent_connect_ms: inMs(connectUs) };
}

function inMs(us: number | undefined): number | null {
  return us === undefined ? null : rounded(us / 1000);
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}

function hostOf(target: string): string {
  return target.slice(0, target.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1');
}
