import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ServiceDefinition } from './definition.ts';
import { managerFor } from './manage.ts';
import { systemdUnit } from './systemd.ts';

const service: ServiceDefinition = {
  name: 'tunnel-gateway',
  description: 'tunnel gateway, 100 % up',
  command: ['/usr/bin/node', '/opt/tunnel/bin/run.js', 'gateway', 'start', '--data-dir', '/srv/my gate%way$'],
  dataDir: '/srv/my gate%way$',
  user: 'root',
  lowPort: true,
};

test('the unit clears what weakens Node, writes to one folder only, and is reloaded by SIGHUP', () => {
  const unit = systemdUnit(service);
  assert.match(unit, /^Type=notify$/m);
  assert.match(unit, /^UnsetEnvironment=.*\bNODE_OPTIONS\b.*\bNODE_TLS_REJECT_UNAUTHORIZED\b.*\bSSLKEYLOGFILE\b/m);
  assert.match(unit, /^ProtectSystem=strict$/m);
  assert.match(unit, /^ReadWritePaths="\/srv\/my gate%%way\$"$/m);
  assert.match(unit, /^ExecStart=\/usr\/bin\/node \/opt\/tunnel\/bin\/run\.js gateway start --data-dir "\/srv\/my gate%%way\$\$"$/m);
  assert.match(unit, /^ExecReload=\/bin\/kill -HUP \$MAINPID$/m);
  assert.match(unit, /^CapabilityBoundingSet=CAP_NET_BIND_SERVICE$/m);
  assert.match(unit, /^ProtectHome=yes$/m);
  const nodeInHome = ['/home/alice/.nvm/node', 'run.js'] as const;
  assert.match(systemdUnit({ ...service, command: nodeInHome }), /^ProtectHome=read-only$/m);
  assert.match(systemdUnit({ ...service, lowPort: false }), /^CapabilityBoundingSet=$/m);
});

test('systemd takes the unit without a warning', { skip: !hasSystemd() && 'systemd-analyze is not here' }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'unit-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'tunnel-gateway.service');
  const command = [process.execPath, ...service.command.slice(1)] as [string, ...string[]];
  writeFileSync(file, systemdUnit({ ...service, command, dataDir: '/srv' }));
  // Its own failures (no manager in a container) are not about the unit.
  const said = execFileSync('sh', ['-c', 'systemd-analyze verify --man=no "$1" 2>&1 || true', 'sh', file], { encoding: 'utf8' });
  assert.deepEqual(
    said.split('\n').filter((line) => line.includes('tunnel-gateway')),
    [],
  );
});

test('launchd and Windows get what XML and their command lines need', () => {
  const odd = { ...service, command: ['C:\\Program Files\\node.exe', 'run.js', 'a "b" & <c>\\'] as const, dataDir: 'C:\\ProgramData\\tunnel' };
  const { text: plist } = managerFor('darwin', odd) ?? assert.fail();
  assert.match(plist, /<string>a &quot;b&quot; &amp; &lt;c&gt;\\<\/string>/);
  assert.match(plist, /<key>KeepAlive<\/key>\s*<true\/>/);
  const { text: task, encoding } = managerFor('win32', odd) ?? assert.fail();
  assert.equal(encoding, 'utf16le');
  assert.match(task, /<Command>C:\\Program Files\\node\.exe<\/Command>/);
  assert.ok(task.includes('<Arguments>run.js &quot;a \\&quot;b\\&quot; &amp; &lt;c&gt;\\\\&quot;</Arguments>'));
  for (const text of [plist, task]) wellFormed(text);
  assert.equal(managerFor('freebsd', service), undefined);
});

function hasSystemd(): boolean {
  try {
    execFileSync('systemd-analyze', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Each element that opens closes, in order. */
function wellFormed(xml: string): void {
  const open: string[] = [];
  for (const [, closing, name = '', self] of xml.matchAll(/<(\/?)([A-Za-z][\w.]*)[^>]*?(\/?)>/g)) {
    if (closing === '/') assert.equal(open.pop(), name);
    else if (self !== '/') open.push(name);
  }
  assert.deepEqual(open, []);
}
