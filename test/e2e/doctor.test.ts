// `tunnel doctor` on real faults: each named by its step, its owner and its exit code, while everything before it is found well.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Report } from '../../src/lib/doctor/examine.ts';
import type { Owner, StepName } from '../../src/lib/doctor/step.ts';
import { blackHole } from '../support/black-hole.ts';
import { startChain } from '../support/chain.ts';
import { start, succeed, tunnel } from '../support/cli.ts';
import { startConnectProxy } from '../support/connect-proxy.ts';
import { startTarget } from '../support/tcp.ts';

const CLOCK = new URL('../support/clock-off.ts', import.meta.url).pathname;

interface Expected {
  readonly exit: number;
  readonly step: StepName | null;
  readonly owner: Owner | null;
  readonly code?: string | null;
  readonly hint?: RegExp;
}

test('each fault is named with its step, its owner and its fix', {
  skip: process.platform !== 'linux' && 'stops a program by SIGSTOP',
  timeout: 180_000,
}, async (t) => {
  const chain = await startChain(t, { routes: '127.0.0.0/8,localhost,*.corp.example', ports: '1024-65535' });
  const ssh = await startTarget(t, (socket) => void socket.end('SSH-2.0-test\r\n'));
  const silent = await startTarget(t, (socket) => void socket.resume());
  const web = createServer((_request, response) => response.end('all is well'));
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  t.after(() => web.close());
  const { port } = web.address() as AddressInfo;
  const asOperator = ['--config-dir', chain.operatorFolder];
  await t.test('all is well', async () => {
    const report = await examined([`localhost:${ssh}`, '--protocol', 'ssh', ...asOperator], { exit: 0, step: null, owner: null });
    const names = ['login-file', 'gateway-dns', 'gateway-tcp', 'clock', 'gateway-tls', 'gateway-ready', 'login', 'versions', 'udp'];
    const onward = ['route', 'policy', 'link', 'session', 'edge', 'agent', 'agent-dns', 'target-tcp', 'first-bytes'];
    assert.deepEqual(
      report.steps.map(({ name }) => name),
      [...names, ...onward],
    );
    const tcp = report.steps.find(({ name }) => name === 'target-tcp')?.detail ?? {};
    for (const side of ['gateway_ms', 'agent_resolve_ms', 'agent_connect_ms', 'operator_ms']) assert.equal(typeof tcp[side], 'number', side);
    assert.ok(Number(tcp['operator_ms']) >= Number(tcp['agent_connect_ms']));
  });

  await t.test('as text: a line a step, and the sentence', async () => {
    const { code, stdout } = await tunnel(['doctor', `127.0.0.1:${port}`, '--protocol', 'http', ...asOperator]);
    assert.equal(code, 0, stdout);
    const lines = stdout.trimEnd().split('\n');
    for (const line of lines.slice(0, -2)) assert.match(line, /^(ok|skipped) +[a-z-]+ +(\d+\.\d ms)? +\S/);
    assert.equal(lines.at(-1), 'All is well.');
    assert.match(stdout, /^ok +first-bytes .*it speaks http/m);
  });

  await t.test('the target', async (t) => {
    const filtered = await blackHole(t);
    await examined([`127.0.0.1:${silent}`, '--protocol', 'ssh', ...asOperator], { exit: 7, step: 'first-bytes', owner: 'target', code: 'target.timed-out' });
    await examined([`127.0.0.1:${port}`, '--protocol', 'rdp', ...asOperator], { exit: 1, step: 'first-bytes', owner: 'target', code: 'target.unexpected' });
    await examined([`127.0.0.1:${ssh}`, '--protocol', 'https', ...asOperator], { exit: 1, step: 'first-bytes', owner: 'target', code: 'target.unexpected' });
    await examined([`127.0.0.1:${silent}`, ...asOperator], { exit: 0, step: null, owner: null });
    const held = await examined([`127.0.0.1:${filtered}`, ...asOperator], {
      exit: 7,
      step: 'target-tcp',
      owner: 'target',
      code: 'target.timed-out',
      hint: /firewall/,
    });
    assert.ok(Number(held.steps.at(-1)?.detail['agent_connect_ms']) > 9000);
    await examined(['127.0.0.1:65534', ...asOperator], { exit: 6, step: 'target-tcp', owner: 'target', code: 'target.refused', hint: /listens/ });
  });

  await t.test('a name that the agent cannot resolve', async () => {
    const report = await examined(['nowhere.corp.example:5432', ...asOperator], {
      exit: 6,
      step: 'agent-dns',
      owner: 'agent',
      code: 'dns.failed',
      hint: /getent/,
    });
    assert.equal(typeof report.steps.at(-1)?.detail['agent_resolve_ms'], 'number');
  });

  await t.test('policy and routes', async () => {
    await examined(['127.0.0.1:22', ...asOperator], { exit: 4, step: 'policy', owner: 'policy', code: 'policy.denied', hint: /whoami/ });
    await examined(['192.0.2.1:5432', ...asOperator], { exit: 5, step: 'route', owner: 'policy', code: 'route.none', hint: /agent set/ });
    await examined([`127.0.0.1:${ssh}`, '--agent', 'web7', ...asOperator], { exit: 5, step: 'route', owner: 'policy', code: 'agent.unknown' });
  });

  await t.test('this machine: its clock, its files, its login', async () => {
    const hour = { NODE_OPTIONS: `--import ${CLOCK}`, CLOCK_OFF_MS: String(3_600_000) };
    const report = await examined(asOperator, { exit: 1, step: 'clock', owner: 'machine', code: 'clock.wrong', hint: /timedatectl/ }, hour);
    assert.match(report.conclusion.message, /1h ahead of/);
    await examined(['--config-dir', join(chain.folder, 'nobody')], { exit: 3, step: 'login-file', owner: 'machine', code: 'login.missing' });
  });

  await t.test('a proxy that demands a password', async (t) => {
    const proxy = await startConnectProxy(t, { demands: 'user:right' });
    const env = { HTTPS_PROXY: `http://user:canary-wrong@127.0.0.1:${proxy.port}` };
    const report = await examined(asOperator, { exit: 3, step: 'gateway-tcp', owner: 'machine', code: 'proxy.refused', hint: /HTTPS_PROXY/ }, env);
    assert.ok(!JSON.stringify(report).includes('canary'));
    await examined(asOperator, { exit: 3, step: 'gateway-tcp', owner: 'machine', code: 'proxy.refused' }, { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` });
  });

  await t.test('a login that knows another CA, another name, or is open to all', async () => {
    const login = join(chain.operatorFolder, 'login.json');
    const kept = readFileSync(login, 'utf8');
    const change = (changed: object) => writeFileSync(login, JSON.stringify({ ...JSON.parse(kept), ...changed }));
    const other = join(chain.folder, 'other');
    await succeed(['ca', 'init', '--data-dir', other]);
    change({ ca_pem: readFileSync(join(other, 'ca-cert.pem'), 'utf8') });
    await examined(asOperator, { exit: 3, step: 'gateway-tls', owner: 'machine', code: 'certificate.refused' });
    change({ gateway: String(chain.ready['url']).replace('127.0.0.1', 'localhost') });
    await examined(asOperator, { exit: 3, step: 'gateway-tls', owner: 'gateway', code: 'certificate.refused', hint: /--public-url/ });
    change({ gateway: 'https://gateway.invalid:8443' });
    await examined(asOperator, { exit: 6, step: 'gateway-dns', owner: 'network', code: 'dns.failed' });
    change({});
    chmodSync(login, 0o644);
    await examined(asOperator, { exit: 4, step: 'login-file', owner: 'machine', code: 'file.loose-mode', hint: /chmod/ });
    chmodSync(login, 0o600);
  });

  await t.test('a report without secrets', async () => {
    const file = join(chain.folder, 'report.json');
    const proxy = { NO_PROXY: '*', HTTPS_PROXY: 'http://user:canary-of-a-password@proxy.example:3128' };
    await succeed(['doctor', `127.0.0.1:${ssh}`, ...asOperator, '--bundle', file], { env: proxy });
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const text = readFileSync(file, 'utf8');
    const { credential } = JSON.parse(readFileSync(join(chain.operatorFolder, 'login.json'), 'utf8')) as { credential: string };
    assert.ok(!text.includes(credential) && !text.includes('canary'));
    const { environment, report } = JSON.parse(text) as { environment: object; report: Report };
    assert.deepEqual(environment, { HTTPS_PROXY: 'http://proxy.example:3128', NO_PROXY: '*' });
    assert.equal(report.ok, true);
  });

  await t.test("the agent's machine, and the gateway's", async () => {
    const agent = await examined(['--data-dir', chain.agentFolder], { exit: 0, step: null, owner: null });
    assert.ok(agent.steps.some(({ name, detail }) => name === 'agent-process' && detail['transport'] === 'quic'));
    const gateway = await examined(['--data-dir', chain.gatewayFolder], { exit: 0, step: null, owner: null });
    assert.ok(gateway.steps.some(({ name, state }) => name === 'store' && state === 'ok'));
    await examined(['--data-dir', join(chain.folder, 'nothing')], { exit: 3, step: 'enrolment', owner: 'machine', code: 'agent.not-enrolled' });
  });

  await t.test('an agent that is offline, seen from everywhere', async () => {
    await chain.agent.stop();
    await examined([`127.0.0.1:${ssh}`, ...asOperator], { exit: 6, step: 'link', owner: 'agent', code: 'agent.offline', hint: /doctor --data-dir/ });
    await examined(['--data-dir', chain.agentFolder], { exit: 6, step: 'agent-process', owner: 'machine', code: 'agent.offline', hint: /agent start/ });
  });

  await t.test('a login that has ended', async () => {
    await succeed(['operator', 'delete', 'alice', '--data-dir', chain.gatewayFolder]);
    await examined(asOperator, { exit: 3, step: 'login', owner: 'machine', code: 'login.refused', hint: /tunnel login/ });
  });

  await t.test('a gateway that is stopped', async () => {
    await chain.gateway.stop();
    await examined([`127.0.0.1:${ssh}`, ...asOperator], { exit: 6, step: 'gateway-tcp', owner: 'gateway', code: 'gateway.unreachable' });
    await examined(['--data-dir', chain.gatewayFolder], {
      exit: 6,
      step: 'gateway-process',
      owner: 'gateway',
      code: 'gateway.unreachable',
      hint: /gateway start/,
    });
    await examined(['--data-dir', chain.agentFolder], { exit: 6, step: 'gateway-tcp', owner: 'gateway', code: 'gateway.unreachable' });
  });
});

test('where UDP is blocked', { timeout: 120_000 }, async (t) => {
  const silent = createSocket('udp4');
  silent.bind(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => silent.close());
  const chain = await startChain(t, { gatewayFlags: ['--public-udp', `127.0.0.1:${silent.address().port}`] });
  const blocked = { step: 'udp', owner: 'network', code: 'udp.blocked', hint: /Let UDP through/ } as const;
  await examined(['--config-dir', chain.operatorFolder], { exit: 0, ...blocked });
  const agent = await examined(['--data-dir', chain.agentFolder], { exit: 0, ...blocked });
  assert.match(agent.steps.find(({ name }) => name === 'agent-process')?.message ?? '', /online over tls/);
  await chain.agent.stop();
  const config = join(chain.agentFolder, 'agent.json');
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, 'utf8')), transport: 'quic' }));
  start(t, ['agent', 'start', '--data-dir', chain.agentFolder]);
  await examined(['--data-dir', chain.agentFolder], { exit: 6, ...blocked });
});

/** Runs the real CLI, and holds its conclusion to what is expected. */
async function examined(args: readonly string[], expected: Expected, env: NodeJS.ProcessEnv = {}): Promise<Report> {
  const finished = await tunnel(['doctor', ...args, '--json'], { env });
  const report = finished.json() as unknown as Report;
  const { step, owner, code, hint } = report.conclusion;
  const said = `${JSON.stringify(report, null, 1)}\n${finished.stderr}`;
  assert.deepEqual({ exit: finished.code, step, owner }, { exit: expected.exit, step: expected.step, owner: expected.owner }, said);
  if (expected.code !== undefined) assert.equal(code, expected.code, said);
  if (expected.hint !== undefined) assert.match(hint ?? '', expected.hint);
  assert.equal(report.ok, expected.exit === 0);
  return report;
}
