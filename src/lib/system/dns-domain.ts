// The DNS domain that this machine belongs to, for an agent that nobody told one (A6).
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { domainOf, parseHostName, parseHosts, parseKrb5Conf, parseResolvConf } from './domain-files.ts';
import { parseRegQuery } from './reg-query.ts';

/** What is asked of a machine. What is not there, or cannot be read or run, is ''. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly environment: { readonly [variable in 'USERDNSDOMAIN' | 'SystemRoot']?: string | undefined };
  readonly hostname: string;
  read(path: string): Promise<string>;
  run(file: string, args: readonly string[]): Promise<string>;
}

const TCPIP = 'HKLM\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters';
/** In this order: what is in force, what was set and waits for a restart, what DHCP gave. */
const TCPIP_VALUES = ['domain', 'nv domain', 'dhcpdomain'] as const;
const RUN_MS = 3000;

/**
 * Unix: resolv.conf, then the machine's own full name, then the Kerberos realm that it has joined. Windows: the domain of the login, which services do not have,
 * then that of the machine in its registry. Lower case, two labels or more; undefined where there is none.
 */
export async function findDnsDomain(machine: Machine = thisMachine()): Promise<string | undefined> {
  return machine.platform === 'win32' ? await onWindows(machine) : await onUnix(machine);
}

async function onUnix({ read, hostname }: Machine): Promise<string | undefined> {
  return (
    parseResolvConf(await read('/etc/resolv.conf')) ??
    parseHostName(hostname) ??
    parseHosts(await read('/etc/hosts'), hostname) ??
    parseKrb5Conf(await read('/etc/krb5.conf'))
  );
}

async function onWindows({ environment, run }: Machine): Promise<string | undefined> {
  const ofLogin = domainOf(environment.USERDNSDOMAIN ?? '');
  if (ofLogin !== undefined) return ofLogin;
  // By its path: the folder that an agent was started in may hold another reg.exe.
  const values = parseRegQuery(await run(`${environment.SystemRoot ?? 'C:\\Windows'}\\System32\\reg.exe`, ['query', TCPIP]));
  return TCPIP_VALUES.map((name) => domainOf(values.get(name) ?? '')).find((domain) => domain !== undefined);
}

function thisMachine(): Machine {
  return {
    platform: process.platform,
    environment: { USERDNSDOMAIN: process.env['USERDNSDOMAIN'], SystemRoot: process.env['SystemRoot'] },
    hostname: hostname(),
    // resolv.conf is a symbolic link on most systems, so links are followed.
    read: (path) => readFile(path, 'utf8').catch(() => ''),
    async run(file, args) {
      const { execa } = await import('execa');
      const { stdout } = await execa(file, args, { reject: false, timeout: RUN_MS, extendEnv: false, stdin: 'ignore' });
      return stdout ?? '';
    },
  };
}
