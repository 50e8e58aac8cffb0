// Opens a session and the first connection for it. What `connect` stands on, for ports, proxies and --stdio.
import type { World } from '../base/world.ts';
import { tuneHeapForBytes } from '../system/heap-for-bytes.ts';
import { connectEdge } from './edge-connection.ts';
import { HealingLease } from './healing-lease.ts';
import type { DialEdge, Lease, LeaseOptions } from './lease.ts';
import { OperatorSession } from './session.ts';
import { tryFor } from './try-for.ts';

/** Resolves when the first channel can be opened. Errors of the API and of `dialEdge`. */
export async function startLease(options: LeaseOptions, world: World, signal: AbortSignal, dial: DialEdge = dialGranted(world)): Promise<Lease> {
  const { api, request, waitMs } = options;
  tuneHeapForBytes();
  const session = await tryFor(waitMs, () => OperatorSession.open(api, request, world, signal), world.clock, signal);
  const lease = new HealingLease(session, options, world, dial);
  try {
    await tryFor(waitMs, () => lease.begin(signal), world.clock, signal);
  } catch (error) {
    await lease[Symbol.asyncDispose]();
    throw error;
  }
  lease.run();
  return lease;
}

function dialGranted(world: World): DialEdge {
  return ({ connect, ca_pem }, signal) => connectEdge(connect, ca_pem, world, signal);
}
