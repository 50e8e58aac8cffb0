// What a running `tunnel connect` does when something on its way goes and comes back: its listener stays, who connects meanwhile waits and goes on, and what cannot come back ends it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { before, describe, type TestContext, test } from 'node:test';
import { type Chain, connectTo, startChain } from '../support/chain.ts';
import { type Running, start, succeed } from '../support/cli.ts';
import { startConnectProxy } from '../support/connect-proxy.ts';
import { edgePid } from '../support/edge-pid.ts';
import { ending } from '../support/ending.ts';
import { dial, readToEnd, startTarget } from '../support/tcp.ts';
import { tcpRelay } from '../support/tcp-relay.ts';
import { wholeSuite } from '../support/whole-suite.ts';

/** From the way being there again (requirements E2, issue 7). */
const WITHIN_MS = 10_000;

/** A target that says hello to who ends first, and keeps all others; a client of it that is kept. */
async function stand(t: TestContext, chain: Chain, ...flags: string[]) {
  const target = await startTarget(t, (socket) => {
    socket.write('open');
    socket.once('end', () => socket.end(' and closed'));
  });
  const { port, running } = await connectTo(t, chain, `127.0.0.1:${target}`, ...flags);
  const held = await dial(t, port);
  await once(held, 'data');
  const ask = async () => text((await dial(t, port)).end());
  return { target, port, running, held: readToEnd(held), ask };
}

/** The next event of that name; connections that were cut meanwhile are told of before it. */
async function said(running: Running, event: 'lost' | 'healed'): Promise<Record<string, unknown>> {
  for (;;) {
    try {
      return await running.event(event);
    } catch (error) {
      if (!(error instanceof Error && /"code":"(link\.reset|agent\.offline)"/.test(error.message))) throw error;
    }
  }
}

describe('on one chain that loses its parts', () => {
  const whole = wholeSuite();
  let chain: Chain;
  let agent: Running;
  let gateway: Running;
  before(async () => {
    chain = await startChain(whole);
    ({ agent, gateway } = chain);
  });
  const startAgent = async () => {
    agent = start(whole, ['agent', 'start', '--data-dir', chain.agentFolder]);
    await agent.event('ready');
  };

  test('the gateway killed and started again', async (t) => {
    const { held, ask, running } = await stand(t, chain);
    gateway.child.kill('SIGKILL');
    assert.equal((await held).end, 'reset');
    await said(running, 'lost');
    const meanwhile = ask();
    gateway = start(whole, ['gateway', 'start', '--data-dir', chain.gatewayFolder]);
    await gateway.event('ready');
    const began = performance.now();
    assert.equal(await meanwhile, 'open and closed');
    const tookMs = performance.now() - began;
    const healed = await said(running, 'healed');
    t.diagnostic(`${tookMs.toFixed(0)} ms after the gateway was ready, outage ${String(healed['outage_ms'])} ms`);
    assert.ok(tookMs < WITHIN_MS, `${tookMs} ms`);
    assert.equal(await ask(), 'open and closed');
  });

  test('the edge killed', async (t) => {
    const { held, ask } = await stand(t, chain);
    process.kill(await edgePid(chain), 'SIGKILL');
    assert.equal((await held).end, 'reset');
    const began = performance.now();
    assert.equal(await ask(), 'open and closed');
    t.diagnostic(`${(performance.now() - began).toFixed(0)} ms`);
    assert.ok(performance.now() - began < WITHIN_MS);
  });

  test('the agent killed and started again', async (t) => {
    const { held, ask, running } = await stand(t, chain);
    agent.child.kill('SIGKILL');
    assert.equal((await held).end, 'reset');
    await said(running, 'lost');
    const meanwhile = ask();
    await startAgent();
    const began = performance.now();
    assert.equal(await meanwhile, 'open and closed');
    const tookMs = performance.now() - began;
    t.diagnostic(`${tookMs.toFixed(0)} ms after the agent was ready`);
    assert.ok(tookMs < WITHIN_MS, `${tookMs} ms`);
    await said(running, 'healed');
  });

  test('who waits for longer than --wait is told, and the listener stays', async (t) => {
    const { port, running, ask } = await stand(t, chain, '--wait', '500ms');
    agent.child.kill('SIGKILL');
    await said(running, 'lost');
    assert.equal((await readToEnd(await dial(t, port))).end, 'reset');
    await startAgent();
    await said(running, 'healed');
    assert.equal(await ask(), 'open and closed');
  });

  test('a proxy, too: who asks while the agent is away waits', async (t) => {
    const hello = await startTarget(t, (socket) => socket.end('hello'));
    const running = start(t, ['connect', '-D', '0', '--config-dir', chain.operatorFolder]);
    const port = portOf(await running.event('ready'));
    const ask = async () => {
      const socket = await dial(t, port);
      socket.write(Uint8Array.of(5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, hello >> 8, hello & 0xff));
      return (await text(socket)).slice(12);
    };
    assert.equal(await ask(), 'hello');
    agent.child.kill('SIGKILL');
    await once(agent.child, 'exit');
    const meanwhile = ask();
    await startAgent();
    assert.equal(await meanwhile, 'hello');
  });

  test('another network, and none for 7 s', async (t) => {
    const proxy = await startConnectProxy(t);
    const relay = await tcpRelay(t, { address: '127.0.0.1', port: proxy.port });
    const env = { HTTPS_PROXY: `http://127.0.0.1:${relay.at.port}` };
    const target = await startTarget(t, (socket) => socket.end('there'));
    const running = start(t, ['connect', `127.0.0.1:${target}`, '--config-dir', chain.operatorFolder], { env });
    const port = portOf(await running.event('ready'));
    const ask = async () => text((await dial(t, port)).end());
    assert.equal(await ask(), 'there');

    relay.silence();
    const changed = performance.now();
    assert.equal(await ask(), 'there');
    t.diagnostic(`another network: ${(performance.now() - changed).toFixed(0)} ms after the old one went silent`);
    assert.ok(performance.now() - changed < WITHIN_MS);
    await said(running, 'healed');

    relay.shut();
    const lost = said(running, 'lost');
    const meanwhile = ask();
    await lost;
    await new Promise((resolve) => setTimeout(resolve, 7000)); // the outage itself: nothing but our own `open` ends it
    relay.open();
    const opened = performance.now();
    assert.equal(await meanwhile, 'there');
    t.diagnostic(`none: ${(performance.now() - opened).toFixed(0)} ms after the network was back`);
    assert.ok(performance.now() - opened < WITHIN_MS);
  });

  test('the agent deleted: it ends at once, there is nothing to come back', async (t) => {
    const { running, held } = await stand(t, chain);
    const ended = ending(running);
    await succeed(['agent', 'delete', 'web1', '--data-dir', chain.gatewayFolder]);
    const { code, exit, tookMs } = await ended;
    assert.deepEqual([code, exit], ['route.none', 5]);
    t.diagnostic(`${tookMs.toFixed(0)} ms, the command that deletes included`);
    assert.equal((await held).end, 'reset');
  });
});

