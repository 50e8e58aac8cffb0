// Proves that an identity works before enrolment reports success (E13): one link, until the gateway has answered on it.
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { bringLink } from './bring-link.ts';
import { waysTo } from './dial-gateway.ts';
import type { Installed } from './installed.ts';
import { ServedLink } from './served-link.ts';
import { servingOf } from './serving.ts';

/** Errors: those of dialling and serving with what is stored and how to go on; an abort rejects with the signal's reason. */
export async function proveLink(
  installed: Installed,
  { dataDir, quicEndpoint }: { readonly dataDir: string; readonly quicEndpoint?: string | undefined },
  world: World,
  signal: AbortSignal,
): Promise<void> {
  const { config, identity } = installed;
  const over = new AbortController();
  const links: ServedLink[] = [];
  const serve = (link: ServedLink['link'], reason: string | null) => {
    const served = new ServedLink(link, reason, { ...servingOf(installed, reason), afterLoss: false }, () => {}, world, over.signal);
    links.push(served);
    return served;
  };
  const ways = waysTo(() => ({ endpoint: quicEndpoint ?? config.quic_endpoint, config, identity }), world);
  try {
    await bringLink({ choice: config.transport ?? 'auto', distrust: undefined }, ways, serve, world, signal);
  } catch (cause) {
    if (signal.aborted || !(cause instanceof TunnelError)) throw cause;
    throw new TunnelError(cause.code, `enrolled as ${config.name}, but no link to ${config.gateway} works: ${cause.message}`, {
      hint: `The identity is stored in ${dataDir}: the same command tries the link again, tunnel agent start --data-dir '${dataDir}' goes on trying.`,
      cause,
    });
  } finally {
    over.abort(new TunnelError('interrupted', 'the link was proved'));
    await Promise.all(links.map(({ ended }) => ended));
  }
}
