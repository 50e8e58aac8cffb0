// A SOCKS proxy for local clients: each names its own target, which the agent resolves and the gateway's policy judges.
import { within } from '../../base/deadline.ts';
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Clock, TcpSocket } from '../../base/world.ts';
import { formatTarget, parseTarget } from '../../routing/target.ts';
import { readParsed } from '../../streams/read-parsed.ts';
import {
  greetingAnswer,
  parseGreeting,
  parseRequest4,
  parseRequest5,
  parseVersion,
  SOCKS_REQUEST_BYTES,
  type SocksRequest,
  type SocksVersion,
  socksAnswer,
} from '../../streams/socks5.ts';
import { carry, type Traffic } from './carry.ts';
import type { ConnectTarget, Serve } from './local.ts';

const ASKED_WITHIN_MS = LIMITS.partialFrameMs;
const CLIENT = { who: 'a SOCKS client', maxBytes: SOCKS_REQUEST_BYTES };

interface SocksOptions {
  readonly connect: ConnectTarget;
  readonly traffic: Traffic;
  /** Told of each request that was refused; the client is told by a code. */
  readonly onFailure: (error: unknown) => void;
  readonly clock: Clock;
}

export function socksProxy({ connect, traffic, onFailure, clock }: SocksOptions): Serve {
  const late = () => new TunnelError('request.malformed', `a SOCKS client asked for nothing within ${ASKED_WITHIN_MS / 1000} s`);
  return async (client, gone) => {
    let version: SocksVersion | undefined;
    let greeted = false;
    const asked = async (limit: AbortSignal): Promise<SocksRequest> => {
      version = await readParsed(client, parseVersion, CLIENT, limit);
      if (version === 5) await greet(client, limit);
      greeted = true;
      return await readParsed(client, version === 5 ? parseRequest5 : parseRequest4, CLIENT, limit);
    };
    try {
      const { target: written } = await within(clock, ASKED_WITHIN_MS, late, gone, asked);
      const target = formatTarget(parseTarget(written));
      const channel = await connect(target, gone);
      client.write(socksAnswer(version ?? 5));
      return await carry(client, channel, target, traffic);
    } catch (error) {
      if (gone.aborted || version === undefined || !(error instanceof TunnelError) || error.code === 'link.reset') throw error;
      onFailure(error);
      sayGoodbye(client, greeted ? socksAnswer(version, error.code) : greetingAnswer(false), clock);
    }
  };
}

/** Error `protocol.unsupported`. */
async function greet(client: TcpSocket, signal: AbortSignal): Promise<void> {
  const { withoutAuthentication } = await readParsed(client, parseGreeting, CLIENT, signal);
  if (withoutAuthentication) return void client.write(greetingAnswer(true));
  throw new TunnelError('protocol.unsupported', 'a SOCKS client insists on a user name', {
    hint: 'Set it to no authentication: the listener is for this machine alone.',
  });
}

/** A last word that arrives; whoever does not leave then is made to. */
function sayGoodbye(client: TcpSocket, word: Uint8Array, clock: Clock): void {
  client.resume().end(word);
  const patience = clock.after(LIMITS.clientHelloMs, () => client.destroy());
  client.once('close', () => patience.cancel());
}
