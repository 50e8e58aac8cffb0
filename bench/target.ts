// The program behind every chain, in a process of its own: sends, swallows or echoes, as the first byte of a connection asks.
import { createServer, type Socket } from 'node:net';

const CHUNK = Buffer.alloc(256 * 1024, 0x5a);

const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy());
  socket.once('readable', () => begin(socket));
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.send?.({ port: address.port });
});
process.on('disconnect', () => process.exit(0));

/** 5 bytes: `d`, `u` or `e`, then a u32 of MiB. */
function begin(socket: Socket): void {
  const head: Buffer | null = socket.read(5);
  if (head === null) {
    if (!socket.readableEnded) socket.once('readable', () => begin(socket));
    return;
  }
  const bytes = head.readUInt32BE(1) * 1024 * 1024;
  const kind = String.fromCharCode(head[0] ?? 0);
  if (kind === 'd') send(socket, bytes);
  else if (kind === 'u') swallow(socket, bytes);
  else socket.pipe(socket);
}

function send(socket: Socket, bytes: number): void {
  let left = bytes;
  const more = () => {
    while (left > 0) {
      const part = left >= CHUNK.length ? CHUNK : CHUNK.subarray(0, left);
      left -= part.length;
      if (!socket.write(part)) return socket.once('drain', more);
    }
    return socket.end();
  };
  more();
}

function swallow(socket: Socket, bytes: number): void {
  let left = bytes;
  socket.on('data', (part: Buffer) => {
    left -= part.length;
    if (left <= 0) socket.end('k');
  });
}
