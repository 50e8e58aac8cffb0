// A version 1 agent, its frames written by hand, behind the real gateway: enrolled over HTTP as a stock agent asks, linked by ALPN gw-agent-tunnel/1.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { generateKeyPem } from '../../src/lib/pki/keys.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import type { LinkStream } from '../../src/lib/transport/link.ts';
import { dialQuic } from '../../src/lib/transport/quic/dial.ts';
import type { Chain } from '../support/chain.ts';
import { connectTo } from '../support/chain.ts';
import { start, succeed, temporaryFolder } from '../support/cli.ts';
import { enrolOnceByHand } from '../support/enrol-by-hand.ts';
import { dial, startTarget } from '../support/tcp.ts';

/** RouteAdvertise, version 1, epoch 1, one subnet 127.0.0.0/8, no names (docs/protocol.md, 9). */
const ADVERTISE = Buffer.from('0000001801' + '0001' + '0000000000000001' + '00000001' + '7f00000008' + '00000000', 'hex');
const ACCEPTED = Buffer.from('00000003000001', 'hex');

async function readFrame(stream: LinkStream): Promise<Buffer> {
  const take = async (bytes: number): Promise<Buffer> => {
    for (;;) {
      const piece: Buffer | null = stream.read(bytes);
      if (piece !== null) return piece;
      await once(stream, 'readable');
    }
  };
  return await take((await take(4)).readUInt32BE());
}

test('a version 1 agent carries a connection', async (t) => {
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

  const link = await dialQuic(
    {
      to: { address: '127.0.0.1', port: Number(String(answer['quic_endpoint']).split(':').at(-1)) },
      serverName: '127.0.0.1',
      pinnedSpki: String(answer['server_spki_sha256']),
      credentials: {
        certificatePem: String(answer['client_cert_pem']),
        privateKeyPem,
        trustedCaPem: String(answer['gateway_ca_cert_pem']),
        alpn: ['gw-agent-tunnel/1'],
      },
      signal: t.signal,
    },
    realWorld({ level: 'silent' }),
  );
  t.after(() => link.close());
  assert.equal(link.alpn, 'gw-agent-tunnel/1');
  const control = await link.openStream(t.signal);
  control.write(ADVERTISE);
  // Heartbeat, whose answer shows that the advertisement before it was taken.
  control.write(Buffer.from('0000000f0200010000018bcfe5680000000000', 'hex'));
  assert.equal((await readFrame(control)).toString('hex'), '0300010000018bcfe56800');

  const target = await startTarget(t, (socket) => void text(socket).then((question) => socket.end(`heard ${question}`)));
  await succeed(['login', '--token-file', '-', '--config-dir', operatorFolder], { input: await mint('--kind', 'operator', '--name', 'alice') });
  const { port } = await connectTo(t, { operatorFolder } as Chain, `127.0.0.1:${target}`);
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

  const { agents } = (await succeed(['agent', 'list', '--data-dir', gatewayFolder, '--json'])).json();
  assert.equal((agents as { protocol: number }[])[0]?.protocol, 1);
});
