// Which process of a gateway terminates links: its edge's, or the gateway's own where it has none.
import type { Chain } from './chain.ts';
import { succeed } from './cli.ts';

export async function edgePid({ gateway, gatewayFolder }: Pick<Chain, 'gateway' | 'gatewayFolder'>): Promise<number> {
  const status = (await succeed(['gateway', 'status', '--data-dir', gatewayFolder, '--json'])).json();
  const edge = status['edge'];
  if (typeof edge === 'object' && edge !== null && 'pid' in edge && typeof edge.pid === 'number') return edge.pid;
  if (gateway.child.pid === undefined) throw new Error('the gateway does not run');
  return gateway.child.pid;
}
