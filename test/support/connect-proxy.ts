// A small HTTP proxy written by hand: CONNECT with or without Basic authentication, and what it was asked, word for word.
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { TLSSocket } from 'node:tls';
import { reset } from '../../src/lib/streams/reset.ts';
import { startTarget } from './tcp.ts';

export interface ConnectProxy {
  readonly port: number;
  /** Heads of the requests, in order. */
  readonly asked: readonly string[];
}

interface Options {
  /** `user:password` that it demands. */
  readonly demands?: string;
  /** What it writes in the same chunk as its 200, as a server that speaks first. */
  readonly first?: string;
  /** Where it connects instead of where it was asked to: names are its own business. */
  readonly leadsTo?: number;
  /** It is spoken to over TLS. */
  readonly tls?: { readonly certificatePem: string; readonly privateKeyPem: string };
}

export async function startConnectProxy(t: TestContext, { demands, first = '', leadsTo, tls }: Options = {}): Promise<ConnectProxy> {
  const asked: string[] = [];
  const wanted = demands === undefined ? undefined : `Basic ${Buffer.from(demands).toString('base64')}`;
  const port = await startTarget(t, (raw) => {
    const socket = tls === undefined ? raw : new TLSSocket(raw, { isServer: true, cert: tls.certificatePem, key: tls.privateKeyPem });
    socket.on('error', () => raw.destroy());
    takeHead(socket, (head) => {
      asked.push(head);
      const [, place = ''] = /^CONNECT (\S+) HTTP\/1\.1\r\n/.exec(head) ?? [];
      const shown = /\r\nProxy-Authorization: ([^\r]*)/i.exec(head)?.[1];
      if (wanted !== undefined && shown !== wanted) {
        socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="test"\r\nContent-Length: 0\r\n\r\n');
        return;
      }
      const [, host = '', asPort = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(place) ?? [];
      const onward = connect({ host: leadsTo === undefined ? host : '127.0.0.1', port: leadsTo ?? Number(asPort), allowHalfOpen: true });
      t.after(() => onward.destroy());
      const unreachable = () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      onward.once('error', unreachable).once('connect', () => {
        onward.off('error', unreachable);
        socket.write(`HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n${first}`);
        join(socket, onward);
        join(onward, socket);
      });
    });
  });
  return { port, asked };
}

/** Ends are passed on as ends and resets as resets, like the proxies of the distribution do. */
function join(from: Socket, to: Socket): void {
  from.pipe(to);
  from.on('error', (error) => reset(to, error));
  from.once('close', () => to.destroySoon());
}

function takeHead(socket: Socket, then: (head: string) => void): void {
  let head = '';
  const take = (chunk: Buffer) => {
    head += chunk.toString('latin1');
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    socket.off('data', take);
    socket.pause();
    if (head.length > end + 4) socket.unshift(Buffer.from(head.slice(end + 4), 'latin1'));
    then(head.slice(0, end + 4));
  };
  socket.on('data', take);
}
