// What the flags of `connect` add up to: which local addresses lead to which targets.
import { TunnelError } from '../../base/errors.ts';
import { formatTarget, parseTarget } from '../../routing/target.ts';
import { type ForwardSpec, parseForward, parseListen, parseLocalForward } from './spec.ts';

export interface Wanted {
  readonly targets: readonly string[];
  /** Values of -L. */
  readonly local: readonly string[];
  readonly listen: string | undefined;
  readonly alternates: readonly string[];
  /** There can be one target only: --stdio, or a command with one address to fill in. */
  readonly single: boolean;
}

export interface Plan {
  /** Never empty. */
  readonly specs: readonly [ForwardSpec, ...ForwardSpec[]];
  readonly alternates: readonly string[];
}

/** Errors `usage`, `usage.missing-value`, `target.malformed`, `address.malformed`. */
export function planForwards({ targets, local, listen, alternates, single }: Wanted): Plan {
  const [first, ...more] = [...targets.map(parseForward), ...local.map(parseLocalForward)];
  if (first === undefined) throw new TunnelError('usage.missing-value', 'no target', { hint: 'For example: tunnel connect 10.0.0.5:3389' });
  if (more.length > 0 && (single || listen !== undefined || alternates.length > 0)) {
    throw new TunnelError('usage', '--listen, --alternate, --stdio and -- COMMAND go with one target', { hint: 'Use LOCALPORT:HOST:PORT or -L for several.' });
  }
  return {
    specs: [listen === undefined ? first : { ...first, listen: parseListen(listen) }, ...more],
    alternates: alternates.map((text) => formatTarget(parseTarget(text, '--alternate'))),
  };
}
