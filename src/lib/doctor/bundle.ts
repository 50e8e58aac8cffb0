// A report to be sent to whoever helps: what an examination found, and what it stood on. Built from what may be told, so that no secret needs to be taken out.
import { release } from 'node:os';
import { join } from 'node:path';
import { LIMITS } from '../base/limits.ts';
import { VERSION } from '../base/version.ts';
import type { ProxyEnvironment, World } from '../base/world.ts';
import type { Report, Wish } from './examine.ts';

/** Of agent.json and gateway.json: what says how they are set, and nothing that anybody could use. */
const TOLD = [
  'agent_id',
  'name',
  'gateway',
  'quic_endpoint',
  'identity',
  'ca_spki_sha256',
  'server_spki_sha256',
  'tls',
  'routes',
  'transport',
  'quic_return',
  'listen',
  'public_url',
  'public_udp',
  'proxy_listen',
  'agent_cert_lifetime',
  'server_cert_lifetime',
  'longest_session',
  'log_level',
] as const;
const PROXIES = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'] as const;
const LAST_LINES = 100;

/** One JSON file, mode 0600. Error `file.failed`. */
export async function writeBundle(path: string, report: Report, { dataDir, configDir }: Wish, { clock, files, net }: World): Promise<void> {
  const bundle = {
    made_at: new Date(clock.now()).toISOString(),
    tunnel: VERSION,
    machine: { node: process.version, platform: process.platform, architecture: process.arch, release: release() },
    folders: { data_dir: dataDir ?? null, config_dir: configDir },
    report,
    agent: dataDir === undefined ? null : await told(join(dataDir, 'agent.json'), files),
    gateway: dataDir === undefined ? null : await told(join(dataDir, 'gateway.json'), files),
    environment: environmentOf(net.environment),
    log:
      dataDir === undefined
        ? {}
        : { agent: await lastLines(join(dataDir, 'tunnel-agent.log'), files), gateway: await lastLines(join(dataDir, 'tunnel-gateway.log'), files) },
    limits: LIMITS,
  };
  await files.replaceAtomically(path, `${JSON.stringify(bundle, null, 2)}\n`);
}

/** Null where it cannot be read: the report says why. */
async function told(path: string, files: World['files']): Promise<Readonly<Record<string, unknown>> | null> {
  try {
    const content: unknown = JSON.parse(Buffer.from((await files.readSecret(path)) ?? 'null').toString());
    if (typeof content !== 'object' || content === null) return null;
    return Object.fromEntries(Object.entries(content).filter(([key]) => TOLD.some((name) => name === key)));
  } catch {
    return null;
  }
}

/** Where proxies stand, without who may use them; what is no address is only said to be set. */
function environmentOf(environment: ProxyEnvironment): Readonly<Record<string, string>> {
  const proxies = PROXIES.flatMap((name): [string, string][] => {
    const value = environment[name] ?? '';
    if (value === '') return [];
    const url = URL.canParse(value) ? new URL(value) : undefined;
    const plain = url !== undefined && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '' && url.hash === '';
    return [[name, plain ? url.origin : 'set']];
  });
  const exempt = environment.no_proxy || environment.NO_PROXY;
  return { ...Object.fromEntries(proxies), ...(exempt && { NO_PROXY: exempt }) };
}

/** Where a service writes its log itself (launchd); journald keeps the others. */
async function lastLines(path: string, files: World['files']): Promise<string[]> {
  const content = await files.read(path).catch(() => undefined);
  return content === undefined ? [] : Buffer.from(content).toString().trimEnd().split('\n').slice(-LAST_LINES);
}
