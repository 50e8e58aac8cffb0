// An agent whose machine changes its address, and one whose firewall shuts and opens UDP, on a network of its own.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Running, start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';
import { type Host, noNamespaces, runOn, twoHosts } from '../support/namespaces.ts';

const ECHO = `
const { createServer } = require('node:net');
createServer((socket) => socket.pipe(socket)).listen(8080, '10.88.0.5', () => console.log('{"event":"ready"}'));
`;

interface LogLine {
  readonly time: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** The next line with that message and these fields, from now on. */
async function logged(running: Running, msg: string, fields: Record<string, unknown> = {}): Promise<LogLine> {
  const before = running.stderr().length;
  for (;;) {
    const lines = running.stderr().slice(before).split('\n').slice(0, -1);
    const found = lines
      .map((line): LogLine => JSON.parse(line))
      .find((line) => line.msg === msg && Object.entries(fields).every(([key, value]) => line[key] === value));
    if (found !== undefined) return found;
    await once(running.child.stderr ?? assert.fail('no log'), 'data');
  }
}

interface Stand {
  readonly right: Host;
  readonly agent: Running;
  onRight(...command: [string, ...string[]]): Promise<void>;
  /** One echo through the whole chain. */
  works(): Promise<void>;
}

/** A gateway on the left, an agent with its target on the right. */
async function stand(t: TestContext): Promise<Stand> {
  const { left, right } = await twoHosts(t);
  const folder = temporaryFolder(t);
  const [gw, ag, op] = ['gw', 'ag', 'op'].map((name) => join(folder, name)) as [string, string, string];
  const onRight = (...command: [string, ...string[]]) => runOn(right, ...command);
  await onRight('ip', 'address', 'add', '10.88.0.5/32', 'dev', 'lo');
  await start(t, [], { on: [...right.exec, process.execPath, '-e', ECHO] }).event('ready');
  await succeed(['ca', 'init', '--data-dir', gw]);
  await start(t, ['gateway', 'start', '--data-dir', gw, '--listen', `${left.address}:8443`], { on: left.exec }).event('ready');
  const mint = async (...flags: string[]) => (await succeed(['token', 'mint', '--data-dir', gw, ...flags])).stdout;
  await succeed(['login', '--token-file', '-', '--config-dir', op], { on: left.exec, input: await mint('--kind', 'operator', '--name', 'alice') });
  await succeed(['agent', 'enroll', '--token-file', '-', '--data-dir', ag], {
    on: right.exec,
    input: await mint('--kind', 'agent', '--name', 'web1', '--routes', '10.88.0.0/24', '--ports', '8080'),
  });
  const path = join(ag, 'agent.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), quic_return: '2s' }), { mode: 0o600 });
  const agent = start(t, ['agent', 'start', '--data-dir', ag], { on: right.exec });
  assert.equal((await agent.event('ready'))['transport'], 'quic');
  const works = async () => {
    const got = await tunnel(['connect', '--stdio', '10.88.0.5:8080', '--config-dir', op], { on: left.exec, input: 'through' });
    assert.deepEqual([got.code, got.stdout], [0, 'through'], got.stderr);
  };
  await works();
  return { right, agent, onRight, works };
}

test('another address: a new link in under a second after the agent has noticed, ten times', { skip: noNamespaces() }, async (t) => {
  const { agent, onRight, works } = await stand(t);
  const took: number[] = [];
  for (let turn = 0; turn < 10; turn++) {
    const noticed = logged(agent, 'another link is to take over', { need: 'moved' });
    const online = logged(agent, 'online');
    await onRight('ip', 'address', 'delete', `10.77.0.${turn + 2}/24`, 'dev', 'veth0');
    await onRight('ip', 'address', 'add', `10.77.0.${turn + 3}/24`, 'dev', 'veth0');
    const [before, after] = await Promise.all([noticed, online]);
    took.push(Date.parse(after.time) - Date.parse(before.time));
  }
  t.diagnostic(`from noticing to online: ${took.join(', ')} ms`);
  assert.ok(Math.max(...took) < 1000, `${took}`);
  await works();
});

test('UDP shut while it runs: over TLS once the link is dead; open again: back on QUIC', { skip: noNamespaces() }, async (t) => {
  const { agent, onRight, works } = await stand(t);
  const ended = logged(agent, 'link ended');
  const overTls = logged(agent, 'online', { transport: 'tls' });
  await onRight('nft', 'add', 'table', 'inet', 'shut');
  await onRight('nft', 'add', 'chain', 'inet', 'shut', 'out', '{ type filter hook output priority 0; }');
  await onRight('nft', 'add', 'rule', 'inet', 'shut', 'out', 'udp', 'dport', '8443', 'drop');
  const took = Date.parse((await overTls).time) - Date.parse((await ended).time);
  t.diagnostic(`online over TLS ${took} ms after the end of the QUIC link`);
  assert.ok(took < 3000, `${took} ms`);
  await works();
  const back = logged(agent, 'online', { transport: 'quic' });
  await onRight('nft', 'delete', 'table', 'inet', 'shut');
  await back;
  await works();
});
