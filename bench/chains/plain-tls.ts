// The baseline: two plain Node TLS hops without a product around them. entry -TLS-> relay -TLS-> exit -> target, one TLS connection for each.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { forkListener } from '../process.ts';
import type { Chain } from '../run.ts';

export const plainTls: Chain = {
  name: 'two plain Node TLS hops',
  async start(targetPort, stack) {
    const folder = mkdtempSync(join(tmpdir(), 'bench-tls-'));
    stack.defer(() => rmSync(folder, { recursive: true, force: true }));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-keyout',
        key,
        '-out',
        cert,
        '-days',
        '1',
        '-subj',
        '/CN=localhost',
      ],
      { stdio: 'ignore' },
    );
    readFileSync(key);
    const hop = new URL('./plain-tls-hop.ts', import.meta.url);
    const exit = await forkListener(hop, ['exit', `${targetPort}`, key, cert], stack);
    const relay = await forkListener(hop, ['relay', `${exit.said}`, key, cert], stack);
    const entry = await forkListener(hop, ['entry', `${relay.said}`, key, cert], stack);
    return { port: entry.said, pids: [exit.pid, relay.pid, entry.pid] };
  },
};
