// Where schemathesis is: a virtual environment with test/attack/requirements-api.txt.
import { existsSync } from 'node:fs';
import { pathOf } from './programs.ts';

/** Beside the Python that TUNNEL_TEST_SCHEMATHESIS names, or in PATH. */
export const SCHEMATHESIS: string | undefined = process.env['TUNNEL_TEST_SCHEMATHESIS'] ?? pathOf('schemathesis');

/** For a test's `skip` option: false where it is there. */
export function lackingSchemathesis(): string | false {
  if (SCHEMATHESIS !== undefined && existsSync(SCHEMATHESIS)) return false;
  const missing = 'not installed: schemathesis (pip install -r test/attack/requirements-api.txt, TUNNEL_TEST_SCHEMATHESIS names the program)';
  if (process.env['TUNNEL_TEST_DEMANDS_PROGRAMS'] !== undefined) throw new Error(missing);
  return missing;
}
