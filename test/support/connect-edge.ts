// An edge written by hand, for tests of the operator's side: TLS, ALPN tunnel-connect/2, and streams whose request the test answers as it likes.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { createServer, type TLSSocket } from 'node:tls';
import { grantRequest, hearRequest, OPERATOR_ALPN } from '../../src/lib/link/operator-request.ts';
import type { OperatorRequest } from '../../src/lib/protocol/operator.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import type { LinkStream } from '../../src/lib/transport/link.ts';
import { MuxLink } from '../../src/lib/transport/mux/link.ts';
import { makeTestCa } from './test-ca.ts';

export interface ConnectEdge {
  /** host:port. */
  readonly connect: string;
  readonly caPem: string;
  /** What was asked, in order. */
  readonly seen: OperatorRequest[];
  /** Connections so far. */
  connections(): number;
  /** Ends every connection as a killed process would. */
  cut(): void;
}

export type Answer = (stream: LinkStream, request: OperatorRequest) => Promise<void> | void;

const { clock } = realWorld({ level: 'silent' });

export async function startConnectEdge(t: TestContext, answer: Answer): Promise<ConnectEdge> {
  const { server: identity, caPem } = await makeTestCa();
  const sockets = new Set<TLSSocket>();
  const seen: OperatorRequest[] = [];
  let connections = 0;
  const server = createServer({ cert: identity.certificatePem, key: identity.privateKeyPem, ALPNProtocols: [OPERATOR_ALPN] }, (socket) => {
    connections += 1;
    socket.on('error', () => {});
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    const liveness = { keepAliveMs: 100, deadLinkMs: 10_000 }; // heard all the time, so that clients' first bytes leave at once
    const parts = { socket, role: 'listener', transport: 'tls', alpn: OPERATOR_ALPN, remote: { address: '', port: 0 }, liveness } as const;
    const link = new MuxLink({ ...parts, peerCertificate: new Uint8Array(0), incomingStreams: 4096 }, clock);
    serve(link).catch(() => {}); // it was cut
  });
  const serve = async (link: MuxLink): Promise<void> => {
    for (;;) {
      const stream = await link.acceptStream(t.signal);
      void (async () => {
        const request = await hearRequest(stream, clock, t.signal);
        seen.push(request);
        await answer(stream, request);
      })().catch(() => stream.destroy());
    }
  };
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
  return { connect: `127.0.0.1:${(server.address() as AddressInfo).port}`, caPem, seen, connections: () => connections, cut };
}

/** Says yes, as an edge whose agent web1 has reached the target. */
export async function accept(stream: LinkStream): Promise<LinkStream> {
  await grantRequest(stream, { agent: 'web1' }, clock, new AbortController().signal);
  return stream;
}
