// A second agent of a chain, enrolled by the real CLI and not started: its certificate is for the test to use as it likes.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { SocketAddress } from '../../src/lib/base/world.ts';
import type { Chain } from './chain.ts';
import { succeed } from './cli.ts';

export interface EnrolledAgent {
  /** Where the gateway takes links over UDP. */
  readonly udp: SocketAddress;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

export async function enrolAgent({ folder, gatewayFolder, ready }: Chain, name: string): Promise<EnrolledAgent> {
  const [token, home] = [join(folder, `${name}.token`), join(folder, name)];
  await succeed(['token', 'mint', '--data-dir', gatewayFolder, '--kind', 'agent', '--name', name, '--routes', '192.0.2.0/24', '--out', token]);
  await succeed(['agent', 'enroll', '--token-file', token, '--data-dir', home]);
  const identity = join(home, readdirSync(home).find((entry) => entry.startsWith('identity-')) ?? '');
  const [, address = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(String(ready['udp'])) ?? [];
  return {
    udp: { address, port: Number(port) },
    certificateFile: join(identity, 'cert.pem'),
    keyFile: join(identity, 'key.pem'),
    caFile: join(identity, 'ca.pem'),
  };
}
