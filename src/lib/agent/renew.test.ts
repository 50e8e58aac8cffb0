// When an agent asks for a new certificate, and what it does when nobody answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quietWorld } from '../../../test/support/quiet-world.ts';
import { makeTestCa } from '../../../test/support/test-ca.ts';
import { TunnelError } from '../base/errors.ts';
import { readCsr } from '../pki/csr.ts';
import { publicSpki } from '../pki/keys.ts';
import type { CertRenewalGranted, CertRenewalRequest } from '../protocol/messages.ts';
import { Renewal } from './renew.ts';

const DAY = 86_400_000;
const granted: CertRenewalGranted = { kind: 'cert-renewal-granted', certificatePem: 'new', caPem: 'ca', sessionKeys: undefined };

async function stand(answer: (renewal: Renewal, request: number) => void, adopt = async (_granted: CertRenewalGranted): Promise<void> => {}) {
  const world = { ...quietWorld(), random: { bytes: (count: number) => new Uint8Array(count), uuid: () => '', fraction: () => 0.5 } };
  const identity = await (await makeTestCa({ now: world.clock.now() })).agent('web1');
  const asked: number[] = [];
  const requests: CertRenewalRequest[] = [];
  const stop = new AbortController();
  const superseded = new AbortController();
  const sent = async (request: CertRenewalRequest) => {
    asked.push(world.clock.monotonic() / DAY);
    requests.push(request);
    answer(renewal, asked.length);
  };
  const renewal: Renewal = new Renewal({ ...identity, superseded: superseded.signal, adopt }, { version: 2, send: sent }, world);
  const done = renewal.run(stop.signal);
  return { world, identity, asked, requests, stop, superseded, renewal, done };
}

/** Time goes on from timer to timer, a turn after each was set, and stands still while none waits: a CSR is being made then, which a manual clock knows nothing of. */
async function pass({ world: { clock }, done }: Pick<Awaited<ReturnType<typeof stand>>, 'world' | 'done'>, ms: number): Promise<void> {
  const end = clock.monotonic() + ms;
  let over = false;
  done.then(() => (over = true));
  while (clock.monotonic() < end) {
    await Promise.race([clock.timerSet(), done]);
    await new Promise((resolve) => setImmediate(resolve));
    const left = end - clock.monotonic();
    const next = over ? left : clock.next;
    if (next !== undefined) await clock.advance(Math.min(next, left));
  }
}

test('asked for when a third of its life is left, with the same key', async () => {
  const { world, identity, asked, requests, done } = await stand((renewal) => renewal.answered(granted));
  await pass({ world, done }, 243 * DAY);
  assert.deepEqual(asked, []);
  await pass({ world, done }, 2 * DAY);
  assert.equal(await done, true);
  assert.equal(asked.length, 1);
  const { spki } = await readCsr(requests[0]?.csrPem ?? '');
  assert.deepEqual(Buffer.from(spki), Buffer.from(publicSpki(identity.privateKeyPem)));
  assert.equal(world.clock.pending, 0);
});

test('silence, a refusal and an answer that does not fit are tried again an hour later', async () => {
  const { world, asked, done } = await stand(
    (renewal, request) => {
      if (request === 2) renewal.answered({ kind: 'cert-renewal-refused', reason: 'not today' });
      if (request >= 3) renewal.answered(granted);
    },
    async () => {
      if (asked.length === 3) throw new TunnelError('certificate.refused', 'it is for another key');
    },
  );
  await pass({ world, done }, 243.3 * DAY);
  await pass({ world, done }, DAY);
  assert.equal(await done, true);
  assert.equal(asked.length, 4);
  for (const [index, at] of asked.slice(1).entries()) {
    const pause = (at - (asked[index] ?? 0)) * 24;
    assert.ok(pause > 0.99 && pause < 1.5, `${pause} h`);
  }
});

test('an abort ends the waiting', async () => {
  const { world, stop, done } = await stand(() => {});
  await pass({ world, done }, 245 * DAY);
  stop.abort(new TunnelError('link.lost', 'the link ended'));
  assert.equal(await done, false);
  assert.equal(world.clock.pending, 0);
});
