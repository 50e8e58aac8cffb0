// The CONNECT dialect: credentials, and failures on their way through headers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ERROR_KINDS, type ErrorCode, TunnelError } from '../base/errors.ts';
import { readAgent, readRefusal, readToken, refusalAnswer, successHeaders } from './http-connect.ts';

const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;
for (const [header, token] of [
  ['Bearer abc.def-ghi_~+/=', 'abc.def-ghi_~+/='],
  ['bearer  abc', 'abc'],
  [basic('any:abc.def'), 'abc.def'],
  [basic(':abc'), 'abc'],
  [basic('a:b:c'), undefined],
  [basic('abc'), undefined],
  [basic('user:'), undefined],
  ['Bearer', undefined],
  ['Bearer a b', undefined],
  ['Digest abc', undefined],
  [undefined, undefined],
  [`Bearer ${'x'.repeat(9000)}`, undefined],
] as const) {
  test(`Proxy-Authorization ${JSON.stringify(header)?.slice(0, 60)}`, () => assert.equal(readToken(header), token));
}

test('every error survives the way through headers, and its headers are harmless', () => {
  const codes = Object.keys(ERROR_KINDS) as ErrorCode[];
  fc.assert(
    fc.property(
      fc.constantFrom(...codes),
      fc.string({ unit: 'binary' }),
      fc.option(fc.string({ unit: 'binary' }), { nil: undefined }),
      (code, message, hint) => {
        const { status, headers } = refusalAnswer(new TunnelError(code, message, { hint }));
        assert.ok(status >= 400 && status < 600);
        assert.equal('proxy-authenticate' in headers, status === 407);
        for (const value of Object.values(headers)) assert.match(value, /^[\x20-\x7e]{0,20000}$/);
        const back = readRefusal(status, headers);
        assert.equal(back.code, code);
        if (/^[a-z ]*$/.test(message)) assert.equal(back.message, message);
        if (hint !== undefined && /^[a-z ]*$/.test(hint)) assert.equal(back.hint, hint);
      },
    ),
  );
});

test('an answer of a proxy that is not ours', () => {
  assert.deepEqual([readRefusal(407, {}).code, readRefusal(418, {}).code], ['session.refused', 'gateway.unreachable']);
  assert.equal(readRefusal(502, { 'tunnel-error': 'no.such', 'tunnel-message': '%zz' }).code, 'agent.failed');
  assert.equal(readRefusal(502, { 'tunnel-message': '%1b[31m' }).message, '\\u001b[31m');
});

test("the agent's name survives", () => {
  for (const name of ['web1', 'Büro 7', '100%']) assert.equal(readAgent(successHeaders(name)), name);
  assert.equal(readAgent({}), undefined);
});
