// How a command that keeps running comes to its end.
import { once } from 'node:events';
import type { Running } from './cli.ts';

/** The code that it ends with, as event and as exit code, and how long that took from now. */
export async function ending(running: Running): Promise<{ code: string; exit: number; tookMs: number }> {
  const began = performance.now();
  const exited = once(running.child, 'exit');
  let code = '';
  for (;;) {
    const error = await running.event('nothing').catch((thrown: Error) => thrown);
    if (!(error instanceof Error) || error.message.includes('ended without')) break;
    code = /"code":"([^"]*)"/.exec(error.message)?.[1] ?? code;
  }
  const [exit] = (await exited) as [number];
  return { code, exit, tookMs: performance.now() - began };
}
