// Firewalls and paths that a real kernel makes: loss, EPERM on output, packets too large for the path. The agent and the gateway are on two hosts.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { run, start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';
import { type Host, noNamespaces, twoHosts } from '../support/namespaces.ts';

const BYTES = 8 << 20;
const SERVER = `
const { createServer } = require('node:net');
createServer((socket) => socket.end(Buffer.alloc(${BYTES}, 'x'))).listen(8080, '10.88.0.5', () => console.log('{"event":"ready"}'));
`;

interface Rule {
  readonly what: string;
  readonly host: 'agent' | 'gateway';
  readonly hook: 'input' | 'output';
  readonly match: string;
}

/** One at a time; each must let the agent come online and 8 MiB through. 1308 is what nft calls a datagram of 1300 bytes. */
const RULES: readonly Rule[] = [
  { what: '1 % of what reaches the agent is lost', host: 'agent', hook: 'input', match: 'udp sport 8443 numgen random mod 100 < 1' },
  { what: '5 % of what reaches the agent is lost', host: 'agent', hook: 'input', match: 'udp sport 8443 numgen random mod 100 < 5' },
  { what: '5 % of what the agent sends fails with EPERM', host: 'agent', hook: 'output', match: 'udp dport 8443 numgen random mod 100 < 5' },
  { what: 'more than 1300 bytes never reach the agent', host: 'agent', hook: 'input', match: 'udp sport 8443 udp length > 1308' },
  { what: 'more than 1300 bytes never reach the gateway', host: 'gateway', hook: 'input', match: 'udp dport 8443 udp length > 1308' },
];

test('an agent and a gateway on two hosts, over bad paths between them', { skip: noNamespaces(), timeout: 120_000 }, async (t) => {
  const { left, right } = await twoHosts(t);
  const folder = temporaryFolder(t);
  const [gw, ag, op] = ['gw', 'ag', 'op'].map((name) => join(folder, name)) as [string, string, string];
  const nft = async (host: Host, command: string) => {
    const { code, stderr } = await run('nft', [command], { on: host.exec });
    assert.equal(code, 0, stderr);
  };
  await run('ip', ['address', 'add', '10.88.0.5/32', 'dev', 'lo'], { on: right.exec });
  // What `start` adds behind it are arguments that the script ignores.
  await start(t, [], { on: [...right.exec, process.execPath, '-e', SERVER] }).event('ready');
  await succeed(['ca', 'init', '--data-dir', gw]);
  const gateway = start(t, ['gateway', 'start', '--data-dir', gw, '--listen', `${left.address}:8443`], { on: left.exec });
  await gateway.event('ready');
  const mint = async (...flags: string[]) => (await succeed(['token', 'mint', '--data-dir', gw, ...flags])).stdout;
  await succeed(['login', '--token-file', '-', '--config-dir', op], { on: left.exec, input: await mint('--kind', 'operator', '--name', 'alice') });
  const token = await mint('--kind', 'agent', '--name', 'web1', '--routes', '10.88.0.0/24', '--ports', '8080');
  await succeed(['agent', 'enroll', '--token-file', '-', '--data-dir', ag], { on: right.exec, input: token });

  for (const { what, host, hook, match } of RULES) {
    await t.test(what, async (step) => {
      const there = host === 'agent' ? right : left;
      await nft(there, 'add table inet bad');
      await nft(there, `add chain inet bad path { type filter hook ${hook} priority 0; }`);
      await nft(there, `add rule inet bad path ${match} drop`);
      const began = performance.now();
      const agent = start(step, ['agent', 'start', '--data-dir', ag, '--transport', 'quic'], { on: right.exec });
      await agent.event('ready');
      const online = performance.now() - began;
      const got = await tunnel(['connect', '--stdio', '10.88.0.5:8080', '--config-dir', op], { on: left.exec });
      assert.equal(got.code, 0, got.stderr);
      assert.equal(got.stdout, 'x'.repeat(BYTES));
      step.diagnostic(`online after ${(online / 1000).toFixed(2)} s, 8 MiB after ${((performance.now() - began) / 1000).toFixed(2)} s`);
      await agent.stop();
      await nft(there, 'delete table inet bad');
    });
  }
});
