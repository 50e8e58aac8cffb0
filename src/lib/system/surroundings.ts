// What a service refuses to run in: settings of Node that print secrets, write them down or let others into the process. For the `start` commands.
import { TunnelError } from '../base/errors.ts';

/** Of NODE_OPTIONS and of Node's own command line. Code that is loaded before ours (`--import`) is the choice of whoever starts a service, and no weaker than the service itself. */
const HARMFUL: readonly (readonly [option: RegExp, why: string])[] = [
  [/^--inspect/, 'opens a debugger to every user of this machine'],
  [/^--tls-keylog/, 'writes down the keys of every connection'],
  [/^--trace-tls$/, 'prints what is encrypted'],
  [/^--tls-(min-v1\.[01]|cipher-list)/, 'allows encryption that is broken'],
  [/^--(insecure-http-parser|security-revert|openssl-legacy-provider)/, 'switches off a defence of Node'],
  [/^--(heapsnapshot|heap-prof|report-)/, 'writes memory or environment into a file'],
];
const PRINTING = ['NODE_DEBUG', 'NODE_DEBUG_NATIVE'] as const;

/** Error `environment.unsafe`, naming the setting. */
export function refuseUnsafe(environment: NodeJS.ProcessEnv, options: readonly string[]): void {
  for (const variable of PRINTING) {
    if (environment[variable]) throw unsafe(variable, 'prints what travels', `unset ${variable}`);
  }
  const given = (environment['NODE_OPTIONS'] ?? '').split(/[\s"']+/);
  for (const [option, why] of HARMFUL) {
    // Node takes underscores for hyphens in its options.
    const found = [...given, ...options].find((each) => option.test(each.replaceAll('_', '-')));
    if (found !== undefined) throw unsafe(found.replace(/=.*/s, ''), why, given.includes(found) ? 'Take it out of NODE_OPTIONS.' : 'Start without it.');
  }
}

/** Refuses what is unsafe, and takes SIGUSR1 from Node, which would open a debugger on it to every user of this machine. */
export function standGuard(): void {
  refuseUnsafe(process.env, process.execArgv);
  process.on('SIGUSR1', () => {});
}

function unsafe(setting: string, why: string, hint: string): TunnelError {
  return new TunnelError('environment.unsafe', `${setting} is set, which ${why}`, { hint });
}
