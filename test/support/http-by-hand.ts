// HTTP/1.1 written byte by byte over TLS or plain TCP, and everything that comes back.
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface Said {
  /** Of the first answer; undefined where the other side only cut. */
  readonly status: number | undefined;
  readonly text: string;
  readonly tookMs: number;
}

/** What a client sends, and when. */
export type Speak = (socket: Socket) => unknown;

/** Resolves when the other side has ended it. The certificate is of no interest here. */
export async function speak(port: number, say: Speak | string, { tls = true }: { readonly tls?: boolean } = {}): Promise<Said> {
  const at = { port, host: '127.0.0.1' };
  const socket = tls ? connectTls({ ...at, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }) : connectTcp(at);
  await once(socket, tls ? 'secureConnect' : 'connect');
  const began = performance.now();
  let text = '';
  socket
    .on('error', () => {})
    .on('data', (part: Buffer) => {
      text += part.toString('latin1');
    });
  const over = new Promise((resolve) => socket.once('close', resolve));
  if (typeof say === 'string') socket.write(say);
  else say(socket);
  await over;
  const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(text) ?? [];
  return { status: status === undefined ? undefined : Number(status), text, tookMs: performance.now() - began };
}

/** A POST that is to be refused; what follows the head is sent as it is. */
export function post(path: string, headers: Readonly<Record<string, string | number>>, body: string): string {
  const lines = Object.entries({ host: 'gw.example', connection: 'close', 'content-type': 'application/json', ...headers });
  return `POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}`).join('\r\n')}\r\n\r\n${body}`;
}
