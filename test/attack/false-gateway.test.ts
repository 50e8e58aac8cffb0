// An agent that plays the gateway: a certificate of the right CA with the gateway's names in it, but for clients. Nobody of ours takes it, and no secret reaches it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { createServer, type Server } from 'node:tls';
import { ALPN } from '../../src/lib/link/version.ts';
import { generateKeyPem } from '../../src/lib/pki/keys.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { listenQuic, type QuicListener } from '../../src/lib/transport/quic/listen.ts';
import { startChain } from '../support/chain.ts';
import { succeed, tunnel } from '../support/cli.ts';
import { caOf, forge, type Issuer } from '../support/forged-certificates.ts';

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const SECRET = /authorization: *(bearer|basic)/i;

/** In the gateway's place, on its ports: answers first contact with the real CA, and keeps all that it hears. */
interface FalseGateway {
  readonly heard: () => string;
  readonly links: () => number;
  close(): Promise<void>;
}

async function pretend(port: number, udp: number, ca: Issuer, usage: string): Promise<FalseGateway> {
  const key = await generateKeyPem();
  const names = [
    { type: 'url', value: 'urn:uuid:00112233-4455-4677-8899-aabbccddeeff' },
    { type: 'ip', value: '127.0.0.1' },
    { type: 'dns', value: 'localhost' },
  ] as const;
  const cert = await forge(ca, key, { commonName: '127.0.0.1', names, usages: [usage] });
  let [heard, links] = ['', 0];
  const server: Server = createServer({ cert, key, ALPNProtocols: [...ALPN, 'tunnel-connect/2', 'http/1.1'] }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', (part: Buffer) => {
      heard += part.toString('latin1');
      const body = JSON.stringify({ ca_pem: ca.certificatePem });
      const status = heard.includes('/api/v1/ca') && !SECRET.test(heard) ? '200 OK' : '404 Not Found';
      socket.end(`HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
    });
  });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const quic: QuicListener = await listenQuic(
    {
      at: { address: '127.0.0.1', port: udp },
      credentials: { certificatePem: cert, privateKeyPem: key, trustedCaPem: ca.certificatePem, alpn: ALPN },
      secret: new Uint8Array(32),
      onLink: () => {
        links += 1;
      },
    },
    realWorld({ level: 'silent' }),
  );
  const close = async () => {
    server.close();
    await Promise.all([once(server, 'close'), quic.close()]);
  };
  return { heard: () => heard, links: () => links, close };
}

describe("an agent's certificate in the gateway's place", () => {
  const cleanups: (() => unknown)[] = [];
  let ca: Issuer;
  let [tcp, udp] = [0, 0];
  let commands: Record<'start over QUIC' | 'start over TLS' | 'enrol' | 'log in' | 'connect', string[]>;

  before(async () => {
    const context = { after: (cleanup: () => unknown) => cleanups.push(cleanup) } as unknown as TestContext;
    const chain = await startChain(context);
    const at = (name: string) => join(chain.folder, name);
    const mint = ['token', 'mint', '--data-dir', chain.gatewayFolder];
    await succeed([...mint, '--kind', 'agent', '--name', 'second', '--out', at('second.token')]);
    await succeed([...mint, '--kind', 'operator', '--name', 'bob', '--out', at('bob.token')]);
    ca = caOf(chain.gatewayFolder);
    tcp = Number(new URL(String(chain.ready['url'])).port);
    udp = Number(String(chain.ready['udp']).split(':').at(-1));
    await chain.agent.stop();
    await chain.gateway.stop();
    const agentStart = ['agent', 'start', '--data-dir', chain.agentFolder, '--wait', '2s', '--transport'];
    commands = {
      'start over QUIC': [...agentStart, 'quic'],
      'start over TLS': [...agentStart, 'tls'],
      enrol: ['agent', 'enroll', '--token-file', at('second.token'), '--data-dir', at('second')],
      'log in': ['login', '--token-file', at('bob.token'), '--config-dir', at('bob')],
      connect: ['connect', '127.0.0.1:1', '--config-dir', chain.operatorFolder],
    };
  });
  after(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  test('agent start, agent enroll, login and connect refuse it, and tell it nothing', async (t) => {
    const there = await pretend(tcp, udp, ca, CLIENT_AUTH);
    t.after(() => there.close());
    const seen: unknown[] = [];
    const said: string[] = [];
    for (const [what, args] of Object.entries(commands)) {
      const ended = await tunnel([...args, '--json']);
      const { error } = ended.json() as { error: { code: string } };
      seen.push([what, ended.code, error.code]);
      said.push(ended.stderr);
    }
    assert.deepEqual(seen, [
      ['start over QUIC', 7, 'timeout'],
      ['start over TLS', 7, 'timeout'],
      ['enrol', 3, 'certificate.refused'],
      ['log in', 3, 'certificate.refused'],
      ['connect', 3, 'certificate.refused'],
    ]);
    for (const log of said.slice(0, 2)) assert.match(log, /certificate/);
    assert.equal(there.links(), 0);
    assert.match(there.heard(), /GET \/api\/v1\/ca/);
    assert.doesNotMatch(there.heard(), SECRET);
  });

  test('with the right purpose in it they would have talked', async (t) => {
    const there = await pretend(tcp, udp, ca, SERVER_AUTH);
    t.after(() => there.close());
    await tunnel(commands['log in']);
    assert.match(there.heard(), SECRET);
  });
});
