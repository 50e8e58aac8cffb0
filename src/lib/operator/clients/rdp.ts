// A remote desktop through the tunnel: which client there is, what it is told, and where it finds each target.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { TunnelError } from '../../base/errors.ts';
import { escapeText } from '../../base/escape.ts';
import type { World } from '../../base/world.ts';
import { formatSitedTarget, parseSitedTarget } from '../../routing/sited-target.ts';
import { findProgram } from '../../system/run-program.ts';
import { type Connected, type ConnectOptions, connectPorts } from '../connect.ts';
import { addressOf } from '../forward/command.ts';
import type { Listen } from '../forward/spec.ts';

const RDP_PORT = 3389;

/** Program and arguments; `{file}` is the .rdp file. */
type Client = readonly string[];

/** `HOST` or `HOST:PORT`, an IPv6 address in brackets where a port follows. Canonical. Error `target.malformed`. */
export function rdpTarget(text: string, site: string | undefined): string {
  const [, host = text, at = ''] = /^(.*?)(@[^@]*)?$/.exec(text) ?? [];
  const bare = /^[^[\]]*:[^[\]]*:/.test(host); // an IPv6 address without brackets has no port
  const whole = bare ? `[${host}]:${RDP_PORT}` : /\]$|^[^:]*$/.test(host) ? `${host}:${RDP_PORT}` : host;
  return formatSitedTarget(parseSitedTarget(whole + at, { site: site ?? null }));
}

/** Error `program.missing`, which says what to do without one. */
export function findClient(target: string): Client {
  if (process.platform === 'darwin') return ['open', '-W', '{file}']; // Windows App, or whatever opens .rdp files
  const names = process.platform === 'win32' ? ['mstsc'] : ['xfreerdp3', 'xfreerdp'];
  const found = findProgram(...names);
  if (found !== undefined) return [found, '{file}'];
  throw new TunnelError('program.missing', `no RDP client found; looked for ${names.join(' and ')} in PATH`, {
    hint: `Run tunnel connect ${target}, and open the address that it prints with your RDP client.`,
  });
}

/**
 * Each target has a loopback address of its own, the same at each start: clients remember certificates by address. Where it cannot be had (macOS has one
 * loopback address, or it is open already), the system chooses a port. Errors of `connectPorts`.
 */
export async function connectDesktop(
  options: Omit<ConnectOptions, 'specs' | 'alternates'>,
  target: string,
  world: World,
  signal: AbortSignal,
): Promise<Connected> {
  const at = (listen: Listen) => connectPorts({ ...options, alternates: [], specs: [{ listen, protocol: 'tcp', target }] }, world, signal);
  try {
    return await at({ address: ownAddress(target), port: RDP_PORT });
  } catch (error) {
    if (!(error instanceof TunnelError) || (error.code !== 'port.in-use' && error.code !== 'address.not-here')) throw error;
    return await at({ address: '127.0.0.1', port: 0 });
  }
}

/** In 127.64.0.0/10, away from what others use. */
export function ownAddress(target: string): string {
  const [a = 0, b = 0, c = 0] = createHash('sha256').update(target).digest();
  return `127.${64 + (a % 64)}.${b}.${1 + (c % 254)}`;
}

/** The one-session file, mode 0600, gone when disposed. Error `usage` for a user with a control character. */
export async function writeRdpFile(
  listen: string,
  user: string | undefined,
  configDir: string,
  { files, random }: Pick<World, 'files' | 'random'>,
): Promise<{ readonly path: string } & AsyncDisposable> {
  const text = rdpText(listen, user);
  await files.makePrivateDirectory(configDir);
  const path = join(configDir, `session-${random.uuid()}.rdp`);
  await files.replaceAtomically(path, text);
  return { path, [Symbol.asyncDispose]: () => files.remove(path) };
}

/** Lines of `name:type:value`, as mstsc writes and FreeRDP reads them; UTF-16 only where it must be. */
export function rdpText(listen: string, user: string | undefined): Uint8Array {
  if (user !== undefined && /\p{Cc}/u.test(user)) throw new TunnelError('usage', `not a user name: "${escapeText(user.slice(0, 80))}"`);
  const { addr } = addressOf(listen);
  const lines = [
    `full address:s:${addr}`,
    ...(user === undefined ? [] : [`username:s:${user}`]),
    'prompt for credentials:i:1',
    'authentication level:i:2',
    'autoreconnection enabled:i:1',
  ];
  const text = `${lines.join('\r\n')}\r\n`;
  return /^\p{ASCII}*$/u.test(text) ? Buffer.from(text) : Buffer.from(`\ufeff${text}`, 'utf16le');
}
