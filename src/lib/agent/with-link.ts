// One link for one purpose, for commands that run without an agent: made as an agent makes it, closed as one that stops.
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { bringLink } from './bring-link.ts';
import { waysTo } from './dial-gateway.ts';
import type { Installed } from './installed.ts';
import { silentLedger } from './ledger.ts';
import { ServedLink } from './served-link.ts';
import { servingOf } from './serving.ts';

/** `work` gets a link on which the gateway has answered. Errors: those of dialling and serving, and of `work`; an abort rejects with the signal's reason. */
export async function withLink(
  installed: Installed,
  { quicEndpoint }: { readonly quicEndpoint?: string | undefined },
  world: World,
  signal: AbortSignal,
  work: (link: ServedLink) => Promise<void>,
): Promise<void> {
  const { config, inForce } = installed;
  const over = new AbortController();
  const links: ServedLink[] = [];
  const serve = (link: ServedLink['link'], reason: string | null) => {
    const served = new ServedLink(link, reason, { ...servingOf(installed, inForce, reason, silentLedger()), afterLoss: false }, () => {}, world, over.signal);
    links.push(served);
    return served;
  };
  const ways = waysTo(() => ({ endpoint: quicEndpoint ?? config.quic_endpoint, config, identity: inForce.identity }), world);
  try {
    await work(await bringLink({ choice: config.transport ?? 'auto', distrust: undefined }, ways, serve, world, signal));
  } finally {
    over.abort(new TunnelError('interrupted', 'the link has served its purpose'));
    await Promise.all(links.map(({ ended }) => ended));
  }
}
