// Preloaded into `tunnel connect` by startup.ts: when it began, when it made each connection of its own, when it said that it is ready. Wall-clock ms, on standard error.
import { subscribe } from 'node:diagnostics_channel';

const mark = (what: string) => process.stderr.write(`mark ${what} ${performance.timeOrigin + performance.now()}\n`);
process.stderr.write(`mark began ${performance.timeOrigin}\n`);
mark('loading');
subscribe('net.client.socket', () => mark('socket'));
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = ((...args: Parameters<typeof write>) => {
  if (String(args[0]).includes('"ready"')) mark('ready');
  return write(...args);
}) as typeof process.stdout.write;
