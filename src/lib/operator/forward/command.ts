// Runs the program behind `--` with a forward's address filled in; the tunnel lives as long as the program.
import type { Clock } from '../../base/world.ts';
import { runProgram } from '../../system/run-program.ts';
import type { Forwards } from './start.ts';

/** What the program has sent before its end may still be on its way. */
const LAST_BYTES_MS = 1000;

export interface Address {
  readonly host: string;
  readonly port: string;
  /** Both, with brackets around IPv6. */
  readonly addr: string;
}

/** `{host}`, `{port}` and `{addr}` wherever they stand. */
export function fillIn(argument: string, address: Address): string {
  return argument.replace(/\{(host|port|addr)\}/g, (_whole, name: keyof Address) => address[name]);
}

/**
 * The program's exit code; 128 + signal where one ended it, as shells count. An abort, or the end of the right to connect, sends it SIGTERM.
 * `to stderr`: it reads nothing, and standard output is left alone. Error `usage` where it cannot be started.
 */
export async function runCommand(
  command: readonly string[],
  { ready, ended, traffic }: Pick<Forwards, 'ready' | 'ended' | 'traffic'>,
  clock: Clock,
  signal: AbortSignal,
  terminal: 'inherited' | 'to stderr' = 'inherited',
): Promise<number> {
  const address = addressOf(ready[0]?.listen ?? '');
  const [file = '', ...args] = command.map((argument) => fillIn(argument, address));
  const over = new AbortController();
  ended.catch((error: unknown) => over.abort(error));
  const env = { TUNNEL_HOST: address.host, TUNNEL_PORT: address.port, TUNNEL_ADDR: address.addr };
  const code = await runProgram(file, args, AbortSignal.any([signal, over.signal]), { env, terminal });
  if (over.signal.aborted) throw over.signal.reason;
  const enough = new AbortController();
  await Promise.race([traffic.quiet(), clock.sleep(LAST_BYTES_MS, enough.signal)]);
  enough.abort();
  return code;
}

/** Of a unix socket the path is `addr`; it has neither host nor port. */
export function addressOf(listen: string): Address {
  if (listen.startsWith('unix:')) return { host: '', port: '', addr: listen.slice('unix:'.length) };
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(listen) ?? [];
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port, addr: listen };
}
