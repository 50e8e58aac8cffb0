// Programs that a machine may lack: a named skip on a developer's machine, a failure where they are demanded.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const PLACES = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];

/** For a test's `skip` option: false where all are there. */
export function lacking(...programs: string[]): string | false {
  const missing = programs.filter((program) => pathOf(program) === undefined);
  if (missing.length === 0) return false;
  const text = `not installed: ${missing.join(', ')}`;
  if (process.env['TUNNEL_TEST_DEMANDS_PROGRAMS'] !== undefined) throw new Error(text);
  return text;
}

export function pathOf(program: string): string | undefined {
  return PLACES.map((place) => join(place, program)).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
