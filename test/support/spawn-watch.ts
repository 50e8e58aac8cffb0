// Spawn watch: preloaded into our programs, this writes down the command line and the environment of every process that they start, however short it lives.
import { ChildProcess } from 'node:child_process';
import { appendFileSync } from 'node:fs';

const FILE = 'TUNNEL_SPAWN_WATCH';

/** Environment of the programs to watch; one line of JSON a process goes into `file`. */
export function spawnWatch(file: string): NodeJS.ProcessEnv {
  return { NODE_OPTIONS: `--import ${import.meta.url}`, [FILE]: file };
}

interface Spawned {
  readonly args?: readonly string[];
  readonly envPairs?: readonly string[];
}

const file = process.env[FILE];
if (file !== undefined) {
  // Not in the types: what spawn, fork and exec all come down to.
  const prototype = ChildProcess.prototype as unknown as { spawn(options: Spawned): unknown };
  const { spawn } = prototype;
  prototype.spawn = function (options) {
    appendFileSync(file, `${JSON.stringify({ by: process.argv.slice(2), args: options.args, environment: options.envPairs })}\n`);
    return spawn.call(this, options);
  };
}
