// Proves that an identity works before enrolment reports success (E13): one link, until the gateway has answered on it.
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { dialGateway } from './dial-gateway.ts';
import type { Installed } from './installed.ts';
import { serveLink } from './serve-link.ts';
import { servingOf } from './serving.ts';

/** Errors: those of dialling and serving with what is stored and how to go on; an abort rejects with the signal's reason. */
export async function proveLink(
  installed: Installed,
  { dataDir, quicEndpoint }: { readonly dataDir: string; readonly quicEndpoint?: string | undefined },
  world: World,
  signal: AbortSignal,
): Promise<void> {
  const { config, identity } = installed;
  const proved = new AbortController();
  const over = AbortSignal.any([signal, proved.signal]);
  try {
    await using link = await dialGateway({ endpoint: quicEndpoint ?? config.quic_endpoint, config, identity }, world, over);
    const outcome = await serveLink(link, { ...servingOf(installed), afterLoss: false, online: () => proved.abort() }, world, over);
    const reason = outcome.why === 'ended' ? outcome.end.reason : outcome.why;
    throw new TunnelError('link.lost', `the gateway ended the link before it answered: ${reason || 'without a reason'}`);
  } catch (cause) {
    if (proved.signal.aborted) return;
    if (signal.aborted || !(cause instanceof TunnelError)) throw cause;
    throw new TunnelError(cause.code, `enrolled as ${config.name}, but no link to ${config.gateway} works: ${cause.message}`, {
      hint: `The identity is stored in ${dataDir}. Try: tunnel agent start --data-dir '${dataDir}' --wait 30s`,
      cause,
    });
  }
}
