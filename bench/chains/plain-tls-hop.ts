// One process of the baseline: entry (TCP in, TLS out), relay (TLS in, TLS out) or exit (TLS in, TCP out).
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';

const [role = '', next = '', keyFile = '', certFile = ''] = process.argv.slice(2);
const [key, cert] = [readFileSync(keyFile), readFileSync(certFile)];
const port = Number(next);

const carry = (incoming: import('node:net').Socket) => {
  const outgoing =
    role === 'exit'
      ? connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true })
      : connectTls({ host: '127.0.0.1', port, ca: cert, servername: 'localhost', checkServerIdentity: () => undefined, minVersion: 'TLSv1.3' }).setNoDelay(
          true,
        );
  pipeline(incoming, outgoing, () => {});
  pipeline(outgoing, incoming, () => {});
};

const server =
  role === 'entry'
    ? createServer({ noDelay: true, allowHalfOpen: true }, carry)
    : createTlsServer({ key, cert, minVersion: 'TLSv1.3', noDelay: true, allowHalfOpen: true }, carry);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.send?.({ port: address.port });
});
process.on('disconnect', () => process.exit(0));
