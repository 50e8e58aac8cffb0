// SOCKS as clients write it: each request in one piece and cut anywhere, what is refused and by which code, and bytes of no sense.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TunnelError } from '../base/errors.ts';
import { parseGreeting, parseRequest4, parseRequest5, parseVersion, SOCKS_REQUEST_BYTES, socksAnswer } from './socks5.ts';

const name = (text: string) => [3, text.length, ...Buffer.from(text)];
const v5 = (...address: number[]) => Buffer.from([5, 1, 0, ...address, 0x0d, 0x3d]);
const v4 = (address: number[], ...rest: number[]) => Buffer.from([4, 1, 0x0d, 0x3d, ...address, ...rest]);
const text = (value: string) => [...Buffer.from(value), 0];

for (const [what, bytes, target, parse] of [
  ['IPv4', v5(1, 10, 0, 0, 5), '10.0.0.5:3389', parseRequest5],
  ['a name', v5(...name('db.corp.example')), 'db.corp.example:3389', parseRequest5],
  ['IPv6', v5(4, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), '[fd00:0:0:0:0:0:0:1]:3389', parseRequest5],
  ['IPv6 as a name, which curl does', v5(...name('fd00::1')), '[fd00::1]:3389', parseRequest5],
  ['SOCKS 4', v4([10, 0, 0, 5], ...text('me')), '10.0.0.5:3389', parseRequest4],
  ['SOCKS 4a', v4([0, 0, 0, 1], ...text(''), ...text('db.corp.example')), 'db.corp.example:3389', parseRequest4],
] as const) {
  test(`${what} in pieces, and with bytes behind it`, () => {
    for (let cut = 0; cut < bytes.length; cut += 1) assert.equal(parse(bytes.subarray(0, cut)), undefined, `${cut} bytes`);
    assert.deepEqual(parse(Buffer.concat([bytes, Buffer.from('SSH-')])), { value: { target }, length: bytes.length });
  });
}

test('a greeting is read whole, and may want no authentication among others', () => {
  assert.equal(parseGreeting(Buffer.from([5, 2, 2])), undefined);
  assert.deepEqual(parseGreeting(Buffer.from([5, 2, 2, 0, 9])), { value: { withoutAuthentication: true }, length: 4 });
  assert.deepEqual(parseGreeting(Buffer.from([5, 1, 2])), { value: { withoutAuthentication: false }, length: 3 });
  assert.deepEqual(parseVersion(Buffer.from([5])), { value: 5, length: 0 });
  assert.throws(() => parseVersion(Buffer.from('GET / HTTP/1.1')), { code: 'request.malformed', message: /HTTP/ });
});

for (const [what, bytes, code, reply] of [
  ['BIND', [5, 2, 0, 1, 10, 0, 0, 5, 0, 80], 'protocol.unsupported', 7],
  ['UDP ASSOCIATE', [5, 3, 0, 1, 0, 0, 0, 0, 0, 0], 'protocol.unsupported', 7],
  ['an address type that there is not', [5, 1, 0, 2, 1, 1, 1, 1, 0, 80], 'request.malformed', 8],
  ['a name with control characters', [5, 1, 0, 3, 3, 97, 27, 98, 0, 80], 'request.malformed', 8],
] as const) {
  test(`${what} is refused with reply ${reply}`, () => {
    assert.throws(
      () => parseRequest5(Buffer.from(bytes)),
      (error) => {
        assert.ok(error instanceof TunnelError);
        assert.equal(error.code, code);
        assert.equal(socksAnswer(5, error.code)[1], reply);
        assert.equal(socksAnswer(4, error.code)[1], 91);
        return true;
      },
    );
  });
}

test('any bytes are a request, too short, or refused by a TunnelError; never more is taken than is there', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(parseRequest4, parseRequest5, parseGreeting, parseVersion),
      fc.uint8Array({ maxLength: SOCKS_REQUEST_BYTES }),
      (parse, bytes) => {
        try {
          const parsed = parse(Buffer.from(bytes));
          assert.ok(parsed === undefined || parsed.length <= bytes.length);
        } catch (error) {
          assert.ok(error instanceof TunnelError, String(error));
        }
      },
    ),
  );
});

test('every name and port come through as they were written', () => {
  const label = fc.stringMatching(/^[a-z0-9.-]{1,255}$/);
  fc.assert(
    fc.property(label, fc.integer({ min: 0, max: 65_535 }), (host, port) => {
      const bytes = Buffer.from([5, 1, 0, ...name(host), port >> 8, port & 0xff]);
      assert.deepEqual(parseRequest5(bytes), { value: { target: `${host}:${port}` }, length: bytes.length });
    }),
  );
});
