import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unlessAborted } from './deadline.ts';

const gone = new Error('the link is gone');

test('the promise or the reason of the signal, whichever is first', async () => {
  const abort = new AbortController();
  assert.equal(await unlessAborted(Promise.resolve(7), abort.signal), 7);
  const waiting = assert.rejects(unlessAborted(new Promise(() => {}), abort.signal), gone);
  abort.abort(gone);
  await waiting;
});

test('a promise that fails after the signal has aborted ends no process', async () => {
  const failing = Promise.withResolvers<never>();
  await assert.rejects(unlessAborted(failing.promise, AbortSignal.abort(gone)), gone);
  failing.reject(new Error('nobody waits for this'));
  await new Promise((resolve) => setImmediate(resolve)); // where it were unhandled, the runner would hear of it by now
});
