// Whether a new session could begin now: what `/readyz` says, and nothing that was not tried a moment ago.
import { TunnelError } from '../../base/errors.ts';
import { assertServing, type ControlContext } from './context.ts';

/** Written, so that a disk that is full or read-only shows. */
const PROBE = 'ready';
/** Anybody may ask; the disk is asked once in so long. */
const TRIED_FOR_MS = 1000;

/** Resolves or rejects with `gateway.unreachable` without a running gateway, `gateway.stopping`, `edge.away`, `store.busy`. */
export type Readiness = () => Promise<void>;

export function readinessOf(context: ControlContext): Readiness {
  const { audit, draining, store, world } = context;
  let tried: { readonly at: number; readonly outcome: Promise<void> } | undefined;
  const tryStore = async () => {
    try {
      await store.settings.set(PROBE, String(store.now()));
    } catch (cause) {
      world.log.warn({ error: cause }, 'the store does not take writes');
      throw new TunnelError('store.busy', 'the store does not take writes', { hint: 'The log of the gateway says why.', cause });
    }
  };
  return async () => {
    const { edgeStatus } = assertServing(context);
    draining.assertServing();
    if (edgeStatus().pid === null)
      throw new TunnelError('edge.away', 'the edge is being started again: nothing can be carried', { hint: 'Try again in a moment.' });
    audit.assertKeeping();
    const now = world.clock.monotonic();
    if (tried === undefined || now >= tried.at + TRIED_FOR_MS) tried = { at: now, outcome: tryStore() };
    await tried.outcome;
  };
}
