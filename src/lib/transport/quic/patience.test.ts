import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Patience } from './patience.ts';

const LIVENESS = { keepAliveMs: 3000, deadLinkMs: 10_000 };

function established(): Patience {
  const patience = new Patience(0, 5000);
  patience.established(LIVENESS);
  return patience;
}

test('a handshake has its time, and no pings', () => {
  const patience = new Patience(0, 5000);
  assert.equal(patience.judge(4999, 0), 'fine');
  assert.equal(patience.lookAgainAt(0, 0), 5000);
  assert.deepEqual(patience.judge(5000, 4999), { silent: 'the handshake did not complete in time' });
  assert.equal(patience.doubt(1), false);
});

test('one ping for each keep-alive time without a word, and an end after too many', () => {
  const patience = established();
  assert.deepEqual(
    [2999, 3000, 3001, 6000, 9999].map((now) => patience.judge(now, 0)),
    ['fine', 'ping', 'fine', 'ping', 'ping'],
  );
  assert.deepEqual(patience.judge(10_000, 0), { silent: 'nothing was received' });
  assert.equal(patience.judge(10_000, 9000), 'fine');
});

test('a peer that may have moved is asked once, and given up where it does not answer', () => {
  const patience = established();
  assert.equal(patience.doubt(1000), true);
  assert.equal(patience.doubt(2499), false, 'an answer is waited for');
  assert.equal(patience.lookAgainAt(900, 900), 2500);
  assert.deepEqual(patience.judge(2500, 900), { silent: 'the peer has moved to another address' });
  assert.equal(patience.judge(2500, 1001), 'fine', 'it has answered');
});
