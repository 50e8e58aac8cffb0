// The control stream of a link as typed messages, both ends, both versions. Whatever is not a message of the other side ends the link.

import { unlessAborted, within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { World } from '../base/world.ts';
import type { AgentMessage, ControlMessage, GatewayMessage, Hello } from '../protocol/messages.ts';
import { type Link, type LinkStream, StreamReset } from '../transport/link.ts';
import { agentCodec, type ControlCodec, gatewayCodec } from './control-codec.ts';
import { adopt, readFrame, writeFrame } from './frames.ts';
import { closeForViolation, closeLink, FRAME_BYTES, RESET, type Version, versionOf } from './version.ts';

/** One end of a control stream. `Out` is what this end may say, `In` what it hears. */
export interface Control<Out extends ControlMessage, In extends ControlMessage> {
  readonly version: Version;
  /** What the peer says of itself; undefined on version 1. */
  readonly peer: Hello | undefined;
  /**
   * Resolves when the message is on its way and there is room for the next; messages leave in the order of the calls. Errors: `internal` for what this version
   * has no message for, `protocol.violation` for a value that its field cannot hold, `link.lost`, the signal's reason. A peer that does not read loses its link.
   */
  send(message: Out): Promise<void>;
  /**
   * To be iterated once; the next frame is read when it is asked for. Ends when the peer ended the stream, and with it the link. Throws when the link is lost or
   * the signal aborts, and `protocol.violation`, the link closed, for whatever is no message. What version 1 passes over is logged as a warning.
   */
  readonly messages: AsyncIterable<In, void>;
}

export type AgentControl = Control<AgentMessage, GatewayMessage>;
export type GatewayControl = Control<GatewayMessage, AgentMessage>;

/** A version 1 agent has no business opening any, but may have been told so a few times; more is a flood. */
const MOST_STRAYS_V1 = 16;

/** How long either side may take to begin. */
const HELLO_MS = LIMITS.partialFrameMs;

/**
 * The agent's end: opens the control stream and, on version 2, exchanges Hello. On version 1 nothing is on the wire before the first `send`, a RouteAdvertise.
 * `signal` ends it. The caller closes the link after any error: `gateway.silent` after 10 s, `link.lost`, `protocol.violation`.
 */
export async function agentControl(link: Link, hello: Hello, world: World, signal: AbortSignal): Promise<AgentControl> {
  const silent = () => new TunnelError('gateway.silent', `the gateway said nothing within ${HELLO_MS} ms`);
  return await within(world.clock, HELLO_MS, silent, signal, async (starting) => {
    const stream = adopt(await link.openStream(starting));
    const control = controlOn(link, stream, agentCodec(versionOf(link)), world, signal);
    if (control.version === 1) return control;
    await control.send(hello);
    return { ...control, peer: await firstHello(link, control, starting) };
  });
}

/**
 * The gateway's end: accepts the control stream and, on version 2, exchanges Hello. Any further stream that the agent opens is reset; the first (version 2) or sixteenth (version 1) ends the link.
 * `signal` ends it. The caller closes the link after any error: `agent.silent` after 10 s, `link.lost`, `protocol.violation`.
 */
export async function gatewayControl(link: Link, hello: Hello, world: World, signal: AbortSignal): Promise<GatewayControl> {
  const silent = () => new TunnelError('agent.silent', `the agent said nothing within ${HELLO_MS} ms`);
  return await within(world.clock, HELLO_MS, silent, signal, async (starting) => {
    const stream = adopt(await link.acceptStream(starting));
    void refuseStreams(link, signal);
    const control = controlOn(link, stream, gatewayCodec(versionOf(link)), world, signal);
    if (control.version === 1) return control;
    const peer = await firstHello(link, control, starting);
    await control.send(hello);
    return { ...control, peer };
  });
}

function controlOn<Out extends ControlMessage, In extends ControlMessage>(
  link: Link,
  stream: LinkStream,
  codec: ControlCodec<Out, In>,
  { clock, log }: World,
  signal: AbortSignal,
): Control<Out, In> {
  const version = versionOf(link);
  const maxBytes = FRAME_BYTES[version].control;
  let lastSent = Promise.resolve();
  return {
    version,
    peer: undefined,
    send(message) {
      const sent = lastSent.then(async () => {
        const payload = codec.encode(message);
        if (payload !== undefined) await closingOnViolation(link, () => writeFrame(stream, payload, maxBytes, clock, signal));
      });
      lastSent = sent.catch(() => {}); // Whoever called gets the error; the next message meets its own.
      return sent;
    },
    messages: received(link, stream, codec, maxBytes, { clock, log }, signal),
  };
}

async function* received<In extends ControlMessage>(
  link: Link,
  stream: LinkStream,
  { decode }: Pick<ControlCodec<never, In>, 'decode'>,
  maxBytes: number,
  { clock, log }: Pick<World, 'clock' | 'log'>,
  signal: AbortSignal,
): AsyncGenerator<In, void> {
  for (;;) {
    const decoded = await closingOnViolation(link, async () => {
      const payload = await readFrame(stream, maxBytes, clock, signal);
      return payload === undefined ? undefined : decode(payload);
    });
    if (decoded === undefined) return await closeLink(link, 'ended', 'control stream ended');
    for (const warning of decoded.warnings) log.warn({ remote: link.remote }, warning);
    if (decoded.message !== undefined) yield decoded.message;
  }
}

async function closingOnViolation<Value>(link: Link, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TunnelError && error.code === 'protocol.violation') await closeForViolation(link, error);
    throw error;
  }
}

async function firstHello(link: Link, { messages }: { readonly messages: AsyncIterable<ControlMessage, void> }, signal: AbortSignal): Promise<Hello> {
  const { value } = await unlessAborted(messages[Symbol.asyncIterator]().next(), signal);
  if (value?.kind === 'hello') return value;
  const error = new TunnelError('protocol.violation', `the first message is no hello but ${value?.kind ?? 'the end of the stream'}`);
  await closeForViolation(link, error);
  throw error;
}

/** After the control stream every stream is the gateway's to open. Ends with the link or the signal. */
async function refuseStreams(link: Link, signal: AbortSignal): Promise<void> {
  try {
    for (let strays = versionOf(link) === 2 ? 1 : MOST_STRAYS_V1; strays > 0; strays -= 1) {
      const stream = adopt(await link.acceptStream(signal));
      stream.destroy(new StreamReset(RESET.unspecified));
    }
    await closeForViolation(link, new TunnelError('protocol.violation', 'the agent opened streams'));
  } catch {
    // The link is gone or given up: others wait on that and say so.
  }
}
