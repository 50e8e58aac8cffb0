// A session for plain HTTPS-proxy clients: the token, where the proxy is, and the CA in a file that curl can read.
import { join } from 'node:path';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { formatSitedTarget, parseSitedTarget } from '../routing/sited-target.ts';
import { openRemote } from './remote.ts';
import { tryFor } from './try-for.ts';

const CA_FILE = 'gateway-ca.pem';

export interface ProxySessionOptions {
  readonly targets: readonly string[];
  readonly agent: string | undefined;
  /** Of the targets that name none. */
  readonly site: string | undefined;
  /** Absolute: the path of the CA file is printed. */
  readonly configDir: string;
  readonly waitMs: number;
}

export interface ProxySession {
  readonly proxy: string;
  readonly token: string;
  readonly ca_file: string;
  readonly expires_at: string;
}

/** Errors: those of the API; `resource.unknown` where the gateway runs without a proxy. */
export async function openProxySession(
  { targets, agent, site, configDir, waitMs }: ProxySessionOptions,
  world: World,
  signal: AbortSignal,
): Promise<ProxySession> {
  const request = {
    targets: targets.map((target) => formatSitedTarget(parseSitedTarget(target, { site: site ?? null }))),
    ...(agent === undefined ? {} : { agent }),
    ...(site === undefined ? {} : { site }),
  };
  const { client } = await openRemote(configDir, world);
  const { proxy, token, ca_pem, expires_at } = await tryFor(waitMs, () => client.openSession(request, signal), world.clock, signal);
  if (proxy === null) {
    throw new TunnelError('resource.unknown', 'the gateway has no proxy for plain clients', {
      hint: 'Start it with: tunnel gateway start --proxy-listen HOST:PORT',
    });
  }
  const caFile = join(configDir, CA_FILE);
  await world.files.replaceAtomically(caFile, ca_pem);
  return { proxy, token, ca_file: caFile, expires_at };
}
