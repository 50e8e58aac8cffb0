// Puts a service where this system keeps its services, starts it, and takes it away again.
import { existsSync } from 'node:fs';
import { TunnelError } from '../../base/errors.ts';
import { realFiles } from '../files.ts';
import type { ServiceDefinition } from './definition.ts';
import { launchdLabel, launchdPlist } from './launchd.ts';
import { systemdUnit } from './systemd.ts';
import { windowsTask } from './windows.ts';

interface Step {
  readonly run: readonly [program: string, ...args: string[]];
  /** Its failure means nothing. */
  readonly mayFail?: true;
}

/** How one system does it. */
export interface ServiceManager {
  readonly file: string;
  readonly text: string;
  readonly encoding?: 'utf16le';
  /** After the file was written, with and without a start. */
  readonly enable: readonly Step[];
  readonly start: readonly Step[];
  /** Before the file goes, and after. */
  readonly stop: readonly Step[];
  readonly forget: readonly Step[];
  /** Where to look when it does not start. */
  readonly hint: string;
}

/** Pure: for the tests of every system on any. */
export function managerFor(platform: NodeJS.Platform, service: ServiceDefinition): ServiceManager | undefined {
  const { name } = service;
  if (platform === 'linux') {
    const unit = `${name}.service`;
    return {
      file: `/etc/systemd/system/${unit}`,
      text: systemdUnit(service),
      enable: [{ run: ['systemctl', 'daemon-reload'] }, { run: ['systemctl', 'enable', '--quiet', unit] }],
      start: [{ run: ['systemctl', 'restart', unit] }],
      stop: [{ run: ['systemctl', 'disable', '--quiet', '--now', unit], mayFail: true }],
      forget: [{ run: ['systemctl', 'daemon-reload'] }, { run: ['systemctl', 'reset-failed', '--quiet', unit], mayFail: true }],
      hint: `journalctl -u ${unit} says why.`,
    };
  }
  if (platform === 'darwin') {
    const file = `/Library/LaunchDaemons/${launchdLabel(name)}.plist`;
    return {
      file,
      text: launchdPlist(service),
      enable: [],
      start: [{ run: ['launchctl', 'bootstrap', 'system', file] }],
      stop: [{ run: ['launchctl', 'bootout', `system/${launchdLabel(name)}`], mayFail: true }],
      forget: [],
      hint: `${service.dataDir}/${name}.log says why.`,
    };
  }
  if (platform === 'win32') {
    const file = `${service.dataDir}\\${name}-task.xml`;
    return {
      file,
      text: windowsTask(service),
      encoding: 'utf16le',
      enable: [{ run: ['schtasks', '/Create', '/F', '/TN', name, '/XML', file] }],
      start: [{ run: ['schtasks', '/Run', '/TN', name] }],
      stop: [
        { run: ['schtasks', '/End', '/TN', name], mayFail: true },
        { run: ['schtasks', '/Delete', '/F', '/TN', name], mayFail: true },
      ],
      forget: [],
      hint: 'The history of the task in Task Scheduler says why.',
    };
  }
  return undefined;
}

export interface Installed {
  readonly name: string;
  readonly file: string;
  readonly started: boolean;
}

/** Written, enabled, and started unless told otherwise; with systemd, resolves when it is ready. Errors `service.failed`, `file.failed`. */
export async function installService(service: ServiceDefinition, { start }: { readonly start: boolean }, signal: AbortSignal): Promise<Installed> {
  const manager = assertManager(service);
  await realFiles.replaceAtomically(manager.file, Buffer.from(manager.text, manager.encoding ?? 'utf8'), 0o644);
  for (const step of [...manager.enable, ...(start ? manager.start : [])]) await runStep(step, manager, signal);
  return { name: service.name, file: manager.file, started: start };
}

/** Stopped, disabled, and its file removed; the data folder stays. Error `service.missing` where there is none. */
export async function uninstallService(service: ServiceDefinition, signal: AbortSignal): Promise<Omit<Installed, 'started'>> {
  const manager = assertManager(service);
  if ((await realFiles.read(manager.file)) === undefined) {
    throw new TunnelError('service.missing', `there is no service ${service.name}: ${manager.file} does not exist`);
  }
  for (const step of manager.stop) await runStep(step, manager, signal);
  await realFiles.remove(manager.file);
  for (const step of manager.forget) await runStep(step, manager, signal);
  return { name: service.name, file: manager.file };
}

function assertManager(service: ServiceDefinition): ServiceManager {
  const manager = managerFor(process.platform, service);
  if (manager === undefined || (process.platform === 'linux' && !existsSync('/run/systemd/system'))) {
    throw new TunnelError('service.failed', 'this machine does not run systemd', {
      hint: 'Start the command in the way that services are started here: it stays in the foreground.',
    });
  }
  if (process.geteuid !== undefined && process.geteuid() !== 0) {
    throw new TunnelError('service.failed', 'a service of this machine is installed by root', { hint: 'Run it with sudo.' });
  }
  return manager;
}

async function runStep({ run: [program, ...args], mayFail }: Step, { hint }: ServiceManager, signal: AbortSignal): Promise<void> {
  const { execa } = await import('execa');
  const { failed, stderr, shortMessage } = await execa(program, args, { reject: false, cancelSignal: signal, stdin: 'ignore' }).then((result) => ({
    failed: result.failed,
    stderr: String(result.stderr),
    shortMessage: result.failed ? (result.shortMessage ?? '') : '',
  }));
  signal.throwIfAborted();
  if (failed && mayFail !== true) {
    throw new TunnelError('service.failed', `${[program, ...args].join(' ')}: ${(stderr.trim() || shortMessage).split('\n')[0]?.slice(0, 200)}`, { hint });
  }
}
