// What lasts for all tests of a `describe`: it is cleaned up after the last of them.
import { after } from 'node:test';

/** A test, or more than one. */
export interface Lasting {
  after(cleanup: () => unknown): void;
}

/** To be called in the `describe`. */
export function wholeSuite(): Lasting {
  const cleanups: (() => unknown)[] = [];
  after(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });
  return { after: (cleanup) => void cleanups.push(cleanup) };
}
