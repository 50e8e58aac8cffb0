// The front door for our own CLI, and for whoever speaks CONNECT over HTTP/2 by ALPN tunnel-connect/1, on sockets that control accepted and handed on.
import type { World } from '../../../base/world.ts';
import { OPERATOR_ALPN } from '../../../link/operator-request.ts';
import type { Carrier } from '../carry.ts';
import { serveHttp2 } from './http2.ts';
import { Newcomers } from './newcomers.ts';
import { serveStreams } from './streams.ts';
import { type ServerKeys, type TlsFront, terminateTls } from './tls.ts';

const HTTP2_ALPN = 'tunnel-connect/1';

export function operatorFront(keys: ServerKeys, carrier: Carrier, world: World): TlsFront {
  const { log, random } = world;
  const options = { ...keys, alpn: [OPERATOR_ALPN, HTTP2_ALPN], alpnOptional: false, minVersion: 'TLSv1.3', exactEnds: false } as const;
  const newcomers = new Newcomers(world.clock);
  return terminateTls(
    options,
    (socket, remote) => {
      const asked = newcomers.admit(socket, remote);
      if (socket.alpnProtocol === OPERATOR_ALPN) serveStreams(socket, remote, carrier, world, asked);
      else serveHttp2(socket, remote, carrier, log, random.uuid()).once('stream', asked);
    },
    log,
  );
}
