// Version 2 handshake of a channel's stream by tag and layout (docs/protocol.md, 4).
import type { ChannelAccept, ChannelOpen, ChannelRefuse } from './messages.ts';
import { REASON_BYTES } from './refusal.ts';
import { family, message, optional, required } from './v2-fields.ts';
import { channelKind, refusal, text, u32, uuid } from './v2-types.ts';

const TARGET_BYTES = 300;

const channelOpen = message<ChannelOpen>('channel-open', 0x20, {
  sessionId: required(1, uuid),
  channelId: required(2, uuid),
  channel: required(3, channelKind),
  target: required(4, text(TARGET_BYTES)),
});

const channelAccept = message<ChannelAccept>('channel-accept', 0x21, {
  address: required(1, text(TARGET_BYTES)),
  resolveUs: optional(5, u32), // 2 to 4 are kept for streams that survive and for sealing
  connectUs: optional(6, u32),
});

const channelRefuse = message<ChannelRefuse>('channel-refuse', 0x22, {
  code: required(1, refusal),
  reason: required(2, text(REASON_BYTES)),
  resolveUs: optional(3, u32),
  connectUs: optional(4, u32),
});

const requests = family<ChannelOpen>('channel request', { 'channel-open': channelOpen });
const responses = family<ChannelAccept | ChannelRefuse>('channel response', { 'channel-accept': channelAccept, 'channel-refuse': channelRefuse });

/** Errors `protocol.violation`, as everywhere in version 2. */
export const encodeV2ChannelOpen = requests.encode;
export const decodeV2ChannelOpen = requests.decode;
export const encodeV2ChannelResponse = responses.encode;
export const decodeV2ChannelResponse = responses.decode;
