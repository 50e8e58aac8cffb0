// The World of a running process: node's clock, sockets, files and a pino log.
import { randomBytes, randomUUID } from 'node:crypto';
import type { Clock, Log, Random, World } from '../base/world.ts';
import { realFiles } from './files.ts';
import { createLog, type LogLevel } from './log.ts';
import { realNet } from './net.ts';

export function realWorld(options: { log?: Log; level?: LogLevel } = {}): World {
  return { clock: realClock, random: realRandom, net: realNet, files: realFiles, log: options.log ?? createLog({ level: options.level ?? 'warn' }) };
}

const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const finish = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', finish);
        resolve();
      };
      const timer = setTimeout(finish, ms);
      signal?.addEventListener('abort', finish, { once: true });
    }),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    const cancel = () => clearTimeout(timer);
    return { cancel, [Symbol.dispose]: cancel };
  },
};

const realRandom: Random = {
  bytes: (count) => randomBytes(count),
  uuid: () => randomUUID(),
  fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};
