// Proves that an identity works before enrolment reports success (E13): one link, until the gateway has answered on it.
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import type { Installed } from './installed.ts';
import { withLink } from './with-link.ts';

/** Errors: those of dialling and serving with what is stored and how to go on; an abort rejects with the signal's reason. */
export async function proveLink(
  installed: Installed,
  { dataDir, quicEndpoint }: { readonly dataDir: string; readonly quicEndpoint?: string | undefined },
  world: World,
  signal: AbortSignal,
): Promise<void> {
  const { config } = installed;
  try {
    await withLink(installed, { quicEndpoint }, world, signal, async () => {});
  } catch (cause) {
    if (signal.aborted || !(cause instanceof TunnelError)) throw cause;
    throw new TunnelError(cause.code, `enrolled as ${config.name}, but no link to ${config.gateway} works: ${cause.message}`, {
      hint: `The identity is stored in ${dataDir}: the same command tries the link again, tunnel agent start --data-dir '${dataDir}' goes on trying.`,
      cause,
    });
  }
}
