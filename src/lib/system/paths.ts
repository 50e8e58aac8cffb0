// Where state lives unless told otherwise: data of the gateway and the agent, settings of the operator.
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

const APP = 'tunnel';

/** For `--data-dir`: /var/lib/tunnel for root, the XDG state folder otherwise (XDG Base Directory 0.8). */
export function defaultDataDir(): string {
  if (process.platform === 'win32') return join(process.env['ProgramData'] ?? 'C:\\ProgramData', APP);
  if (process.geteuid?.() === 0) return `/var/lib/${APP}`;
  return join(xdg('XDG_STATE_HOME', '.local/state'), APP);
}

/** For `--config-dir`: the XDG configuration folder, of root too. */
export function defaultConfigDir(): string {
  if (process.platform === 'win32') return join(process.env['APPDATA'] ?? join(homedir(), 'AppData', 'Roaming'), APP);
  return join(xdg('XDG_CONFIG_HOME', '.config'), APP);
}

/** The specification: a relative path there is invalid and ignored. */
function xdg(variable: string, fallback: string): string {
  const given = process.env[variable];
  return given !== undefined && isAbsolute(given) ? given : join(homedir(), fallback);
}
