// Smoke tests as a pipeline runs them: what holds passes, what does not fails with its reason, and both reports say so.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { startChain } from '../support/chain.ts';
import { tunnel } from '../support/cli.ts';
import { startTarget } from '../support/tcp.ts';

test('reachable and not, agent, banner, HTTP, a command, and time', async (t) => {
  const chain = await startChain(t, { ports: '1024-65535' });
  const banner = await startTarget(t, (socket) => void socket.end('SSH-2.0-test\r\n'));
  const silent = await startTarget(t, (socket) => void socket.resume());
  const web = createServer((request, response) => response.writeHead(request.url === '/health' ? 200 : 404).end('all is well'));
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  t.after(() => web.close());
  const { port } = web.address() as AddressInfo;

  const file = join(chain.folder, 'smoke.yaml');
  const report = join(chain.folder, 'report.xml');
  const exits = (code: number) => [process.execPath, '-e', `require('net').connect({port}, '{host}').on('connect', () => process.exit(${code}))`];
  const checks = [
    { name: 'banner', target: `127.0.0.1:${banner}`, banner: 'SSH-2.0', agent: 'web1' },
    { name: 'web', target: `127.0.0.1:${port}`, http: { path: '/health', contains: 'well' } },
    { name: 'command', target: `127.0.0.1:${port}`, command: exits(7), exit: 7 },
    { name: 'closed port', target: '127.0.0.1:22', reachable: false, code: 'policy.denied' },
    { name: 'wrong banner', target: `127.0.0.1:${banner}`, banner: 'HTTP/1.1' },
    { name: 'wrong status', target: `127.0.0.1:${port}`, http: { path: '/nothing' } },
    { name: 'wrong agent', target: `127.0.0.1:${port}`, agent: 'web2' },
    { name: 'wrong exit', target: `127.0.0.1:${port}`, command: exits(1) },
    { name: 'too slow', target: `127.0.0.1:${silent}`, banner: 'x', within: '700ms' },
    { name: 'open after all', target: `127.0.0.1:${port}`, reachable: false },
  ];
  writeFileSync(file, JSON.stringify({ checks }));
  const finished = await tunnel(['check', file, '--config-dir', chain.operatorFolder, '--junit', report, '--json']);
  const {
    passed,
    failed,
    checks: results,
  } = finished.json() as { passed: number; failed: number; checks: { name: string; passed: boolean; reason: string }[] };
  assert.deepEqual([finished.code, passed, failed], [1, 4, 6]);
  assert.deepEqual(
    results.map(({ name, passed }) => [name, passed]),
    checks.map(({ name }, index) => [name, index < 4]),
  );
  const reasons = results.slice(4).map(({ reason }) => reason);
  for (const [index, said] of [
    /SSH-2\.0-test/,
    /status 404, not 200/,
    /agent web1 carries it, not web2/,
    /exit code 1, not 0/,
    /within 700ms/,
    /it can be reached/,
  ].entries())
    assert.match(reasons[index] ?? '', said);
  assert.match(readFileSync(report, 'utf8'), /tests="10" failures="6"/);

  writeFileSync(file, JSON.stringify({ checks: checks.slice(0, 4) }));
  const good = await tunnel(['check', file, '--config-dir', chain.operatorFolder]);
  assert.equal(good.code, 0);
  assert.match(good.stdout, /^ok {3}banner: agent web1, \d+ ms$/m);
  assert.equal((await tunnel(['check', '/nowhere', '--config-dir', chain.operatorFolder])).code, 1);
  assert.equal((await tunnel(['check', file, '--config-dir', join(chain.folder, 'nobody')])).code, 3);
});
