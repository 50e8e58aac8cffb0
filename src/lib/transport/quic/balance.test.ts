import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { Balance } from './balance.ts';

const nobody = () => ({ wanting: 0, transferring: 0, resting: 0 });
const oneWants = () => ({ wanting: 1, transferring: 0, resting: 0 });
const oneRests = () => ({ wanting: 0, transferring: 0, resting: 1 });

/** `packets` of `bytes` each, `apartMs` after one another; `then` after each. */
function stream(balance: Balance, packets: number, bytes: number, apartMs = 0, then: (packet: number) => void = () => {}): void {
  for (let packet = 0; packet < packets; packet += 1) {
    balance.received(bytes, packet * apartMs);
    then(packet);
  }
}

test('bytes that no reader gets end the link soon', () => {
  const balance = new Balance(0);
  stream(balance, 700, 1350);
  assert.equal(balance.verdict(nobody), undefined);
  stream(balance, 200, 1350);
  assert.match(String(balance.verdict(nobody)), /bytes that lead to nothing/);
});

test('a download is never accused, also where everything comes twice', () => {
  const balance = new Balance(0);
  stream(balance, 100_000, 1350, 0.05, (packet) => {
    if (packet % 2 === 1) balance.delivered(1200);
    assert.equal(balance.verdict(oneWants), undefined);
  });
});

test('an upload is paid for by what we send: an acknowledgement with many ranges for each packet', () => {
  const balance = new Balance(0);
  stream(balance, 100_000, 300, 0.05, () => {
    balance.sent(1350);
    assert.equal(balance.verdict(nobody), undefined);
  });
});

test('writes of one byte are honest, taken one at a time or a thousand', () => {
  const balance = new Balance(0);
  stream(balance, 50_000, 50, 0.01, (packet) => {
    if (packet % 1000 === 999) balance.delivered(1000);
    assert.equal(balance.verdict(oneWants), undefined);
  });
});

test('a window behind a hole may wait for every reader that wants', () => {
  const balance = new Balance(0);
  stream(balance, 12_000, 1350);
  assert.match(String(balance.verdict(oneWants)), /bytes/);
  assert.equal(
    balance.verdict(() => ({ wanting: 64, transferring: 0, resting: 0 })),
    undefined,
  );
});

test('what stopped readers leave is theirs, however many they are', () => {
  const balance = new Balance(0);
  stream(balance, 200 * 1000, 1200);
  assert.equal(
    balance.verdict(() => ({ wanting: 0, transferring: 0, resting: 200 })),
    undefined,
  );
  assert.match(String(balance.verdict(oneRests)), /bytes/);
});

test('a stream that ended early takes with it what it held', () => {
  const balance = new Balance(0);
  for (let round = 0; round < 1000; round += 1) {
    stream(balance, 700, 1350);
    balance.abandoned(LIMITS.streamBufferBytes);
    assert.equal(balance.verdict(nobody), undefined);
  }
});

test('packets without anything in them are a storm', () => {
  const balance = new Balance(0);
  stream(balance, 20_000, 39);
  assert.equal(balance.verdict(nobody), undefined);
  stream(balance, 100, 39);
  assert.match(String(balance.verdict(nobody)), /packets that lead to nothing/);
});

test('our answers to a storm do not pay for it', () => {
  const balance = new Balance(0);
  stream(balance, 30_000, 39, 0, () => balance.sent(45));
  assert.match(String(balance.verdict(nobody)), /packets/);
});

test('signs of life add up to nothing', () => {
  const balance = new Balance(0);
  stream(balance, 1_000_000, 60, 100);
  assert.equal(balance.verdict(nobody), undefined);
});

test('an old debt is forgotten slowly', () => {
  const balance = new Balance(0);
  stream(balance, 700, 1350);
  balance.received(38, 20 * 60_000);
  for (let packet = 0; packet < 700; packet += 1) balance.received(1350, 20 * 60_000);
  assert.equal(balance.verdict(nobody), undefined);
});

test('a transfer over a network that jitters may be sent again and again', () => {
  const balance = new Balance(0);
  stream(balance, 5000, 1350);
  assert.equal(
    balance.verdict(() => ({ wanting: 0, transferring: 1, resting: 0 })),
    undefined,
  );
  assert.match(String(balance.verdict(oneWants)), /bytes/);
});

test('what is sent again after the end of a transfer is forgiven once', () => {
  const balance = new Balance(0);
  balance.finished();
  balance.finished();
  stream(balance, 13_000, 1350);
  assert.equal(balance.verdict(nobody), undefined);
  stream(balance, 1000, 1350);
  assert.match(String(balance.verdict(nobody)), /bytes/);
});
