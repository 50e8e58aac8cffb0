// A profile in the operator's own editor: a draft that is judged when the editor has ended, and kept where it is wrong.
import { isDeepStrictEqual } from 'node:util';
import { TunnelError } from '../../base/errors.ts';
import type { World } from '../../base/world.ts';
import { type Profile, readProfile } from './profile.ts';
import { type Places, placesOf } from './status.ts';
import { findProfile, replaceProfile } from './stored.ts';

/** Lets a person change the file and resolves with the editor's exit code. */
export type Editor = (path: string) => Promise<number>;

/** False where nothing was changed. A draft that was wrong the last time is gone on with. Errors `profile.unknown`, `config.invalid`, `file.failed`, and those of the editor. */
export async function editProfile(name: string, editor: Editor, configDir: string, world: World, signal: AbortSignal): Promise<boolean> {
  const { files } = world;
  const before = await findProfile(name, configDir, files);
  const places = placesOf(name, configDir);
  await files.makePrivateDirectory(places.folder);
  if ((await files.readSecret(places.draft)) === undefined) await files.replaceAtomically(places.draft, `${JSON.stringify(before, null, 2)}\n`);
  const code = await editor(places.draft);
  if (code !== 0)
    throw new TunnelError('file.failed', `the editor ended with exit code ${code}; ${name} stays as it was`, { hint: `The draft: ${places.draft}` });
  const after = await readDraft(name, places, world);
  const changed = !isDeepStrictEqual(before, after);
  if (changed) await replaceProfile(name, after, configDir, world, signal);
  await files.remove(places.draft);
  return changed;
}

async function readDraft(name: string, { draft }: Places, { files }: World): Promise<Profile> {
  try {
    return readProfile(JSON.parse(Buffer.from((await files.readSecret(draft)) ?? []).toString('utf8')), name);
  } catch (cause) {
    if (cause instanceof TunnelError && cause.code === 'file.loose-mode') throw cause;
    const why = cause instanceof TunnelError ? cause.message : 'it is no JSON';
    throw new TunnelError('config.invalid', `${name} stays as it was: ${why}`, {
      hint: `What you wrote is kept; tunnel profile edit ${name} goes on with it.`,
      cause,
    });
  }
}
