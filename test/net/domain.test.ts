// An agent whose machine has a DNS domain (A6): offered as a name that was found, in force only where an administrator allowed it and nobody configured a name.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { localExchange } from '../../src/lib/api/exchange-local.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { start } from '../support/cli.ts';
import { configOf, enroll, startEnrolmentStand } from '../support/enrolment-stand.ts';

const skip = process.platform !== 'linux' ? 'resolv.conf is replaced on Linux only' : process.getuid?.() === 0 ? false : 'another resolv.conf needs root';
const SUBNET = '192.0.2.0/24';

for (const [what, allowed, own, offered] of [
  ['allowed', [SUBNET, '*.corp.example'], [SUBNET], [{ domain: '*.corp.example', auto_detected: true }]],
  ['not allowed', [SUBNET], [SUBNET], []],
  [
    'with a name configured',
    [SUBNET, '*.corp.example', 'db.other.example'],
    [SUBNET, 'db.other.example'],
    [{ domain: 'db.other.example', auto_detected: false }],
  ],
] as const) {
  test(`a domain in resolv.conf, ${what}`, { skip }, async (t) => {
    const stand = await startEnrolmentStand(t);
    const dataDir = join(stand.folder, 'ag');
    const { token } = await stand.admin.mintToken({ kind: 'agent', name: 'web1', routes: [...allowed], expires_ms: 3_600_000, replace: false }, t.signal);
    assert.equal((await enroll(token, dataDir, { flags: ['--no-verify'] })).code, 0);
    writeFileSync(join(dataDir, 'agent.json'), JSON.stringify({ ...configOf(dataDir), routes: own }));
    const resolvConf = join(stand.folder, 'resolv.conf');
    writeFileSync(resolvConf, 'nameserver 127.0.0.1\nsearch corp.example\n');
    const on = ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', resolvConf];
    const agent = start(t, ['agent', 'start', '--data-dir', dataDir], { on });
    const { routes } = await agent.event('ready');
    assert.deepEqual(routes, [SUBNET, ...offered.map(({ domain }) => domain)]);
    const exchange = localExchange(join(stand.gatewayFolder, 'control.sock'), realWorld({ level: 'silent' }));
    const [listed] = JSON.parse((await exchange({ method: 'GET', path: '/jet/tunnel/agents' }, t.signal)).body);
    assert.deepEqual(listed.domains, offered);
  });
}
