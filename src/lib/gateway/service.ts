// The gateway as a service of this machine, once there is something to serve.
import { resolve } from 'node:path';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import type { ServiceDefinition } from '../system/service/definition.ts';
import { describeService, serviceFiles } from '../system/service/describe.ts';
import { type GatewayFlags, wantedConfig } from './config.ts';
import { readConfig } from './config-file.ts';
import { assertCa, dataFolder } from './data-folder.ts';

/** Errors `ca.missing`, `ca.passphrase` (a service has nobody to ask), those of `wantedConfig`. */
export async function gatewayService(
  {
    dataDir,
    name,
    caPassphraseFile,
    ...given
  }: GatewayFlags & { readonly dataDir: string; readonly name?: string | undefined; readonly caPassphraseFile?: string | undefined },
  { net }: Pick<World, 'net'>,
): Promise<ServiceDefinition> {
  const folder = dataFolder(dataDir);
  const files = await serviceFiles(dataDir);
  await assertCa(folder, files);
  const key = Buffer.from((await files.readSecret(folder.caKey)) ?? []).toString();
  if (key.includes('ENCRYPTED') && (caPassphraseFile === undefined || caPassphraseFile === '-')) {
    throw new TunnelError('ca.passphrase', "the CA's key is encrypted, and a service has nobody to ask", { hint: 'Name the file with --ca-passphrase-file.' });
  }
  const { listen, proxyListen } = wantedConfig(given, await readConfig(folder.config, files), net.interfaces());
  const flags = Object.entries({
    '--listen': given.listen,
    '--public-url': given.publicUrl,
    '--public-udp': given.publicUdp,
    '--proxy-listen': given.proxyListen,
    '--ca-passphrase-file': caPassphraseFile && resolve(caPassphraseFile),
  }).flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]));
  const isLow = (port: number | undefined) => port !== undefined && port > 0 && port < 1024;
  return describeService({ role: 'gateway', dataDir, name, flags, lowPort: isLow(listen.port) || isLow(proxyListen?.port) });
}
