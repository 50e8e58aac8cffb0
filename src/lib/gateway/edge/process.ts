// The main module of the edge's own process: serves what control starts, gives signs of life, and ends with the channel to control.
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { TcpSocket, World } from '../../base/world.ts';
import { connectParent, residentBytes } from '../../system/child.ts';
import { tuneHeapForBytes } from '../../system/heap-for-bytes.ts';
import { createLog, setLevel, silentLog } from '../../system/log.ts';
import { realWorld } from '../../system/real-world.ts';
import { answerTo, Calls } from '../border/calls.ts';
import type { EdgeManner, EdgeOrders, EdgePlaces, FromControl, FromEdge, Handed } from '../border/messages.ts';
import type { ControlForEdge } from '../contract.ts';
import { remoteControl } from './remote-control.ts';
import { type Edge, type EdgeConfig, startEdge } from './start.ts';
import { hookSignals } from './test-hooks.ts';

tuneHeapForBytes();
let world: World = realWorld({ log: silentLog });
let edge: Edge | undefined;

// What comes is the parent's, which is this very program.
const parent = connectParent(
  (message, socket) => hear(message as FromControl, socket),
  (error) => world.log.error({ error }, 'the edge fails'),
);
const send = (message: FromEdge) => parent.send(message);
const calls = new Calls<keyof ControlForEdge>(send, world.clock);
const control = remoteControl(calls, send);

async function start(config: EdgeConfig, { logLevel, testHooks }: EdgeManner): Promise<EdgePlaces> {
  world = realWorld({ log: createLog({ level: logLevel, fields: { process: 'edge' } }) });
  if (testHooks) hookSignals();
  edge = await startEdge(config, control, world);
  return { udp: edge.udp, proxy: edge.proxy };
}

const orders: EdgeOrders = {
  start,
  async useLogLevel(level) {
    setLevel(world.log, level);
  },
  async stop() {
    const stopping = edge;
    edge = undefined;
    await stopping?.close();
  },
  closeLink: (linkId, reason) => serving().closeLink(linkId, reason),
  endSession: (sessionId, reason) => serving().endSession(sessionId, reason),
  endChannels: (channelIds, reason) => serving().endChannels(channelIds, reason),
  updateSession: (lease) => serving().updateSession(lease),
  endWhenIdle: (linkId, reason) => serving().endWhenIdle(linkId, reason),
  tellOperators: (connections, notice) => serving().tellOperators(connections, notice),
  assign: (linkId, assignment) => serving().assign(linkId, assignment),
  useCertificate: (certificatePem, trustedCaPem) => serving().useCertificate(certificatePem, trustedCaPem),
  drain: (delayMs) => serving().drain(delayMs),
};

function serving(): Edge {
  if (edge === undefined) throw new TunnelError('gateway.stopping', 'the edge does not serve');
  return edge;
}

function hear(message: FromControl, socket: TcpSocket | undefined): void {
  if (message.kind === 'call') {
    // A turn later: what an answer before it has set going, such as a link that was admitted, is there then.
    setImmediate(() => void obey(message));
  } else if (message.kind !== 'socket') calls.settle(message);
  else if (socket !== undefined) take(message, socket);
}

async function obey({ id, method, arguments: args }: Extract<FromControl, { kind: 'call' }>): Promise<void> {
  const run = orders[method] as (...args: readonly unknown[]) => Promise<unknown>;
  send(
    await answerTo(
      id,
      async () => run(...args),
      (error) => world.log.error({ error, method }, 'an order of control failed'),
    ),
  );
}

function take({ from, received }: Handed, socket: TcpSocket): void {
  socket.unshift(received);
  if (edge === undefined) socket.on('error', () => {}).resetAndDestroy();
  else if (from === 'agent') edge.takeAgent(socket);
  else edge.takeOperator(socket);
}

/** Ends with the process. */
async function beat(): Promise<never> {
  const { clock } = world;
  for (;;) {
    const planned = clock.monotonic() + LIMITS.edgeHeartbeatMs;
    await clock.sleep(LIMITS.edgeHeartbeatMs);
    send({ kind: 'beat', rssBytes: residentBytes(), lateMs: Math.max(0, clock.monotonic() - planned) });
  }
}

process.title = 'tunnel edge';
send({ kind: 'beat', rssBytes: residentBytes(), lateMs: 0 });
await beat();