test('one of two targets goes for good: its listener closes, the other one stays, until the operator logs out', async (t) => {
  const chain = await startChain(t, { routes: '127.0.0.1/32' });
  const [second, bob] = [join(chain.folder, 'db1'), join(chain.folder, 'bob')];
  const mint = ['token', 'mint', '--data-dir', chain.gatewayFolder];
  await Promise.all([
    succeed([...mint, '--kind', 'agent', '--name', 'db1', '--routes', '127.0.0.2/32', '--ports', '1-65535', '--out', `${second}.token`]),
    succeed([...mint, '--kind', 'operator', '--name', 'bob', '--out', `${bob}.token`]),
  ]);
  await Promise.all([
    succeed(['agent', 'enroll', '--token-file', `${second}.token`, '--data-dir', second]),
    succeed(['login', '--token-file', `${bob}.token`, '--config-dir', bob]),
  ]);
  await start(t, ['agent', 'start', '--data-dir', second]).event('ready');
  const target = await startTarget(t, (socket) => socket.end('there'), '0.0.0.0');
  const running = start(t, ['connect', `127.0.0.1:${target}`, `127.0.0.2:${target}`, '--config-dir', bob]);
  const [stays, goes] = [portOf(await running.event('ready')), portOf(await running.event('ready'))];
  const ask = async (port: number) => text((await dial(t, port)).end());
  assert.equal(await ask(goes), 'there');
  const told = assert.rejects(running.event('nothing'), /"code":"route\.none"/);
  await succeed(['agent', 'delete', 'db1', '--data-dir', chain.gatewayFolder]);
  await told;
  assert.equal(await ask(stays), 'there');
  await assert.rejects(dial(t, goes), { code: 'ECONNREFUSED' });
  const ended = ending(running);
  await succeed(['logout', '--config-dir', bob]);
  const { code, exit } = await ended;
  assert.deepEqual([code, exit], ['login.refused', 3]);
});

function portOf({ listen }: Record<string, unknown>): number {
  return Number(/:(\d+)$/.exec(String(listen))?.[1]);
}
