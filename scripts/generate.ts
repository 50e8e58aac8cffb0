// `npm run generate`: the manifest, the man pages and the command snapshot, from the commands themselves, and the OpenAPI document, from the table of endpoints.
import { globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { generated } from './generated.ts';
import { readCommands, root } from './read-commands.ts';

const files = generated(await readCommands());
for (const page of globSync('man/*.1', { cwd: root })) rmSync(`${root}${page}`);
for (const [path, content] of files) {
  mkdirSync(dirname(`${root}${path}`), { recursive: true });
  writeFileSync(`${root}${path}`, content);
}
