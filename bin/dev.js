#!/usr/bin/env node
// The program from its sources, without a build: Node runs TypeScript as it is.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execute } from '@oclif/core/execute';
import { settings } from '@oclif/core/settings';

settings.enableAutoTranspile = false; // or oclif would look for ts-node, and silently run dist without it

const root = fileURLToPath(new URL('..', import.meta.url));
const pjson = JSON.parse(
  readFileSync(`${root}/package.json`, 'utf8')
    .replaceAll('./dist/', './src/')
    .replace(/(not-found|help)\.js/g, '$1.ts'),
);
await execute({ loadOptions: { root, pjson, ignoreManifest: true } });
