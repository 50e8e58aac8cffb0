// The wizard at an operator's machine: log in, then the first connection, as it fits the target's port.
import type { World } from '../../base/world.ts';
import { findCredentials } from '../../operator/credentials.ts';
import { parseSitedTarget } from '../../routing/sited-target.ts';
import type { Dialogue } from './dialogue.ts';
import { notEmpty } from './gateway.ts';

export async function firstConnect(dialogue: Dialogue, configDir: string, { clock, files }: World): Promise<void> {
  const login = await findCredentials(configDir, files);
  if (login !== undefined && Date.parse(login.expires_at) > clock.now())
    dialogue.say(`Logged in as ${login.operator} at ${login.gateway}, until ${login.expires_at}.`);
  else await dialogue.run(['login', '--token-file', await dialogue.ask('File with the login string', './operator.token', notEmpty)]);
  await dialogue.run(['agent', 'list']);
  const target = await dialogue.ask('Target, HOST:PORT', '10.0.0.5:22', (text) => parseSitedTarget(text));
  const { port } = parseSitedTarget(target);
  const host = target.slice(0, target.lastIndexOf(':'));
  const how = await dialogue.choose('How?', [
    ...(port === 22 ? [{ value: 'ssh', name: 'ssh' } as const] : []),
    ...(port === 3389 ? [{ value: 'rdp', name: 'a remote desktop' } as const] : []),
    { value: 'connect', name: 'a local port, until Ctrl-C' },
    { value: 'profile', name: 'a local port in the background, kept as a profile' },
  ]);
  if (how === 'ssh') return await dialogue.run(['ssh', host]);
  if (how === 'rdp') return await dialogue.run(['rdp', target]);
  if (how === 'connect') return await dialogue.run(['connect', target]);
  const name =
    host
      .toLowerCase()
      .replaceAll(/[^a-z0-9.-]/g, '')
      .slice(0, 40) || 'first';
  await dialogue.run(['profile', 'save', name, target, '--keep-alive', '--replace']);
  await dialogue.run(['up', name]);
}
