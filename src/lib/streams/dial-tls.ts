// TLS from here to the gateway, for its API and for its edge: reached (streams/reach.ts), trusted, and with failures that name the way.
import type { TLSSocket } from 'node:tls';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import type { Place } from './proxy-rule.ts';
import { type Reach, reach, via } from './reach.ts';
import { shakeHands, type TlsOptions, whyOf } from './tls-handshake.ts';

export interface CalledPlace extends Place {
  /** What people call it, a URL or host:port. */
  readonly called: string;
}

/** Errors: those of `reach`; `certificate.refused`; `gateway.unreachable`, with the failure of the handshake as its cause. */
export async function dialTls(to: CalledPlace, options: TlsOptions, world: Reach, signal: AbortSignal): Promise<TLSSocket> {
  const raw = await reach(to, world, signal);
  try {
    return await shakeHands(raw, to.host, options, signal);
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw handshakeFailure(to.called, via(to, world), cause);
  }
}

/** For those who may not import streams/: the clock, and how TLS is dialled. */
export function wayOut(
  world: Reach,
): Pick<World, 'clock'> & { readonly dialTls: (to: CalledPlace, options: TlsOptions, signal: AbortSignal) => Promise<TLSSocket> } {
  return { clock: world.clock, dialTls: (to, options, signal) => dialTls(to, options, world, signal) };
}

function handshakeFailure(called: string, through: string, cause: unknown): TunnelError {
  const why = whyOf(cause);
  if (cause instanceof TunnelError && cause.code === 'certificate.refused') {
    const own =
      'Use the address that the gateway was started with (--public-url), and check the clocks of both machines. If its CA was replaced, ask for a new string.';
    const hint = through === '' ? own : `Does the proxy open TLS? It must pass this address on unopened. ${own}`;
    return new TunnelError(cause.code, `the certificate of the gateway ${called}${through} is not trusted: ${why}`, { hint, cause });
  }
  return new TunnelError('gateway.unreachable', `cannot reach the gateway ${called}${through}: ${why}`, {
    hint: `Is it running, and can this machine reach it?`,
    cause,
  });
}
