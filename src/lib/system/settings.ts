// config.json in the operator's configuration folder: read and judged by us, written by `conf`. Keys that nobody here knows stay.
import { join } from 'node:path';
import { TunnelError } from '../base/errors.ts';
import type { Files } from '../base/world.ts';
import { PRIVATE_FILE } from './private.ts';

const NAME = 'config';

export type Settings = Readonly<Record<string, unknown>>;

export function settingsFile(configDir: string): string {
  return join(configDir, `${NAME}.json`);
}

/** For whoever changes them: held meanwhile. */
export function settingsLock(configDir: string): string {
  return join(configDir, `${NAME}.lock`);
}

/** Empty where there is no file. Errors `config.invalid`, `file.loose-mode`, `file.failed`. */
export async function readSettings(configDir: string, files: Files): Promise<Settings> {
  const path = settingsFile(configDir);
  const content = await files.readSecret(path);
  if (content === undefined) return {};
  const invalid = (why: string, cause?: unknown) => {
    return new TunnelError('config.invalid', `${path} ${why}`, { hint: 'Nothing was changed: correct it in an editor, or move it away.', cause });
  };
  let settings: unknown;
  try {
    settings = JSON.parse(Buffer.from(content).toString('utf8'));
  } catch (cause) {
    throw invalid('is no JSON', cause);
  }
  if (!isSettings(settings)) throw invalid('is no JSON object');
  return settings;
}

/** By whoever holds `settingsLock`. One key is replaced, or taken out with undefined, the others stay as they are. Errors as `readSettings`. */
export async function saveSetting(configDir: string, key: string, value: object | undefined, files: Files): Promise<void> {
  await readSettings(configDir, files); // `conf` would start empty where something else stands
  await files.judgePrivate(settingsFile(configDir));
  const { default: Conf } = await import('conf');
  const settings = new Conf<Record<string, unknown>>({
    projectName: 'tunnel',
    cwd: configDir,
    configName: NAME,
    configFileMode: PRIVATE_FILE,
    clearInvalidConfig: false,
    accessPropertiesByDotNotation: false,
  });
  if (value === undefined) settings.delete(key);
  else settings.set(key, value);
}

function isSettings(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
