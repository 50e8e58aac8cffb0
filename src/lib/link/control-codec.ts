// What each end of a control stream may say and hears, by version; here stand the rules that version 1 leaves unsaid (reference.md, 4).
import { TunnelError } from '../base/errors.ts';
import type { AgentMessage, ControlMessage, Decoded, GatewayMessage } from '../protocol/messages.ts';
import { decodeV1FromAgent, decodeV1FromGateway, encodeV1Control } from '../protocol/v1-control.ts';
import { decodeV2FromAgent, decodeV2FromGateway, encodeV2Control } from '../protocol/v2-control.ts';
import type { Version } from './version.ts';

export interface ControlCodec<Out extends ControlMessage, In extends ControlMessage> {
  /** Undefined where the message must not be sent now. Errors: `internal` for what the version has no message for, `protocol.violation` for a value it cannot hold. */
  encode(message: Out): Uint8Array | undefined;
  decode(payload: Uint8Array): Decoded<In>;
}

export function agentCodec(version: Version): ControlCodec<AgentMessage, GatewayMessage> {
  if (version === 2) return { encode: encodeV2Control, decode: (payload) => ({ message: decodeV2FromGateway(payload), warnings: [] }) };
  return { encode: (message) => encodeForV1Gateway(message), decode: decodeV1FromGateway };
}

export function gatewayCodec(version: Version): ControlCodec<GatewayMessage, AgentMessage> {
  return version === 2 ? { encode: encodeV2Control, decode: (payload) => ({ message: decodeV2FromAgent(payload), warnings: [] }) } : towardsV1Agent();
}

/** IPv6 subnets have no place there and stay away. A stock gateway takes epoch 0 for the one it already has. */
function encodeForV1Gateway(message: AgentMessage): Uint8Array {
  switch (message.kind) {
    case 'route-advertise':
      if (message.epoch < 1n) throw new TunnelError('internal', 'epochs begin at 1');
      return encodeV1Control({ ...message, subnets: message.subnets.filter((subnet) => !subnet.includes(':')) });
    case 'heartbeat':
    case 'cert-renewal-request':
      return encodeV1Control(message);
    default:
      throw unsayable(message);
  }
}

/** After its CertRenewalRequest a stock agent takes the very next frame for the answer, so acknowledgements wait for nothing and are left out. A tag it does not know stops its reader for good. */
function towardsV1Agent(): ControlCodec<GatewayMessage, AgentMessage> {
  let renewing = false;
  return {
    encode(message) {
      switch (message.kind) {
        case 'heartbeat-ack':
          return renewing ? undefined : encodeV1Control(message);
        case 'cert-renewal-granted':
        case 'cert-renewal-refused':
          renewing = false;
          return encodeV1Control(message);
        default:
          throw unsayable(message);
      }
    },
    decode(payload) {
      const decoded = decodeV1FromAgent(payload);
      if (decoded.message?.kind === 'cert-renewal-request') renewing = true;
      return decoded;
    },
  };
}

function unsayable(message: ControlMessage): TunnelError {
  return new TunnelError('internal', `version 1 has no message for ${message.kind}`);
}
