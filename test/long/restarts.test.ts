// What takes long by nature: the same race and the same kill, again and again. FULL=1 for the full counts.
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { connectTo, startChain } from '../support/chain.ts';
import { start, succeed } from '../support/cli.ts';
import { enrolByHand } from '../support/enrol-by-hand.ts';
import { dial, startTarget } from '../support/tcp.ts';

const ROUNDS = process.env['FULL'] === '1' ? 50 : 5;

test(`${ROUNDS} races of a hundred enrolments: one winner each`, async (t) => {
  const chain = await startChain(t);
  for (let round = 0; round < ROUNDS; round++) {
    const { stdout } = await succeed(['token', 'mint', '--data-dir', chain.gatewayFolder, '--kind', 'agent', '--name', `racer${round}`]);
    const statuses = await enrolByHand(String(chain.ready['url']), stdout.trim(), 100);
    assert.equal(statuses.filter((status) => status === 200).length, 1, `round ${round}: ${statuses.join()}`);
  }
});

test(`${ROUNDS} times kill -9 of the gateway: the agent is back and a new connection works each time`, async (t) => {
  const chain = await startChain(t);
  const target = await startTarget(t, (socket) => socket.end('here'));
  const times: number[] = [];
  let { gateway } = chain;
  for (let round = 0; round < ROUNDS; round++) {
    gateway.child.kill('SIGKILL');
    gateway = start(t, ['gateway', 'start', '--data-dir', chain.gatewayFolder, '--wait', '10s']);
    await gateway.event('ready');
    const began = performance.now();
    const { port, running } = await connectTo(t, chain, `127.0.0.1:${target}`, '--wait', '30s');
    assert.equal(await text(await dial(t, port)), 'here');
    times.push(performance.now() - began);
    await running.stop();
  }
  t.diagnostic(`from the gateway's ready to an answer: ${times.map((time) => `${(time / 1000).toFixed(1)} s`).join(', ')}`);
});
