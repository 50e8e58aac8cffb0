// `npm run generate`: the manifest, the man pages, the command snapshot, the schemas, the pages of configuration files and the table of error codes, from the commands; the OpenAPI document, from the table of endpoints.
import { globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { generated } from './generated.ts';
import { readCommands, root } from './read-commands.ts';

const files = await generated(await readCommands());
for (const page of globSync(['man/*.[15]', 'docs/json/*.json'], { cwd: root })) rmSync(`${root}${page}`);
for (const [path, content] of files) {
  mkdirSync(dirname(`${root}${path}`), { recursive: true });
  writeFileSync(`${root}${path}`, content);
}
