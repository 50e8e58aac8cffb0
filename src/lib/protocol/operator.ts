// What an operator's client asks an edge for at the beginning of a stream, and the answer: one frame of JSON each way (docs/protocol.md, 10), then raw bytes.
import { z } from 'zod';
import { isErrorCode, TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';

const TOKEN_CHARACTERS = 8192;
const TARGET_CHARACTERS = 300;
const MESSAGE_CHARACTERS = 1000;

const Token = z.string().min(1).max(TOKEN_CHARACTERS);
const Text = z.string().transform((text) => escapeText(text.slice(0, MESSAGE_CHARACTERS)));

/** `connect`: a channel to this target. `attach`: the sessions of this token end with the connection. Unknown keys are a later version's. */
const OperatorRequest = z.union([
  z.object({ ask: z.literal('connect'), target: z.string().min(1).max(TARGET_CHARACTERS), token: Token }),
  z.object({ ask: z.literal('attach'), token: Token }),
]);
export type OperatorRequest = z.output<typeof OperatorRequest>;

const EdgeAnswer = z.union([
  z.object({ ok: z.literal(true), agent: Text.optional() }),
  z.object({ ok: z.literal(false), error: z.object({ code: z.string(), message: Text, hint: Text.optional() }) }),
]);

export function encodeRequest(request: OperatorRequest): Uint8Array {
  return Buffer.from(JSON.stringify(request));
}

/** Error `request.malformed`. */
export function decodeRequest(payload: Uint8Array): OperatorRequest {
  const parsed = OperatorRequest.safeParse(readJson(payload));
  if (parsed.success) return parsed.data;
  throw new TunnelError('request.malformed', 'what an operator asks is one of connect and attach, with a token', { cause: parsed.error });
}

/** `agent`: who carries the channel; undefined for an attach. */
export function encodeAnswer(agent: string | undefined): Uint8Array {
  return Buffer.from(JSON.stringify({ ok: true, ...(agent !== undefined && { agent }) }));
}

export function encodeRefusal({ code, message, hint }: TunnelError): Uint8Array {
  const bounded = (text: string) => text.slice(0, MESSAGE_CHARACTERS);
  return Buffer.from(JSON.stringify({ ok: false, error: { code, message: bounded(message), ...(hint !== undefined && { hint: bounded(hint) }) } }));
}

/** The agent's name, if one was said. Errors: the refusal as the edge had it, `gateway.unreachable` for a code of a later version; `protocol.violation`. */
export function decodeAnswer(payload: Uint8Array): { readonly agent: string | undefined } {
  const parsed = EdgeAnswer.safeParse(readJson(payload));
  if (!parsed.success) throw new TunnelError('protocol.violation', 'the gateway answered nonsense', { cause: parsed.error });
  if (parsed.data.ok) return { agent: parsed.data.agent };
  const { code, message, hint } = parsed.data.error;
  throw new TunnelError(isErrorCode(code) ? code : 'gateway.unreachable', message, { hint });
}

function readJson(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload).toString());
  } catch {
    return undefined;
  }
}
