// The wizard at an agent's machine: enrol, start. An agent that is enrolled goes straight to the start.
import { join, resolve } from 'node:path';
import type { World } from '../../base/world.ts';
import { type Dialogue, dataDirFlag, isRunning, startIt } from './dialogue.ts';
import { notEmpty } from './gateway.ts';

export async function setUpAgent(dialogue: Dialogue, usual: string, { files }: World): Promise<void> {
  // A gateway on this machine keeps its own folder.
  const taken = (await files.read(join(usual, 'ca-cert.pem'))) !== undefined;
  const dataDir = resolve(await dialogue.ask('Folder for its state', taken ? `${usual}-agent` : usual, notEmpty));
  const flags = dataDirFlag(dataDir, usual);
  if ((await files.read(join(dataDir, 'agent.json'))) === undefined) {
    const file = await dialogue.ask('File with the string from tunnel token mint', './agent1.token', notEmpty);
    await dialogue.run(['agent', 'enroll', ...flags, '--token-file', file]);
  } else if (await isRunning(join(dataDir, 'agent.lock'), files)) {
    return void (await dialogue.run(['agent', 'status', ...flags]));
  } else dialogue.say(`It is enrolled: ${join(dataDir, 'agent.json')}`);
  await startIt(dialogue, 'agent', flags);
}
