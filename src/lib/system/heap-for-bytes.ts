// Tells V8 that this process carries bytes: what matters to its heap is then what passes by, not what stays.
import { setFlagsFromString } from 'node:v8';
import { compileHotCode } from './after-loading.ts';

/** How much garbage there may be for each live byte of the heap, in percent, before V8 looks through all of it: at 12 MB that live, 30 MB. */
const GARBAGE_PERCENT = 250;

/**
 * For an edge, an agent and `connect`, before the first byte. Buffers are garbage outside the heap that V8 counts as if they were in it, so a heap of our size was
 * marked whole for every 16 MB that passed, which took half of all CPU; and a young generation as small as ours is collected faster by one thread than by
 * several that have to be woken. Figures in docs/performance.md. The whole process: there is one heap.
 */
export function tuneHeapForBytes(): void {
  compileHotCode();
  setFlagsFromString(`--heap-growing-percent=${GARBAGE_PERCENT}`);
  setFlagsFromString('--no-parallel-scavenge');
}
