// The wizard at a gateway: CA, address, the first strings, start. What is there already is not asked again.
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { parseName } from '../../base/ids.ts';
import type { World } from '../../base/world.ts';
import { parsePublicUrl } from '../../gateway/addresses.ts';
import { readConfig } from '../../gateway/config-file.ts';
import { dataFolder } from '../../gateway/data-folder.ts';
import { parseRoute } from '../../routing/route.ts';
import { type Dialogue, dataDirFlag, isRunning, startIt } from './dialogue.ts';

const PORT = 8443;

export async function setUpGateway(dialogue: Dialogue, usual: string, world: World): Promise<void> {
  const { files, net } = world;
  const dataDir = resolve(await dialogue.ask('Folder for its state', usual, notEmpty));
  const flags = dataDirFlag(dataDir, usual);
  const folder = dataFolder(dataDir);
  if ((await files.read(folder.caCertificate)) === undefined) await dialogue.run(['ca', 'init', ...flags]);
  else dialogue.say(`The CA is there: ${folder.caCertificate}`);

  const stored = await readConfig(folder.config, files);
  const running = stored !== undefined && (await isRunning(folder.lock, files));
  const address = stored === undefined ? await askAddress(dialogue, net.interfaces()) : [];
  const publicUrl = stored === undefined ? ['--public-url', address[1] ?? ''] : [];
  if (stored !== undefined) dialogue.say(`It serves ${stored.public_url}${running ? ', and runs' : ''}.`);

  if (await dialogue.confirm('Add an agent, a machine in the private network?', stored === undefined)) {
    const name = await dialogue.ask('Name of the agent', 'agent1', (text) => parseName(text));
    const routes = await dialogue.ask('What it may reach: networks and names, with commas', '10.0.0.0/24', (text) =>
      text.split(',').map((route) => parseRoute(route.trim())),
    );
    await mint(dialogue, [...flags, ...publicUrl], 'agent', name, ['--routes', routes.replaceAll(' ', '')]);
  }
  if (await dialogue.confirm('Add an operator, somebody who connects?', stored === undefined)) {
    const name = await dialogue.ask('Name of the operator', process.env['USER']?.toLowerCase() ?? 'operator', (text) => parseName(text));
    await mint(dialogue, [...flags, ...publicUrl], 'operator', name, []);
  }
  if (!running) await startIt(dialogue, 'gateway', [...flags, ...(stored === undefined ? ['--listen', listenFor(address[1] ?? ''), ...address] : [])]);
}

async function mint(dialogue: Dialogue, flags: readonly string[], kind: 'agent' | 'operator', name: string, more: readonly string[]): Promise<void> {
  const out = join('.', `${name}.token`);
  await dialogue.run(['token', 'mint', ...flags, '--kind', kind, '--name', name, ...more, '--expires', '1h', '--out', out]);
  dialogue.say(`Bring ${out} to that machine within an hour, and run tunnel wizard there.`);
}

/** Everywhere, unless this machine alone is to reach it. */
function listenFor(publicUrl: string): string {
  const { hostname: host, port } = new URL(publicUrl);
  return `${/^(127\.|\[::1\]$)/.test(host) ? host : '0.0.0.0'}:${port || 443}`;
}

/** `--public-url` and its value. */
async function askAddress(dialogue: Dialogue, interfaces: readonly { readonly address: string }[]): Promise<string[]> {
  const hosts = [...interfaces.map(({ address }) => address).filter((address) => !/^(fe80|169\.254)/i.test(address)), hostname().toLowerCase()];
  const own = 'another';
  const choices = [...new Set(hosts)].map((host) => {
    const url = `https://${host.includes(':') ? `[${host}]` : host}:${PORT}`;
    return { value: url, name: url };
  });
  const chosen = await dialogue.choose('Where do agents and operators reach it?', [...choices, { value: own, name: 'another name, address or port' }]);
  const url = chosen === own ? await dialogue.ask('Its URL', `https://gw.example:${PORT}`, (text) => parsePublicUrl(text, 'URL')) : chosen;
  return ['--public-url', url];
}

export function notEmpty(text: string): void {
  if (text.trim() === '') throw new Error('It has a name.');
}
