// The front door for our own CLI: TLS with ALPN tunnel-connect/1, then CONNECT over HTTP/2, on sockets that control accepted and handed on.
import type { World } from '../../../base/world.ts';
import type { Carrier } from '../carry.ts';
import { serveHttp2 } from './http2.ts';
import { type ServerKeys, type TlsFront, terminateTls } from './tls.ts';

const OPERATOR_ALPN = 'tunnel-connect/1';

export function operatorFront(keys: ServerKeys, carrier: Carrier, { log, random }: World): TlsFront {
  const options = { ...keys, alpn: [OPERATOR_ALPN], alpnOptional: false, minVersion: 'TLSv1.3', exactEnds: false } as const;
  return terminateTls(options, (socket, remote) => serveHttp2(socket, remote, carrier, log, random.uuid()), log);
}
