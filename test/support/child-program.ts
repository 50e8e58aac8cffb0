// A tiny child for the tests of system/child.ts: gives messages back, says what it sees of its surroundings, answers on sockets.
import { connectParent } from '../../src/lib/system/child.ts';

const parent = connectParent(
  (message, socket) => {
    if (socket !== undefined) {
      const { received } = message as { received: Uint8Array };
      socket.unshift(received);
      socket.on('error', () => {});
      socket.on('data', (part) => socket.write(part));
      socket.on('end', () => setImmediate(() => socket.end('the end came through')));
      return;
    }
    if (message instanceof Object && 'surroundings' in message) return parent.send({ environment: Object.keys(process.env), arguments: process.execArgv });
    if (message instanceof Object && 'crash' in message) throw new Error('crash');
    parent.send(message as object);
  },
  () => parent.send({ crashed: true }),
);
