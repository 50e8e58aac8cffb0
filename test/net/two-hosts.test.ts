// A gateway and an agent on two hosts, with a network between them instead of loopback.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';
import { noNamespaces, runOn, twoHosts } from '../support/namespaces.ts';

const SERVER = `
const { createServer } = require('node:net');
createServer((socket) => socket.end(Buffer.alloc(8 << 20, 'x'))).listen(8080, '10.88.0.5', () => console.log('{"event":"ready"}'));
`;

test('an agent behind another host: enrolment, a connection, TLS where UDP is blocked, and what is said where both are', {
  skip: noNamespaces(),
}, async (t) => {
  const { left, right } = await twoHosts(t);
  const folder = temporaryFolder(t);
  const [gw, ag, op] = ['gw', 'ag', 'op'].map((name) => join(folder, name)) as [string, string, string];
  const onRight = (...command: [string, ...string[]]) => runOn(right, ...command);
  await onRight('ip', 'address', 'add', '10.88.0.5/32', 'dev', 'lo');
  // What `start` adds behind it are arguments that the script ignores.
  const target = start(t, [], { on: [...right.exec, process.execPath, '-e', SERVER] });
  await target.event('ready');

  await succeed(['ca', 'init', '--data-dir', gw]);
  const gateway = start(t, ['gateway', 'start', '--data-dir', gw, '--listen', `${left.address}:8443`], { on: left.exec });
  await gateway.event('ready');
  const mint = async (...flags: string[]) => (await succeed(['token', 'mint', '--data-dir', gw, ...flags])).stdout;
  await succeed(['login', '--token-file', '-', '--config-dir', op], { on: left.exec, input: await mint('--kind', 'operator', '--name', 'alice') });
  const enrol = ['agent', 'enroll', '--token-file', '-', '--data-dir', ag];
  await succeed(enrol, { on: right.exec, input: await mint('--kind', 'agent', '--name', 'web1', '--routes', '10.88.0.0/24', '--ports', '8080') });
  const agent = start(t, ['agent', 'start', '--data-dir', ag], { on: right.exec });
  assert.deepEqual((await agent.event('ready'))['routes'], ['10.88.0.0/24']);

  const got = await tunnel(['connect', '--stdio', '10.88.0.5:8080', '--config-dir', op], { on: left.exec });
  assert.equal(got.code, 0, got.stderr);
  assert.equal(got.stdout.length, 8 << 20);
  await agent.stop();

  await onRight('nft', 'add', 'table', 'inet', 'blocked');
  await onRight('nft', 'add', 'chain', 'inet', 'blocked', 'out', '{ type filter hook output priority 0; }');
  await onRight('nft', 'add', 'rule', 'inet', 'blocked', 'out', 'udp', 'dport', '8443', 'drop');
  const overTls = start(t, ['agent', 'start', '--data-dir', ag], { on: right.exec });
  assert.equal((await overTls.event('ready'))['transport'], 'tls');
  await overTls.stop();
  await succeed([...enrol.slice(0, -1), join(folder, 'ag2')], { on: right.exec, input: await mint('--kind', 'agent', '--name', 'web2') });

  await onRight('nft', 'add', 'rule', 'inet', 'blocked', 'out', 'tcp', 'dport', '8443', 'drop');
  const blocked = await tunnel(['agent', 'start', '--data-dir', ag, '--wait', '5500ms', '--json'], { on: right.exec });
  assert.equal(blocked.code, 7);
  assert.match(blocked.stderr, /no answer from UDP 10\.77\.0\.1:8443/);
});
