// When an agent asks for a new certificate, and what it does when nobody answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quietWorld } from '../../../test/support/quiet-world.ts';
import { makeTestCa } from '../../../test/support/test-ca.ts';
import { TunnelError } from '../base/errors.ts';
import { readCsr } from '../pki/csr.ts';
import { generateKeyPem, publicSpki } from '../pki/keys.ts';
import { issueAgentLeaf } from '../pki/leaf.ts';
import type { CertRenewalGranted, CertRenewalRequest } from '../protocol/messages.ts';
import { Renewal } from './renew.ts';

const DAY = 86_400_000;
const granted: CertRenewalGranted = { kind: 'cert-renewal-granted', certificatePem: 'new', caPem: 'ca', sessionKeys: undefined };

interface Life {
  readonly lifetimeMs?: number;
  readonly fraction?: () => number;
}

async function stand(
  answer: (renewal: Renewal, request: number) => void,
  adopt = async (_granted: CertRenewalGranted, _privateKeyPem: string): Promise<void> => {},
  { lifetimeMs = 365 * DAY, fraction = () => 0.5 }: Life = {},
) {
  const world = { ...quietWorld(), random: { bytes: (count: number) => new Uint8Array(count), uuid: () => '', fraction } };
  const now = world.clock.now();
  const { authority } = await makeTestCa({ now });
  const privateKeyPem = await generateKeyPem();
  const leaf = await issueAgentLeaf(authority, {
    agentId: 'a0000000-0000-4000-8000-000000000001',
    name: 'web1',
    spki: publicSpki(privateKeyPem),
    now,
    lifetimeMs,
  });
  const identity = { name: 'web1', privateKeyPem, certificatePem: leaf.certificatePem };
  const asked: number[] = [];
  const requests: CertRenewalRequest[] = [];
  const failures: unknown[] = [];
  const stop = new AbortController();
  const superseded = new AbortController();
  const sent = async (request: CertRenewalRequest) => {
    asked.push(world.clock.monotonic() / DAY);
    requests.push(request);
    answer(renewal, asked.length);
  };
  const renewal: Renewal = new Renewal(
    { ...identity, superseded: superseded.signal, adopt, notRenewed: (error) => failures.push(error) },
    { version: 2, send: sent },
    world,
  );
  const done = renewal.run(stop.signal);
  return { world, identity, asked, requests, failures, stop, superseded, renewal, done };
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

for (const [code, seconds] of [
  ['limit.reached', 20],
  ['certificate.refused', 60],
] as const) {
  test(`wanted now, for the CA was replaced, and refused (${code}): asked again after ${seconds} s`, async () => {
    const { world, asked, renewal, done } = await stand((renewal, request) =>
      renewal.answered(request === 1 ? { kind: 'cert-renewal-refused', reason: 'no', code } : granted),
    );
    renewal.dueNow();
    await pass({ world, done }, 5 * 60_000);
    assert.equal(await done, true);
    assert.deepEqual(
      asked.map((days) => Math.round((days * DAY) / 1000)),
      [0, seconds],
    );
  });
}

test('an abort ends the waiting', async () => {
  const { world, stop, done } = await stand(() => {});
  await pass({ world, done }, 245 * DAY);
  stop.abort(new TunnelError('link.lost', 'the link ended'));
  assert.equal(await done, false);
  assert.equal(world.clock.pending, 0);
});

test('a certificate of a minute: asked for with a third left, a silent gateway again and again before it ends', async () => {
  const { world, asked, stop, done } = await stand(() => {}, undefined, { lifetimeMs: 60_000 });
  await pass({ world, done }, 60_000);
  const at = asked.map((days) => Math.round((days * DAY) / 100) / 10);
  assert.ok((at[0] ?? 0) >= 40 && (at[0] ?? 0) < 42, String(at));
  assert.ok(at.filter((second) => second < 60).length >= 3, String(at));
  stop.abort();
  await done;
});

test('a thousand agents that are due at once ask within an hour, not at once', async () => {
  const first: number[] = [];
  for (const fraction of [0, 0.25, 0.5, 0.999]) {
    const { world, asked, done } = await stand((renewal) => renewal.answered(granted), undefined, { fraction: () => fraction });
    await pass({ world, done }, 245 * DAY);
    first.push(Math.round(((asked[0] ?? 0) * 24 - (365 * 24 * 2) / 3) * 4) / 4);
  }
  assert.deepEqual(first, [0, 0.25, 0.5, 1]);
});

test('a link that stays up over several clocks that were set: one look an hour, one request when it is due', async () => {
  const { world, asked, done } = await stand((renewal) => renewal.answered(granted));
  await pass({ world, done }, DAY);
  const real = world.clock.now;
  let ahead = -300 * DAY;
  Object.assign(world.clock, { now: () => real() + ahead });
  await pass({ world, done }, 100 * DAY);
  assert.deepEqual(asked, []);
  ahead = 200 * DAY;
  await pass({ world, done }, DAY / 12);
  assert.equal(await done, true);
  assert.equal(asked.length, 1);
});

test('another link has renewed: this one asks to be replaced, and asks the gateway for nothing', async () => {
  const { world, asked, superseded, renewal, done } = await stand(() => {});
  await pass({ world, done }, 10 * DAY);
  superseded.abort();
  assert.equal(await done, true);
  assert.deepEqual(asked, []);
  await assert.rejects(renewal.renew({ rotateKey: true }, new AbortController().signal), { code: 'limit.reached' });
});

test('on demand, with a new key: the request says so and is signed by it, and it is what is stored', async () => {
  const adopted: string[] = [];
  const { world, identity, requests, renewal, stop, done } = await stand(
    (renewal) => renewal.answered(granted),
    async (_granted, privateKeyPem) => void adopted.push(privateKeyPem),
  );
  await renewal.renew({ rotateKey: true }, new AbortController().signal);
  assert.equal(requests[0]?.newKey, true);
  const { spki } = await readCsr(requests[0]?.csrPem ?? '');
  assert.notEqual(adopted[0], identity.privateKeyPem);
  assert.deepEqual(Buffer.from(spki), Buffer.from(publicSpki(adopted[0] ?? '')));
  await renewal.renew({ rotateKey: false }, new AbortController().signal);
  assert.equal(requests[1]?.newKey, undefined);
  assert.equal(adopted[1], identity.privateKeyPem);
  stop.abort();
  await done;
  assert.equal(world.clock.pending, 0);
});

test('refused with a code: that code; version 1 has no word for a new key', async () => {
  const { world, identity, renewal, stop, done } = await stand((renewal) =>
    renewal.answered({ kind: 'cert-renewal-refused', reason: 'slowly', code: 'limit.reached' }),
  );
  const never = new AbortController().signal;
  await assert.rejects(renewal.renew({ rotateKey: false }, never), { code: 'limit.reached', message: 'the gateway refused the renewal: slowly' });
  const installed = { ...identity, superseded: never, adopt: async () => {}, notRenewed: () => {} };
  const old = new Renewal(installed, { version: 1, send: async () => assert.fail('asked') }, world);
  await assert.rejects(old.renew({ rotateKey: true }, never), { code: 'protocol.unsupported' });
  stop.abort();
  await done;
});
