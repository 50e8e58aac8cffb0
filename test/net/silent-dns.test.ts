// A name that no DNS server answers: whoever waits for it can still be interrupted, although the system's resolver cannot.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { start, temporaryFolder } from '../support/cli.ts';
import { noNamespaces, twoHosts } from '../support/namespaces.ts';

const SILENT_SERVER = `
require('node:dgram').createSocket('udp4').bind(53, '127.0.0.1', () => console.log('{"event":"ready"}')).once('message', () => console.log('{"event":"asked"}'));
`;

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`connect, asked for by ${signal} while it looks up its gateway, ends within a second`, { skip: noNamespaces() }, async (t) => {
    const { left } = await twoHosts(t);
    const [folder, op] = [temporaryFolder(t), join(temporaryFolder(t), 'op')];
    const resolver = join(folder, 'resolv.conf');
    writeFileSync(resolver, 'nameserver 127.0.0.1\n');
    mkdirSync(op, { mode: 0o700 });
    const login = { gateway: 'https://gw.tunnel.example:8443', ca_pem: 'PEM', operator: 'alice', kind: 'operator', credential: 'secret', tls: 'tunnel' };
    writeFileSync(join(op, 'login.json'), JSON.stringify({ ...login, expires_at: '2100-01-01T00:00:00.000Z' }), { mode: 0o600 });
    const server = start(t, [], { on: [...left.exec, process.execPath, '-e', SILENT_SERVER] });
    await server.event('ready');
    const withResolver = ['unshare', '--mount', 'sh', '-c', `mount --bind ${resolver} /etc/resolv.conf && exec "$@"`, 'sh'];
    const connect = start(t, ['connect', '10.0.0.5:22', '--config-dir', op], { on: [...left.exec, ...withResolver] });
    const exited = once(connect.child, 'exit');
    await server.event('asked');
    const began = performance.now();
    connect.child.kill(signal);
    assert.deepEqual(await exited, [130, null], connect.stderr());
    const tookMs = performance.now() - began;
    assert.ok(tookMs < 1000, `${tookMs} ms`);
  });
}
