#!/usr/bin/env node
// The entry point of the built program. Nothing newer than Node 14 in its syntax, so that an older Node can read as far as the message that it is too old.
import { existsSync, readFileSync } from 'node:fs';
import * as module from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const root = fileURLToPath(new URL('..', import.meta.url));
const OLDEST_NODE = 24;
/** `agent start`, `gateway start`: Node would keep in memory what it read of the compile cache, 2 and 5 to 10 MB, for 0.1 s at the start. */
const STAYS = process.argv[3] === 'start';

// Loading the program would make V8's young generation sixteen times as large as it needs to be afterwards: 15 MB of memory, and slower collections.
setFlagsFromString('--semi-space-growth-factor=1');
// Machine code for what runs while the program loads, and the compilers that make it: 10 to 15 MB. Whatever stays turns them on again: compileHotCode().
setFlagsFromString('--no-opt');
setFlagsFromString('--no-maglev');
setFlagsFromString('--no-sparkplug');

// A reader that has seen enough, as in `tunnel --help | head`, is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

function fail(message, hint) {
  process.stderr.write(`error: ${message}\n${hint}\n`);
  process.exitCode = 1;
}

/** Node's own choice is a folder in /tmp with a name that anyone can foresee, and compiled code from there would be run: so one in the user's home. */
function cacheFolder() {
  const { HOME, LOCALAPPDATA, XDG_CACHE_HOME } = process.env;
  const home = process.platform === 'win32' ? LOCALAPPDATA : XDG_CACHE_HOME || (HOME && join(HOME, '.cache'));
  return home ? join(home, 'tunnel', 'compile-cache') : undefined;
}

async function main() {
  if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
    return fail(
      `tunnel needs Node ${OLDEST_NODE} or newer, this is ${process.versions.node} (${process.execPath})`,
      'In a checkout, npm ci puts the right one into node_modules/.bin, where npm run and npx find it.',
    );
  }
  if (process.argv[2] === '--version') {
    const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
    process.stdout.write(`tunnel ${version}\n`);
    return;
  }
  if (!existsSync(`${root}/dist/commands`)) return fail('this checkout is not built', 'Run: npm run build');
  const cache = cacheFolder();
  if (cache !== undefined && !STAYS) module.enableCompileCache(cache);
  const { execute } = await import('@oclif/core/execute');
  await execute({ loadOptions: { root } });
}

// Not awaited: after EPIPE oclif waits for a drain that never comes, and node would call that an unsettled await.
main().catch((error) => {
  process.stderr.write(`error: ${error?.stack ?? error}\n`);
  process.exitCode = 1;
});
