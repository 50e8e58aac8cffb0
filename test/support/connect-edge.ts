// An edge written by hand, for tests of the operator's side: TLS, ALPN tunnel-connect/1, HTTP/2, and a CONNECT that the test answers as it likes.
import { once } from 'node:events';
import { type IncomingHttpHeaders, performServerHandshake, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { createServer, type TLSSocket } from 'node:tls';
import { makeTestCa } from './test-ca.ts';

export interface ConnectEdge {
  /** host:port. */
  readonly connect: string;
  readonly caPem: string;
  /** Of every CONNECT, in order. */
  readonly seen: IncomingHttpHeaders[];
  /** Ends every connection as a killed process would. */
  cut(): void;
}

export async function startConnectEdge(t: TestContext, answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void): Promise<ConnectEdge> {
  const { server: identity, caPem } = await makeTestCa();
  const sockets = new Set<TLSSocket>();
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer({ cert: identity.certificatePem, key: identity.privateKeyPem, ALPNProtocols: ['tunnel-connect/1'] }, (socket) => {
    socket.on('error', () => {});
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    const session = performServerHandshake(socket);
    session.on('error', () => {});
    session.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      seen.push(headers);
      answer(stream, headers);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  t.after(async () => {
    cut();
    server.close();
    await once(server, 'close');
  });
  return { connect: `127.0.0.1:${(server.address() as AddressInfo).port}`, caPem, seen, cut };
}
