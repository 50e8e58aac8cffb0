// What the flags of `connect` add up to: which local addresses lead to which targets.
import { TunnelError } from '../../base/errors.ts';
import { formatSitedTarget, parseSitedTarget } from '../../routing/sited-target.ts';
import { type ForwardSpec, parseForward, parseListen, parseLocalForward, parseProxy } from './spec.ts';

export interface Wanted {
  readonly targets: readonly string[];
  /** Values of -L. */
  readonly local: readonly string[];
  /** Values of -D. */
  readonly socks: readonly string[];
  /** Values of --http. */
  readonly http: readonly string[];
  readonly listen: string | undefined;
  readonly alternates: readonly string[];
  /** Of the targets that name none. */
  readonly site?: string | undefined;
  /** What there is one of only: --stdio has one target, a command one address to fill in. */
  readonly single: 'target' | 'forward' | undefined;
}

export interface Plan {
  /** Never empty. */
  readonly specs: readonly [ForwardSpec, ...ForwardSpec[]];
  readonly alternates: readonly string[];
}

/** Errors `usage`, `usage.missing-value`, `target.malformed`, `address.malformed`. */
export function planForwards({ targets, local, socks, http, listen, alternates, site: of, single }: Wanted): Plan {
  const site = of ?? null;
  const proxies = [...socks.map((at) => parseProxy('socks5', at)), ...http.map((at) => parseProxy('http', at))];
  const [first, ...more] = [...targets.map((text) => parseForward(text, site)), ...local.map((text) => parseLocalForward(text, site)), ...proxies];
  if (first === undefined) throw new TunnelError('usage.missing-value', 'no target', { hint: 'For example: tunnel connect 10.0.0.5:3389' });
  const needsTarget = single === 'target' || listen !== undefined || alternates.length > 0;
  if ((more.length > 0 && (single !== undefined || needsTarget)) || (needsTarget && first.protocol !== 'tcp')) {
    throw new TunnelError('usage', '--listen, --alternate, --stdio and -- COMMAND go with one target', { hint: 'Use LOCALPORT:HOST:PORT or -L for several.' });
  }
  return {
    specs: [listen === undefined ? first : { ...first, listen: parseListen(listen) }, ...more],
    alternates: alternates.map((text) => formatSitedTarget(parseSitedTarget(text, { field: '--alternate', site }))),
  };
}
