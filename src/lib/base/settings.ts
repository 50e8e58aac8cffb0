// Which value a setting has, and whether a flag, its variable, the file or the default gave it; and what another file would change. Pure.

export type SettingValue = string | null | readonly string[];

export type Origin = 'flag' | 'environment' | 'file' | 'default';

/** By their names in the file, each with its default. */
export type Defaults = Readonly<Record<string, SettingValue>>;
/** What flags and their variables say, by the same names. */
export type Given = Readonly<Record<string, { readonly value: SettingValue; readonly by: 'flag' | 'environment' }>>;
/** As it was read; what is missing or null is not set. */
export type FileValues = Readonly<Record<string, unknown>>;

export interface Setting {
  readonly setting: string;
  readonly value: SettingValue;
  readonly origin: Origin;
}

export interface SettingChange {
  readonly setting: string;
  readonly before: SettingValue;
  readonly after: SettingValue;
  /** `overridden`: a flag or a variable says otherwise for as long as this process runs. */
  readonly effect: 'now' | 'restart' | 'overridden';
}

/** What a configuration file and those before it come to. */
export interface FileSettings {
  readonly file: string;
  /** Whether a process that runs has said so; else it is what the next start would find. */
  readonly running: boolean;
  readonly settings: readonly Setting[];
  /** Keys of the file that are no settings. */
  readonly unknown: readonly string[];
}

/** `names`: the setting of each flag. `byVariable`: the settings whose flag came from its variable. */
export function givenFlags<Flag extends string>(
  names: Readonly<Record<Flag, string>>,
  flags: { readonly [flag in Flag]?: Exclude<SettingValue, null> | undefined },
  byVariable: ReadonlySet<string>,
): Given {
  const entries = Object.entries<string>(names).flatMap(([flag, setting]) => {
    const value = flags[flag as Flag];
    return value === undefined ? [] : [[setting, { value, by: byVariable.has(setting) ? 'environment' : 'flag' }] as const];
  });
  return Object.fromEntries(entries);
}

/** Flag before variable before file before default, one for each of `defaults`. */
export function settle(defaults: Defaults, given: Given, file: FileValues): Setting[] {
  return Object.entries(defaults).map(([setting, fallback]) => {
    const said = given[setting];
    if (said !== undefined) return { setting, value: said.value, origin: said.by };
    const stored = asValue(file[setting]);
    return stored === undefined ? { setting, value: fallback, origin: 'default' } : { setting, value: stored, origin: 'file' };
  });
}

/** What differs between two files, and what comes of it in a process that takes those of `live` while it runs. */
export function changesBetween(
  defaults: Defaults,
  given: Given,
  files: { readonly before: FileValues; readonly after: FileValues },
  live: ReadonlySet<string>,
): SettingChange[] {
  return Object.entries(defaults).flatMap(([setting, fallback]) => {
    const [before, after] = [asValue(files.before[setting]) ?? fallback, asValue(files.after[setting]) ?? fallback];
    if (JSON.stringify(before) === JSON.stringify(after)) return [];
    const effect = given[setting] !== undefined ? 'overridden' : live.has(setting) ? 'now' : 'restart';
    return [{ setting, before, after, effect }];
  });
}

function asValue(stored: unknown): SettingValue | undefined {
  if (stored === undefined || stored === null) return undefined;
  if (!Array.isArray(stored)) return String(stored);
  return stored.length === 0 ? undefined : stored.map(String); // nothing in a list is a list that nobody wrote
}
