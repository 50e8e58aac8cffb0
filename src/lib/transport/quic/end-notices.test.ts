import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { type EndNotice, encodeNotice, NoticeReader, NoticeWriter } from './end-notices.ts';

const number = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const notice: fc.Arbitrary<EndNotice> = fc.record({ kind: fc.constantFrom('end', 'reset', 'stop'), streamId: number, value: number });

test('notices come out as they went in, however the bytes are cut, and kinds of a later version are passed over', () => {
  fc.assert(
    fc.property(fc.array(notice), fc.array(fc.integer({ min: 1, max: 40 })), fc.boolean(), (notices, cuts, withUnknown) => {
      const unknown = Buffer.alloc(13, 9);
      const bytes = Buffer.concat(notices.flatMap((one) => (withUnknown ? [encodeNotice(one), unknown] : [encodeNotice(one)])));
      const reader = new NoticeReader();
      const read: EndNotice[] = [];
      let at = 0;
      for (const cut of [...cuts, bytes.length]) {
        read.push(...reader.feed(bytes.subarray(at, at + cut)));
        at += cut;
      }
      assert.deepEqual(read.map(encodeNotice), notices.map(encodeNotice));
    }),
  );
});

test('bytes as docs/protocol.md prints them', () => {
  assert.equal(encodeNotice({ kind: 'end', streamId: 5, value: 1024 }).toString('hex'), '01000000000005000000000400');
  assert.equal(encodeNotice({ kind: 'reset', streamId: 9, value: 2 ** 60 }).toString('hex'), '02000000000009ffffffffffff');
});

test('notices that come together leave together, and what was not taken is offered again', async () => {
  const clock = new ManualClock();
  const offered: number[] = [];
  const writer = new NoticeWriter((bytes) => {
    offered.push(bytes.length);
    return offered.length === 1 ? 20 : bytes.length;
  }, clock.after);
  for (let streamId = 0; streamId < 4; streamId += 1) writer.say({ kind: 'end', streamId, value: 1 });
  await clock.advance(99);
  assert.deepEqual(offered, []);
  await clock.advance(1);
  await clock.advance(100);
  assert.deepEqual(offered, [52, 32]);
});
