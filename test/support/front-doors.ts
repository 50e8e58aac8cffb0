// Every way in for an operator, asked by a client written by hand: the gateway's own doors, and the local proxies of `tunnel connect`.
import { once } from 'node:events';
import { connect as connectTcp, isIPv4, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { SessionGrant } from '../../src/lib/api/contract.ts';
import { TunnelError } from '../../src/lib/base/errors.ts';
import { connectEdge } from '../../src/lib/operator/edge-connection.ts';
import { parseAddress } from '../../src/lib/routing/subnet.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { start } from './cli.ts';
import { dialOperator } from './edge-stand.ts';

/** Asks for `host:port` as it is spelled. `unsaid`: this door has no words for it. */
export type Door = (spelling: string) => Promise<Duplex | 'refused' | 'unsaid'>;

const world = realWorld({ level: 'silent' });

/** The gateway's: each asked with the token of `grant`. */
export async function gatewayDoors(t: TestContext, { connect, proxy, ca_pem: ca, token }: SessionGrant): Promise<Readonly<Record<string, Door>>> {
  const edge = await connectEdge(connect, ca, world, t.signal);
  t.after(() => edge.close());
  const at = new URL(proxy ?? '');
  const shown = { 'proxy-authorization': `Bearer ${token}` };
  const [own, plain] = await Promise.all([dialOperator(t, Number(new URL(`https://${connect}`).port), ca), dialOperator(t, Number(at.port), ca, 'h2')]);
  const byHttp2 =
    ({ connect: ask }: typeof own): Door =>
    async (spelling) => {
      if (/[^\x21-\x7e]/.test(spelling)) return 'unsaid'; // no header has such a value (RFC 9113, 8.2.1), and Node's client writes none
      const answer = await ask(spelling, shown).catch(() => undefined); // an authority that is none is a reset
      if (answer?.status === 200) return answer.stream;
      answer?.stream.destroy();
      return 'refused';
    };
  const secure = () => connectTls({ host: at.hostname, port: Number(at.port), ca, ALPNProtocols: ['http/1.1'] });
  const authorization = `Proxy-Authorization: Bearer ${token}\r\n`;
  return {
    'an operator request': (spelling) => edge.open(spelling, token, t.signal).catch(refusal),
    "CONNECT over HTTP/2 on the gateway's port": byHttp2(own),
    'CONNECT over HTTP/2 on the proxy': byHttp2(plain),
    ...httpDoors(t, 'the proxy', secure, authorization),
  };
}

/** The API, which is no door at all: nothing that is asked of it so may be granted. */
export function apiDoors(t: TestContext, { connect, ca_pem: ca, token }: SessionGrant): Readonly<Record<string, Door>> {
  const at = new URL(`https://${connect}`);
  const secure = () => connectTls({ host: at.hostname, port: Number(at.port), ca, ALPNProtocols: ['http/1.1'] });
  return httpDoors(t, 'the API', secure, `Proxy-Authorization: Bearer ${token}\r\nAuthorization: Bearer ${token}\r\n`);
}

/** Of a `tunnel connect -D --http` of its own. */
export async function localDoors(t: TestContext, operatorFolder: string): Promise<Readonly<Record<string, Door>>> {
  const running = start(t, ['connect', '-D', '0', '--http', '0', '--config-dir', operatorFolder]);
  const ports: Record<string, number> = {};
  for (let ready = 0; ready < 2; ready += 1) {
    const { listen, protocol } = await running.event('ready');
    ports[String(protocol)] = Number(/\d+$/.exec(String(listen))?.[0]);
  }
  const dial = (protocol: 'socks5' | 'http') => () => connectTcp({ host: '127.0.0.1', port: ports[protocol] ?? 0 });
  const socks =
    (request: (host: string, port: number) => Buffer | undefined): Door =>
    async (spelling) => {
      const [, host = '', port = ''] = /^(.*):(\d{1,5})$/s.exec(spelling) ?? [];
      const said = Number(port) > 65_535 || String(Number(port)) !== port ? undefined : request(host, Number(port));
      return said === undefined ? 'unsaid' : await askSocks(t, dial('socks5')(), said);
    };
  return {
    'SOCKS5, by name': socks((host, port) =>
      host.length > 255 ? undefined : Buffer.concat([V5, Buffer.of(3, Buffer.byteLength(host)), Buffer.from(host), word(port)]),
    ),
    'SOCKS5, by address': socks((host, port) => {
      const bytes = parseAddress(host.replace(/^\[(.*)\]$/, '$1'));
      return bytes && Buffer.concat([V5, Buffer.of(bytes.length === 4 ? 1 : 4), bytes, word(port)]);
    }),
    SOCKS4: socks((host, port) => (isIPv4(host) ? Buffer.concat([Buffer.of(4, 1), word(port), parseAddress(host) ?? Buffer.of(), Buffer.of(0)]) : undefined)),
    SOCKS4a: socks((host, port) =>
      host.includes('\0') ? undefined : Buffer.concat([Buffer.of(4, 1), word(port), Buffer.of(0, 0, 0, 1, 0), Buffer.from(host), Buffer.of(0)]),
    ),
    ...httpDoors(t, '--http', dial('http'), ''),
  };
}

const V5 = Buffer.of(5, 1, 0);
const word = (port: number) => Buffer.of(port >> 8, port & 255);

function httpDoors(t: TestContext, where: string, dial: () => Socket, headers: string): Readonly<Record<string, Door>> {
  const asking =
    (head: (written: string) => string): Door =>
    async (spelling) => {
      const socket = opened(t, dial());
      socket.write(Buffer.from(`${head(Buffer.from(spelling).toString('latin1'))}${headers}\r\n`, 'latin1'));
      const answer = await until(socket, (heard) => heard.includes('\r\n\r\n'));
      return judged(socket, / 200 /.test(answer.subarray(0, 16).toString('latin1')));
    };
  const inAbsoluteForm = asking((written) => `GET http://${written}/ HTTP/1.1\r\nHost: 127.99.0.1\r\n`);
  return {
    [`CONNECT at ${where}`]: asking((written) => `CONNECT ${written} HTTP/1.1\r\nHost: ${written}\r\n`),
    [`a request in absolute form at ${where}`]: async (spelling) => (/:\d+\/$/.test(spelling) ? 'unsaid' : await inAbsoluteForm(spelling)), // there it is a path
  };
}

async function askSocks(t: TestContext, dialling: Socket, request: Buffer): ReturnType<Door> {
  const socket = opened(t, dialling);
  if (request[0] === 4) {
    socket.write(request);
    return judged(socket, (await until(socket, ({ length }) => length >= 8))[1] === 90);
  }
  socket.write(Buffer.of(5, 1, 0));
  await until(socket, ({ length }) => length >= 2);
  socket.write(request);
  const answer = await until(socket, ({ length }) => length >= 10);
  return judged(socket, answer.length > 1 && answer[1] === 0);
}

function opened(t: TestContext, socket: Socket): Socket {
  t.after(() => socket.destroy());
  return socket.on('error', () => {});
}

function judged(socket: Socket, granted: boolean): Duplex | 'refused' {
  if (granted) return socket;
  socket.destroy();
  return 'refused';
}

/** What came until it was enough, or until the other side ended it. */
async function until(socket: Socket, enough: (heard: Buffer) => boolean): Promise<Buffer> {
  let heard = Buffer.of();
  while (!enough(heard)) {
    const chunk: Buffer | null = socket.read();
    if (chunk !== null) heard = Buffer.concat([heard, chunk]);
    else if (socket.destroyed || socket.readableEnded) break;
    else await Promise.race([once(socket, 'readable'), once(socket, 'close')]);
  }
  return heard;
}

function refusal(error: unknown): 'refused' {
  if (error instanceof TunnelError && error.code !== 'internal') return 'refused';
  throw error;
}
