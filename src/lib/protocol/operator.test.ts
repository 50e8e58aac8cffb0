// Requests of operators and answers of edges: the codec laws, and refusals that arrive as the errors they were.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { edgeAnswer, edgeNotices, operatorRequest } from '../../../test/support/arbitrary-messages.ts';
import { codecLaws } from '../../../test/support/codec-laws.ts';
import { TunnelError } from '../base/errors.ts';
import {
  decodeEdgeAnswer,
  decodeEdgeNotice,
  decodeOperatorRequest,
  encodeEdgeAnswer,
  encodeEdgeNotice,
  encodeOperatorRequest,
  refusedAnswer,
  refusedError,
} from './operator.ts';
import { TimedRefusal, timingOf } from './refusal.ts';

codecLaws('operator request', operatorRequest, { encode: encodeOperatorRequest, decode: decodeOperatorRequest, ignoresTrailing: false });
codecLaws('edge answer', edgeAnswer, { encode: encodeEdgeAnswer, decode: decodeEdgeAnswer, ignoresTrailing: false });
codecLaws('edge notice', edgeNotices, { encode: encodeEdgeNotice, decode: decodeEdgeNotice, ignoresTrailing: false });

test('a refusal arrives as the error that it was', () => {
  const error = new TunnelError('target.refused', '10.0.0.5:80 refused', { hint: 'Is it running?' });
  assert.deepEqual(refusedError(overTheWire(error)).toJSON(), error.toJSON());
});

test('what a refusal took arrives with it, also where the edge put it into its own words', () => {
  const told = new TimedRefusal(new TunnelError('dns.failed', 'no such name'), { resolveUs: 5000, connectUs: undefined, answerUs: 7000 });
  const wrapped = new TunnelError('dns.failed', 'db.corp.example:22 through web1: no such name', { cause: told });
  assert.deepEqual(timingOf(refusedError(overTheWire(wrapped))), { resolveUs: 5000, connectUs: undefined, answerUs: 7000 });
  assert.deepEqual(timingOf(refusedError(overTheWire(new TunnelError('route.none', 'nothing fits')))), {});
});

test('a refusal of any length fits, and its control characters do not arrive', () => {
  const error = refusedError(overTheWire(new TunnelError('target.refused', `\u001b[31m${'\u{1F600}'.repeat(5000)}`)));
  assert.equal(error.code, 'target.refused');
  assert.ok(!error.message.includes('\u001b') && error.message.length > 400);
});

test('a code that only a later version knows', () => {
  assert.equal(refusedError({ kind: 'edge-refused', code: 'from.tomorrow', message: 'no' }).code, 'gateway.unreachable');
});

function overTheWire(error: TunnelError) {
  const answer = decodeEdgeAnswer(encodeEdgeAnswer(refusedAnswer(error)));
  assert.ok(answer.kind === 'edge-refused');
  return answer;
}
