// Preloaded into a process whose memory is to be judged: what still grows while garbage is collected every second is held.
import { isMainThread } from 'node:worker_threads';

const EVERY_MS = 1000;

/** The environment of such a process. */
export const COLLECTS_GARBAGE: NodeJS.ProcessEnv = { NODE_OPTIONS: `--expose-gc --import ${import.meta.url}` };

if (isMainThread && process.env['NODE_OPTIONS']?.includes(import.meta.url)) setInterval(() => globalThis.gc?.(), EVERY_MS).unref();
