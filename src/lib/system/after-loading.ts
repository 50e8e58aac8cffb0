// What a process that stays does once its program is loaded: gives back what loading took, and has V8 compile from here on. Figures in docs/performance.md.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Looks through the whole heap as V8 does when memory runs out: what loading left goes, compiled code that ran once with it, and pages go back to the system.
 * 3 MB in an agent, 5 in a gateway. Nothing else runs for some 90 ms, so before anybody is told that we serve.
 */
export function collectLoading(): void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc'); // a context that is made now has it
  if (typeof collect === 'function') collect({ type: 'major', flavor: 'last-resort' });
}

/** Machine code for what runs often. bin/run.js and startChild begin without: what runs while a program loads does not run again. */
export function compileHotCode(): void {
  setFlagsFromString('--sparkplug');
  setFlagsFromString('--maglev');
  setFlagsFromString('--opt');
}
