// Sockets of the operating system, with its errors put into our codes.
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect, createServer, isIP, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { unlessAborted } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import type { LocalPath, Net, ResolvedAddress, SocketAddress } from '../base/world.ts';

const ALL_BUT_OWNER = 0o177;
const UDP_BUFFER_BYTES = 4 * 1024 * 1024;

export const realNet: Net = {
  environment: process.env,

  async resolve(host, signal) {
    const family = isIP(host);
    if (family !== 0) return [{ address: host, family: family === 4 ? 4 : 6 }];
    signal.throwIfAborted();
    // dns.lookup cannot be cancelled; the caller at least stops waiting for it.
    const found = await unlessAborted(lookup(host, { all: true, order: 'verbatim' }), signal).catch((cause: unknown) => {
      if (signal.aborted) throw signal.reason;
      throw new TunnelError('dns.failed', `cannot resolve ${host}: ${codeOf(cause)}`, {
        hint: 'Check the spelling and the DNS servers of the machine that resolves it.',
        cause,
      });
    });
    return found.map(({ address, family: of }): ResolvedAddress => ({ address, family: of === 6 ? 6 : 4 }));
  },

  connect(to, signal) {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const socket = connect({ ...('path' in to ? { path: to.path } : { host: to.address, port: to.port }), allowHalfOpen: true, noDelay: true });
      const settle = (act: () => void) => {
        signal.removeEventListener('abort', abort);
        socket.off('connect', connected).off('error', failed);
        act();
      };
      const abort = () => {
        socket.destroy();
        settle(() => reject(signal.reason));
      };
      const failed = (cause: Error) => {
        socket.destroy();
        settle(() => reject(connectError(to, cause)));
      };
      const connected = () => settle(() => resolve(socket));
      signal.addEventListener('abort', abort, { once: true });
      socket.once('connect', connected).once('error', failed);
    });
  },

  async listen(at, onConnection) {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, onConnection);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => reject(bindError(at, cause)));
      if ('path' in at) privately(() => server.listen({ path: at.path }, resolve));
      else server.listen({ host: at.address, port: at.port }, resolve);
    });
    server.on('error', () => {}); // accept errors (EMFILE) pass; the listener stays
    const close = () => closeServer(server);
    return { at: 'path' in at ? at : boundAddress(server), close, [Symbol.asyncDispose]: close };
  },

  async bindUdp(at, onDatagram) {
    const socket = createSocket({
      type: isIP(at.address) === 6 ? 'udp6' : 'udp4',
      recvBufferSize: UDP_BUFFER_BYTES,
      sendBufferSize: UDP_BUFFER_BYTES,
      lookup: (address, _options, done) => done(null, address, isIP(address)), // all are addresses; Node's own lookup costs a turn for each datagram
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (cause) => {
        socket.close();
        reject(bindError(at, cause));
      });
      socket.bind(at.port, at.address, resolve);
    });
    socket.removeAllListeners('error');
    socket.on('error', () => {}); // an ICMP answer to one datagram; the endpoint lives on its timers
    socket.on('message', (datagram, from) => onDatagram(datagram, from));
    let closing: Promise<void> | undefined;
    const close = () => {
      closing ??= new Promise((resolve) => socket.close(() => resolve()));
      return closing;
    };
    return {
      at: socket.address(),
      send: (datagram, to, done) => {
        if (closing !== undefined) return done?.(null);
        socket.send(datagram, to.port, to.address, done ?? (() => {}));
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  },

  interfaces: () =>
    Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter((address) => !address.internal)
      .map(({ address, family }): ResolvedAddress => ({ address, family: family === 'IPv6' ? 6 : 4 })),

  /** Connecting a UDP socket asks the routing table and sends nothing; measured: 23 us. */
  async sourceAddress(to) {
    const socket = createSocket({ type: isIP(to.address) === 6 ? 'udp6' : 'udp4', lookup: (address, _options, done) => done(null, address, isIP(address)) });
    return await new Promise((resolve) => {
      const answer = (address: string | undefined) => {
        socket.removeAllListeners();
        socket.close();
        resolve(address);
      };
      socket.once('error', () => answer(undefined));
      socket.once('connect', () => answer(socket.address().address));
      socket.connect(to.port, to.address);
    });
  },
};

/** A socket has its mode from the first moment on: it is made before `make` returns. */
function privately(make: () => void): void {
  const before = process.umask(ALL_BUT_OWNER);
  try {
    make();
  } finally {
    process.umask(before);
  }
}

function boundAddress(server: Server): SocketAddress {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TunnelError('internal', 'a TCP listener has no address');
  return { address: address.address, port: address.port };
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    server.close();
    resolve(); // accepted connections have owners of their own
  });
}

function describe(at: SocketAddress | LocalPath): string {
  if ('path' in at) return at.path;
  return at.address.includes(':') ? `[${at.address}]:${at.port}` : `${at.address}:${at.port}`;
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
}

function connectError(to: SocketAddress | LocalPath, cause: Error): TunnelError {
  const code = codeOf(cause);
  const where = describe(to);
  if (code === 'ECONNREFUSED' || code === 'ENOENT') {
    return new TunnelError('target.refused', `${where} refused the connection`, { hint: 'Is the service running and listening on that port?', cause });
  }
  if (code === 'ETIMEDOUT')
    return new TunnelError('target.timed-out', `${where} did not answer`, { hint: 'A firewall on the way may drop the packets.', cause });
  return new TunnelError('target.unreachable', `cannot reach ${where}: ${code}`, { hint: 'Check the address and the routes of this machine.', cause });
}

function bindError(at: SocketAddress | LocalPath, cause: Error): TunnelError {
  const code = codeOf(cause);
  const where = describe(at);
  if (code === 'EADDRINUSE' && 'path' in at)
    return new TunnelError('port.in-use', `${where} is there already`, { hint: `If nothing listens on it any more: rm '${where}'`, cause });
  if (code === 'EADDRINUSE')
    return new TunnelError('port.in-use', `${where} is in use`, { hint: 'Choose another port, or port 0 to let the system choose.', cause });
  if (code === 'EACCES')
    return new TunnelError('address.not-here', `not allowed to listen on ${where}`, { hint: 'Ports below 1024 need root or CAP_NET_BIND_SERVICE.', cause });
  const hint = 'path' in at ? 'Its folder must be there and yours; a path has 107 characters at most.' : 'Use an address of this machine.';
  return new TunnelError('address.not-here', `cannot listen on ${where}: ${code}`, { hint, cause });
}
