// What an edge says, judged before control believes it: an edge holds no secret of control and may be in a stranger's hands. Shapes and sizes; meaning is judged where it is used.
import { z } from 'zod';
import { type ErrorCode, isErrorCode, TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { RefusedPeer } from '../transport/link.ts';
import type { Advertisement, AttachRequest, ChannelEvent, ConnectRequest, ControlForEdge, PeerHello, PresentedLink, RenewalRequest } from './contract.ts';

/** Every key of `Shape`, the optional ones too, so that none is lost on the way. */
type FieldsOf<Shape> = { readonly [Key in keyof Shape]-?: z.ZodType<Shape[Key]> };

const Id = z.string().max(100);
const Text = z.string().max(LIMITS.httpHeaderBytes);
const Bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length <= LIMITS.controlFrameV1Bytes);
const Count = z.number().int().nonnegative();
const Address = z.object({ address: z.string().max(100), port: z.number().int().min(0).max(65_535) });
const Code = z.custom<ErrorCode>((value) => typeof value === 'string' && isErrorCode(value));

const Presented = z.object({
  certificate: Bytes,
  protocol: z.union([z.literal(1), z.literal(2)]),
  transport: z.enum(['quic', 'tls', 'memory']),
  remote: Address,
} satisfies FieldsOf<PresentedLink>);

const Refused = z.object({
  transport: Presented.shape.transport,
  remote: Address,
  reason: Text,
} satisfies FieldsOf<RefusedPeer>);

const Hello = z.object({
  software: Text,
  os: Text,
  arch: Text,
  hostname: Text,
  transportReason: Text.optional(),
  instance: Text.optional(),
} satisfies FieldsOf<PeerHello>);

const Advertised = z.object({
  epoch: z.bigint(),
  subnets: z.array(Text).max(LIMITS.routesPerAgent),
  names: z.array(z.object({ name: Text, autoDetected: z.boolean() })).max(LIMITS.routesPerAgent),
} satisfies FieldsOf<Advertisement>);

const Connect = z.object({
  sessionToken: Text,
  target: Text,
  remote: Address,
  connection: Id.optional(),
} satisfies FieldsOf<ConnectRequest>);

const Attach = z.object({ sessionToken: Text, connection: Id, active: z.boolean().optional() } satisfies FieldsOf<AttachRequest>);

const Renewal = z.object({ csrPem: z.string().max(LIMITS.controlFrameV1Bytes), newKey: z.boolean() } satisfies FieldsOf<RenewalRequest>);

const channel = { channelId: Id, sessionId: Id };
type Event<Kind> = Extract<ChannelEvent, { kind: Kind }>;
const Reported = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('opened'), ...channel, agent: Text, target: Text, address: Text.nullable() } satisfies FieldsOf<Event<'opened'>>),
  z.object({
    kind: z.literal('refused'),
    ...channel,
    agent: Text,
    target: Text,
    code: Code,
    reason: Text,
    last: z.boolean(),
  } satisfies FieldsOf<Event<'refused'>>),
  z.object({ kind: z.literal('active'), ...channel } satisfies FieldsOf<Event<'active'>>),
  z.object({ kind: z.literal('ended'), ...channel, bytesUp: Count, bytesDown: Count, reason: Text } satisfies FieldsOf<Event<'ended'>>),
]);

/** The arguments of each method. */
const ARGUMENTS = {
  admit: z.tuple([Presented]),
  refused: z.tuple([Refused]),
  introduce: z.tuple([Id, Hello]),
  advertise: z.tuple([Id, Advertised]),
  alive: z.tuple([Id]),
  unlink: z.tuple([Id, Text]),
  authorise: z.tuple([Connect]),
  attach: z.tuple([Attach]),
  detach: z.tuple([Id]),
  renew: z.tuple([Id, Renewal]),
  report: z.tuple([Reported]),
} satisfies { readonly [Method in keyof ControlForEdge]: z.ZodType<Parameters<ControlForEdge[Method]>> };

/** Calls `method` of control with arguments that were judged. Errors: control's, `protocol.violation`. */
export async function callControl(control: ControlForEdge, method: keyof ControlForEdge, args: readonly unknown[]): Promise<unknown> {
  const judged = ARGUMENTS[method].safeParse(args);
  if (!judged.success) throw new TunnelError('protocol.violation', `the edge called ${method} with what it does not take`, { cause: judged.error });
  const call = control[method] as (...args: readonly unknown[]) => Promise<unknown>;
  return await call.apply(control, judged.data);
}

const CallId = z.number().int().positive();
const Method = z.enum(Object.keys(ARGUMENTS) as (keyof ControlForEdge)[]);

/** A message of the edge's process (border/messages.ts); arguments are judged by `callControl`. */
export const FromEdgeMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('call'), id: CallId, method: Method, arguments: z.array(z.unknown()).max(4) }),
  z.object({ kind: z.literal('tell'), method: z.enum(['report', 'refused']), arguments: z.array(z.unknown()).max(4) }),
  z.object({ kind: z.literal('done'), id: CallId, value: z.unknown() }),
  z.object({ kind: z.literal('failed'), id: CallId, error: z.object({ code: Code, message: Text, hint: Text.optional() }) }),
  z.object({ kind: z.literal('beat'), rssBytes: Count, lateMs: z.number().nonnegative() }),
]);

/** What `start` answers. */
export const EdgePlacesAnswer = z.object({ udp: Address, proxy: Address.nullable() });
