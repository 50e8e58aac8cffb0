// A version 1 agent, its frames written by hand, behind the real gateway: enrolled over HTTP as a stock agent asks, linked by ALPN gw-agent-tunnel/1.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { generateKeyPem } from '../../src/lib/pki/keys.ts';
import type { LinkStream } from '../../src/lib/transport/link.ts';
import type { Chain } from '../support/chain.ts';
import { connectTo } from '../support/chain.ts';
import { start, succeed, temporaryFolder } from '../support/cli.ts';
import { enrolOnceByHand } from '../support/enrol-by-hand.ts';
import { linkStock, readFrame, type StockLink } from '../support/stock-agent.ts';
import { dial, startTarget } from '../support/tcp.ts';

const ACCEPTED = Buffer.from('00000003000001', 'hex');

interface Stock {
  readonly chain: Chain;
  readonly gatewayFolder: string;
  /** A link, its routes taken. */
  dial(): Promise<StockLink>;
}

/** A gateway, an operator who is logged in, and an agent that was enrolled as a stock agent asks. */
async function startStock(t: TestContext): Promise<Stock> {
  const folder = temporaryFolder(t);
  const [gatewayFolder, operatorFolder] = [join(folder, 'gw'), join(folder, 'op')];
  await succeed(['ca', 'init', '--data-dir', gatewayFolder]);
  const gateway = start(t, ['gateway', 'start', '--data-dir', gatewayFolder, '--listen', '127.0.0.1:0']);
  const ready = await gateway.event('ready');
  const mint = async (...flags: string[]) => (await succeed(['token', 'mint', '--data-dir', gatewayFolder, ...flags])).stdout.trim();
  const privateKeyPem = await generateKeyPem();
  const token = await mint('--kind', 'agent', '--name', 'stock1', '--routes', '127.0.0.0/8', '--ports', '1-65535');
  const answer = await enrolOnceByHand(String(ready['url']), token, privateKeyPem, 'stock1');
  assert.deepEqual(Object.keys(answer).slice(0, 5).sort(), ['agent_id', 'client_cert_pem', 'gateway_ca_cert_pem', 'quic_endpoint', 'server_spki_sha256']);
  await succeed(['login', '--token-file', '-', '--config-dir', operatorFolder], { input: await mint('--kind', 'operator', '--name', 'alice') });
  return {
    chain: { operatorFolder } as Chain,
    gatewayFolder,
    dial: () => linkStock(t, answer, privateKeyPem),
  };
}

type ServeChannel = (channel: LinkStream) => Promise<void>;

/** A stock agent's life: links, and dials again half a second after a link has ended. Gives how many links it has had. */
async function keepServing(t: TestContext, stock: Stock, serve: ServeChannel): Promise<{ readonly links: number }> {
  const life = { links: 0 };
  const over = new AbortController();
  t.after(() => over.abort());
  const live = async () => {
    const { link } = await stock.dial();
    life.links += 1;
    const accept = async () => {
      for (;;) await serve(await link.acceptStream(over.signal));
    };
    accept().catch(() => {});
    return link;
  };
  let link = await live();
  const again = async () => {
    while (!over.signal.aborted) {
      await link.closed;
      await setTimeout(500, undefined, { signal: over.signal });
      link = await live();
    }
  };
  again().catch(() => {});
  return life;
}

test('a version 1 agent carries a connection', async (t) => {
  const stock = await startStock(t);
  const { link } = await stock.dial();
  const target = await startTarget(t, (socket) => void text(socket).then((question) => socket.end(`heard ${question}`)));
  const { port } = await connectTo(t, stock.chain, `127.0.0.1:${target}`);
  const client = await dial(t, port);
  client.end('a question');

  const channel = await link.acceptStream(t.signal);
  const request = await readFrame(channel);
  assert.equal(request.subarray(0, 3).toString('hex'), '010001');
  assert.equal(request.subarray(23).toString(), `127.0.0.1:${target}`);
  channel.write(ACCEPTED);
  const behind = connect({ host: '127.0.0.1', port: target, allowHalfOpen: true });
  channel.pipe(behind).pipe(channel);
  assert.equal(await text(client), 'heard a question');

  const { agents } = (await succeed(['agent', 'list', '--data-dir', stock.gatewayFolder, '--json'])).json();
  assert.equal((agents as { protocol: number }[])[0]?.protocol, 1);
});

/** What a stock agent does with a channel whose operator has gone while its target says nothing: it keeps it. */
function keep(channel: LinkStream): LinkStream {
  channel.on('error', () => {});
  channel.destroy = () => channel;
  return channel;
}

/** One connection after another, each a question and its answer. */
async function ask(t: TestContext, port: number, times: number): Promise<number> {
  let slowest = 0;
  for (let count = 0; count < times; count += 1) {
    const begun = performance.now();
    const client = await dial(t, port);
    client.write('ping');
    const [answer] = await Promise.race([once(client, 'data'), once(client, 'close')]);
    assert.equal(String(answer), 'pong', `connection ${count + 1}`);
    client.resetAndDestroy();
    slowest = Math.max(slowest, performance.now() - begun);
  }
  return slowest;
}

test('an agent that leaks every stream serves 150 connections in a row', async (t) => {
  const stock = await startStock(t);
  const life = await keepServing(t, stock, async (channel) => {
    await readFrame(keep(channel));
    channel.write(ACCEPTED);
    channel.once('data', () => channel.write('pong'));
  });
  const { port } = await connectTo(t, stock.chain, '127.0.0.1:9');
  const slowest = await ask(t, port, 150);
  assert.equal(life.links, 2);
  t.diagnostic(`slowest: ${Math.round(slowest)} ms`);
});

test('an end instead of a refusal is an error at once that says so', async (t) => {
  const stock = await startStock(t);
  await keepServing(t, stock, async (channel) => {
    await readFrame(channel);
    channel.end();
  });
  const { port, running } = await connectTo(t, stock.chain, '127.0.0.1:9');
  const begun = performance.now();
  const client = await dial(t, port);
  client.on('error', () => {});
  await assert.rejects(running.event('never'), /"code":"agent\.failed","message":"127\.0\.0\.1:9 through stock1: the agent refused without saying why"/);
  assert.ok(performance.now() - begun < 2000);
});
