// Profiles as they are shown: what each says and how it is.
import type { World } from '../../base/world.ts';
import { type Profile, profileText } from './profile.ts';
import { type ProfileStatus, statusOf } from './status.ts';
import { findProfile, listProfiles } from './stored.ts';

export interface ShownProfile extends ProfileStatus {
  /** As it stands in the configuration. */
  readonly profile: Profile;
  /** The same, as `tunnel connect` would take it. */
  readonly flags: string;
}

/** By name. Errors `config.invalid`, `file.loose-mode`. */
export async function showProfiles(configDir: string, { files }: Pick<World, 'files'>): Promise<ShownProfile[]> {
  const profiles = [...(await listProfiles(configDir, files))].sort(([a], [b]) => (a < b ? -1 : 1));
  return await Promise.all(profiles.map(async ([name, profile]) => await show(name, profile, configDir, { files })));
}

/** Errors `profile.unknown`, `config.invalid`, `file.loose-mode`. */
export async function showProfile(name: string, configDir: string, { files }: Pick<World, 'files'>): Promise<ShownProfile> {
  return await show(name, await findProfile(name, configDir, files), configDir, { files });
}

async function show(name: string, profile: Profile, configDir: string, { files }: Pick<World, 'files'>): Promise<ShownProfile> {
  return { ...(await statusOf(name, profile, configDir, files)), profile, flags: profileText(profile) };
}
