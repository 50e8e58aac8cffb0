// The front door for curl, git and other plain clients: an HTTPS proxy on a listener of its own, HTTP/1.1 or HTTP/2 by ALPN.

import { TunnelError } from '../../../base/errors.ts';
import type { SocketAddress, World } from '../../../base/world.ts';
import { refusalAnswer } from '../../../streams/http-connect.ts';
import { type ProxyRequests, serveHttpProxy } from '../../../streams/http-proxy.ts';
import type { Carrier } from '../carry.ts';
import { serveHttp2 } from './http2.ts';
import { Newcomers } from './newcomers.ts';
import { admitRequest, understandFailure } from './request.ts';
import { type ServerKeys, type TlsFront, terminateTls } from './tls.ts';

export interface ProxyFront extends AsyncDisposable, Pick<TlsFront, 'useCertificate'> {
  readonly at: SocketAddress;
}

/** Errors `port.in-use`, `address.not-here`. Disposing resets what is open. */
export async function listenForProxyClients(at: SocketAddress, keys: ServerKeys, carrier: Carrier, world: World): Promise<ProxyFront> {
  const { log, net } = world;
  const requests: ProxyRequests = {
    // Async, so that what is refused before anything was asked is a rejection too.
    connect: async ({ authority, authorization, remote }, signal) => await carrier.connect(admitRequest(authority, authorization, remote), signal),
    refuse: (thrown, remote) => refusalAnswer(understandFailure(thrown, remote, log)),
  };
  const http1 = serveHttpProxy(requests, world);
  const options = { ...keys, alpn: ['h2', 'http/1.1'], alpnOptional: true, minVersion: 'TLSv1.2', exactEnds: true } as const;
  const newcomers = new Newcomers(world.clock);
  const tls = terminateTls(
    options,
    (socket, remote) => {
      // HTTP/1.1 has a limit of its own.
      if (socket.alpnProtocol === 'h2') serveHttp2(socket, remote, carrier, log).once('stream', newcomers.admit(socket, remote));
      else http1.take(socket, remote);
    },
    log,
  );
  const listener = await net.listen(at, tls.take);
  if (!('port' in listener.at)) throw new TunnelError('internal', 'the proxy listens on no TCP port');
  return {
    at: listener.at,
    useCertificate: tls.useCertificate,
    async [Symbol.asyncDispose]() {
      await listener.close();
      tls.close();
      http1.close();
    },
  };
}
