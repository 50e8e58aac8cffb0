import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { before, test } from 'node:test';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { readClientHello } from './client-hello.ts';

const LIMIT = 16_384;

/** What node's own TLS client says first. */
async function realHello(alpn: string[] | undefined): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const wire = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      resolve(chunk);
      done();
    },
  });
  const client = connect({ socket: wire, servername: 'gw.example', ...(alpn && { ALPNProtocols: alpn }) });
  client.on('error', () => {});
  const bytes = await promise;
  client.destroy();
  return bytes;
}

let hello: Buffer;
before(async () => {
  hello = await realHello(['tunnel-connect/1', 'h2']);
});

test('a real ClientHello gives its protocols in order', async () => {
  assert.deepEqual(readClientHello(hello, LIMIT), { state: 'complete', alpn: ['tunnel-connect/1', 'h2'] });
  assert.deepEqual(readClientHello(await realHello(undefined), LIMIT), { state: 'complete', alpn: [] });
});

test('cut anywhere it asks for more, and nothing else', () => {
  for (let length = 0; length < hello.length; length++)
    assert.deepEqual(readClientHello(hello.subarray(0, length), LIMIT), { state: 'more' }, `${length} bytes`);
});

test('a message across many records is one message', () => {
  const message = hello.subarray(5);
  const records = Array.from({ length: Math.ceil(message.length / 7) }, (_, index) => {
    const part = message.subarray(index * 7, index * 7 + 7);
    return Buffer.concat([Buffer.from([22, 3, 1, 0, part.length]), part]);
  });
  assert.deepEqual(readClientHello(Buffer.concat(records), LIMIT), { state: 'complete', alpn: ['tunnel-connect/1', 'h2'] });
});

test('what is no ClientHello is said to be none at once', () => {
  for (const bytes of [
    Buffer.from('GET / HTTP/1.1\r\n'),
    Buffer.from([22, 2]),
    Buffer.from([22, 3, 1, 0, 0]),
    Buffer.from([22, 3, 1, 0, 4, 2]),
    Buffer.from([22, 3, 1, 0, 4, 1, 255, 255, 255]),
  ])
    assert.deepEqual(readClientHello(bytes, LIMIT), { state: 'not-tls' }, bytes.toString('hex'));
});

test('random and damaged bytes never throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => ['more', 'not-tls', 'complete'].includes(readClientHello(bytes, LIMIT).state)));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(hello.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }), (changes) => {
      const damaged = Buffer.from(hello);
      for (const [at, value] of changes) damaged[at] = value;
      return ['more', 'not-tls', 'complete'].includes(readClientHello(damaged, LIMIT).state);
    }),
    { numRuns: 2000 },
  );
});
