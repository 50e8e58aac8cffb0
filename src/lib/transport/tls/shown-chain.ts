// What a peer showed in a TLS handshake: its leaf, and whatever it put behind it, trusted or not.
import type { Server, TLSSocket } from 'node:tls';

/** DER, the leaf first; empty where it showed nothing. To be asked once: Node forgets what is behind the leaf in telling it. */
export function shownChain(socket: TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  for (let certificate = socket.getPeerX509Certificate(); certificate !== undefined; certificate = certificate.issuerCertificate) chain.push(certificate.raw);
  return chain;
}

/**
 * `shownChain` of a server's sockets, for its 'secureConnection'. Node looks at the certificate itself before that, to set `authorized`, and so what is behind it is gone:
 * 'secure' comes earlier, and 'keylog' is where a server first gives its socket away. The keys themselves are not looked at.
 */
export function watchChains(server: Server): (socket: TLSSocket) => readonly Uint8Array[] {
  const shown = new WeakMap<TLSSocket, readonly Uint8Array[]>();
  server.on('keylog', (_line, socket) => {
    if (shown.has(socket)) return;
    shown.set(socket, []);
    socket.prependOnceListener('secure', () => shown.set(socket, shownChain(socket)));
  });
  return (socket) => shown.get(socket) ?? [];
}
