// A TCP relay in a process of its own that brings every byte so many milliseconds later, as a long way does.
import { connect, createServer, type Socket } from 'node:net';

const [to = '', delay = ''] = process.argv.slice(2);

function carry(from: Socket, into: Socket): void {
  const later = (work: () => void) => setTimeout(work, Number(delay));
  from.on('data', (chunk) => later(() => into.write(chunk)));
  from.on('end', () => later(() => into.end()));
  from.on('error', () => into.destroy());
}

const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
  const far = connect({ host: '127.0.0.1', port: Number(to), noDelay: true, allowHalfOpen: true });
  carry(near, far);
  carry(far, near);
});
server.listen(0, '127.0.0.1', () => {
  const at = server.address();
  if (at !== null && typeof at === 'object') process.send?.({ port: at.port });
});
process.on('disconnect', () => process.exit(0));
