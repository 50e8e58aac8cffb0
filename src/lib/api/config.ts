// Settings and reloads as JSON: what a running gateway or agent answers about its configuration, and what `tunnel config`, `gateway reload` and `agent reload` print.
import { z } from 'zod';

const Value = z.union([z.string(), z.array(z.string()).readonly(), z.null()]);

const Settings = z.array(z.object({ setting: z.string(), value: Value, origin: z.enum(['flag', 'environment', 'file', 'default']) })).readonly();

export const ConfigAnswer = z.object({ settings: Settings });
export type ConfigAnswer = z.infer<typeof ConfigAnswer>;

/** What a configuration file and those before it come to. */
export const SettingsOfFile = z.object({
  file: z.string(),
  /** Whether a process that runs has said so; else it is what the next start would find. */
  running: z.boolean(),
  settings: Settings,
  /** Keys of the file that are no settings. */
  unknown: z.array(z.string()).readonly(),
});

export const ReloadAnswer = z.object({
  changes: z
    .array(
      z.object({
        setting: z.string(),
        before: Value,
        after: Value,
        /** `restart`: it waits for the next start. `overridden`: a flag or a variable of the running process goes before the file. */
        effect: z.enum(['now', 'restart', 'overridden']),
      }),
    )
    .readonly(),
});
export type ReloadAnswer = z.infer<typeof ReloadAnswer>;
