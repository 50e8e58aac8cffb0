// Gives one wait an end of its own beside the caller's signal, for everything that waits for a peer or for the system.
import type { TunnelError } from './errors.ts';
import type { Clock } from './world.ts';

/** Runs `work` under a signal that aborts with the caller's reason, or after `ms` with the error that `late` makes. */
export async function within<Value>(
  clock: Clock,
  ms: number,
  late: () => TunnelError,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  signal.throwIfAborted();
  const ending = new AbortController();
  const passOn = () => ending.abort(signal.reason);
  signal.addEventListener('abort', passOn, { once: true });
  using _timer = clock.after(ms, () => ending.abort(late()));
  try {
    return await work(ending.signal);
  } finally {
    signal.removeEventListener('abort', passOn);
  }
}

/** The promise, or the signal's reason, whichever is first; the promise goes on for others. */
export async function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  promise.catch(() => {}); // where the signal has aborted already nobody waits for it any more, and its failure must not end the process
  signal.throwIfAborted();
  let abort = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
