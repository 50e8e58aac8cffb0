// The agent's end of a version 1 link, its frames written by hand (docs/protocol.md, 9).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { realWorld } from '../../src/lib/system/real-world.ts';
import type { Link, LinkStream } from '../../src/lib/transport/link.ts';
import { dialQuic } from '../../src/lib/transport/quic/dial.ts';

/** RouteAdvertise, version 1, epoch 1, one subnet 127.0.0.0/8, no names. */
const ADVERTISE = Buffer.from('0000001801' + '0001' + '0000000000000001' + '00000001' + '7f00000008' + '00000000', 'hex');

export interface StockLink {
  readonly link: Link;
  readonly control: LinkStream;
}

/** With what an enrolment by hand was answered. Its routes are taken when this resolves. */
export async function linkStock(t: TestContext, answer: Record<string, unknown>, privateKeyPem: string): Promise<StockLink> {
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
      signal: new AbortController().signal,
    },
    realWorld({ level: 'silent' }),
  );
  t.after(() => link.close());
  assert.equal(link.alpn, 'gw-agent-tunnel/1');
  const control = await link.openStream(new AbortController().signal);
  control.write(ADVERTISE);
  // Heartbeat, whose answer shows that the advertisement before it was taken.
  control.write(Buffer.from('0000000f0200010000018bcfe5680000000000', 'hex'));
  assert.equal((await readFrame(control)).toString('hex'), '0300010000018bcfe56800');
  return { link, control };
}

/** Its payload. */
export async function readFrame(stream: LinkStream): Promise<Buffer> {
  const take = async (bytes: number): Promise<Buffer> => {
    for (;;) {
      const piece: Buffer | null = stream.read(bytes);
      if (piece !== null) return piece;
      await once(stream, 'readable');
    }
  };
  return await take((await take(4)).readUInt32BE());
}
