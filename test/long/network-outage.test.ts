// A minute without network, over QUIC and over TLS: packets dropped in silence, then the interface down. Listeners stay, and 10 s after the way is back all of it works (issue 7).
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Running, run, start, succeed, temporaryFolder } from '../support/cli.ts';
import { type Host, noNamespaces, runOn, twoHosts } from '../support/namespaces.ts';

const OUTAGE_MS = 60_000;
const WITHIN_MS = 10_000;
const TARGETS = { quic: '10.88.0.5:8080', tls: '10.88.0.6:8080' } as const;

const SERVER = `
const { createServer } = require('node:net');
createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).resume().once('end', () => socket.end('there'))).listen(8080, '0.0.0.0', () => console.log('{"event":"ready"}'));
`;
/** Asks the local ports of its arguments at once, on its own host, until all have answered; prints the ms that took. */
const ASK = `
const { connect } = require('node:net');
const began = performance.now();
const ask = (port) => new Promise((resolve, reject) => {
  let got = '';
  connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('data', (part) => (got += part)).once('error', reject)
    .once('end', () => (got === 'there' ? resolve(Math.round(performance.now() - began)) : reject(new Error('got ' + got)))).end();
});
Promise.all(process.argv.slice(1).map(Number).map(ask)).then((took) => console.log(JSON.stringify(took)));
`;

/** A `connect` to both targets on that host. */
interface Forwards {
  readonly host: Host;
  readonly running: Running;
  readonly ports: readonly number[];
}

/** Gateway and one operator on the left; on the right two agents, one a transport, and another operator, who loses the network with them. */
async function stand(t: TestContext): Promise<{ right: Host; operators: Record<'at the gateway' | 'beside the agents', Forwards> }> {
  const { left, right } = await twoHosts(t);
  const at = (name: string, folder = temporaryFolder(t)) => join(folder, name);
  const gw = at('gw');
  for (const address of ['10.88.0.5/32', '10.88.0.6/32']) await runOn(right, 'ip', 'address', 'add', address, 'dev', 'lo');
  await start(t, [], { on: [...right.exec, process.execPath, '-e', SERVER] }).event('ready');
  await succeed(['ca', 'init', '--data-dir', gw]);
  await start(t, ['gateway', 'start', '--data-dir', gw, '--listen', `${left.address}:8443`], { on: left.exec }).event('ready');
  const mint = async (...flags: string[]) => (await succeed(['token', 'mint', '--data-dir', gw, ...flags])).stdout;
  for (const [transport, target] of Object.entries(TARGETS)) {
    const folder = at(transport);
    const input = await mint('--kind', 'agent', '--name', transport, '--routes', `${target.split(':')[0]}/32`, '--ports', '8080');
    await succeed(['agent', 'enroll', '--token-file', '-', '--data-dir', folder], { on: right.exec, input });
    const ready = await start(t, ['agent', 'start', '--data-dir', folder, '--transport', transport], { on: right.exec }).event('ready');
    assert.equal(ready['transport'], transport);
  }
  const operator = async (name: string, host: Host): Promise<Forwards> => {
    const folder = at(name);
    await succeed(['login', '--token-file', '-', '--config-dir', folder], { on: host.exec, input: await mint('--kind', 'operator', '--name', name) });
    const running = start(t, ['connect', ...Object.values(TARGETS), '--config-dir', folder, '--wait', '90s'], { on: host.exec });
    const ports: number[] = [];
    for (const _ of Object.values(TARGETS))
      ports.push(
        Number(
          String((await running.event('ready'))['listen'])
            .split(':')
            .at(-1),
        ),
      );
    return { host, running, ports };
  };
  return { right, operators: { 'at the gateway': await operator('alice', left), 'beside the agents': await operator('bob', right) } };
}

async function ask({ host, ports }: Forwards): Promise<{ took: readonly number[]; stderr: string }> {
  const { code, stdout, stderr } = await run(process.execPath, ['-e', ASK, ...ports.map(String)], { on: host.exec });
  return { took: code === 0 ? (JSON.parse(stdout) as number[]) : [], stderr };
}

for (const [what, cut, mend] of [
  [
    'packets dropped in silence',
    [
      [
        'nft',
        'add table inet cut; add chain inet cut in { type filter hook input priority 0; }; add chain inet cut out { type filter hook output priority 0; }',
      ],
      ['nft', 'add rule inet cut in iifname veth0 drop; add rule inet cut out oifname veth0 drop'],
    ],
    [['nft', 'delete table inet cut']],
  ],
  ['the interface down', [['ip', 'link', 'set', 'veth0', 'down']], [['ip', 'link', 'set', 'veth0', 'up']]],
] as const) {
  test(`a minute without network, ${what}`, { skip: noNamespaces(), timeout: 300_000 }, async (t) => {
    const { right, operators } = await stand(t);
    for (const forwards of Object.values(operators)) assert.equal((await ask(forwards)).took.length, 2);
    for (const [command, ...args] of cut) await runOn(right, command, ...args);
    await sleep(OUTAGE_MS / 2);
    const meanwhile = Object.values(operators).map(ask); // who cannot bind or listen any more would refuse
    await sleep(OUTAGE_MS / 2);
    const back = performance.now();
    for (const [command, ...args] of mend) await runOn(right, command, ...args);
    await Promise.all(
      Object.entries(operators).map(async ([where, forwards]) => {
        const { took, stderr } = await ask(forwards);
        t.diagnostic(`operator ${where}: ${Object.keys(TARGETS).map((transport, index) => `${transport} ${took[index]} ms`)} after the way was back`);
        assert.ok(took.length === 2 && Math.max(...took) < WITHIN_MS, `${where}: ${took} ${stderr}`);
      }),
    );
    for (const asked of meanwhile) assert.equal((await asked).took.length, 2, (await asked).stderr);
    t.diagnostic(`all of it, waiting connections too: ${Math.round(performance.now() - back)} ms`);
    for (const { running } of Object.values(operators)) assert.equal(running.child.exitCode, null);
  });
}
