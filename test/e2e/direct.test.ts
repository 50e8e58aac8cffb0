// Channels that the gateway opens itself: whatever takes back what allowed them cuts them while they run, and leaves the others alone (requirement A11).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { ApiClient } from '../../src/lib/api/client.ts';
import { type NetworkStand, networkStand } from '../support/network-stand.ts';
import { readToEnd, startTarget } from '../support/tcp.ts';

const HERE = '127.98.0.1';
const WITHIN_MS = 5000;
const never = new AbortController().signal;

const allowing = (...targets: string[]) => ({ file: JSON.stringify({ version: 1, allow: targets.length === 0 ? [] : [{ operators: ['alice'], targets }] }) });

/** What is taken back, and why the channel has ended then. */
const ENDS: Readonly<Record<string, readonly [reason: string, takeBack: (stand: NetworkStand, target: string) => Promise<unknown>]>> = {
  'an administrator closes the session': ['admin-closed', async ({ admin }) => await admin.closeSession(await sessionOf(admin), never)],
  'its operator closes the session': ['operator-closed', async ({ admin, operator }) => await operator.closeSession(await sessionOf(admin), never)],
  'the session is locked': ['session-locked', async ({ admin }) => await admin.lock('session', await sessionOf(admin), {}, never)],
  'the operator is locked': ['operator-locked', ({ admin }) => admin.lock('operator', 'alice', {}, never)],
  'the operator is removed': ['operator-removed', ({ admin }) => admin.deleteOperator('alice', never)],
  'the login is given back': ['login-ended', ({ operator }) => operator.logout(never)],
  'policy allows another target alone': ['policy-changed', ({ admin }, target) => admin.setPolicy(allowing(`*:${portOf(target) - 1}`), never)],
  'policy allows nothing': ['policy-changed', ({ admin }) => admin.setPolicy(allowing(), never)],
};

const portOf = (target: string) => Number(target.split(':')[1]);

async function sessionOf(admin: ApiClient): Promise<string> {
  const { sessions } = await admin.listSessions({}, never);
  return sessions.find(({ agent, state }) => agent === '@direct' && state === 'live')?.id ?? assert.fail('no direct session');
}

/** A channel that says "more" for ever, under way. */
async function running(stand: NetworkStand, target: string) {
  const grant = await stand.operator.openSession({ targets: ['*'] }, never);
  const { status, socket } = await stand.connect(target, grant);
  assert.equal(status, 200);
  await once(socket, 'readable');
  return { grant, socket };
}

for (const [what, [reason, takeBack]] of Object.entries(ENDS)) {
  test(`${what}: a running direct channel is reset on both sides, with the reason in its row`, async (t) => {
    const left = Promise.withResolvers<void>();
    const port = await startTarget(
      t,
      (socket) => {
        const saying = setInterval(() => socket.write('more'), 20);
        socket.resume().once('close', () => {
          clearInterval(saying);
          left.resolve();
        });
      },
      HERE,
    );
    const stand = await networkStand(t, { direct: ['127.98.0.0/16:1-65535'] });
    const target = `${HERE}:${port}`;
    const { grant, socket } = await running(stand, target);
    const ending = readToEnd(socket);
    const begun = performance.now();
    await takeBack(stand, target);
    assert.notEqual((await ending).end, 'fin', 'it looked like a clean end');
    await left.promise;
    const tookMs = performance.now() - begun;
    assert.ok(tookMs < WITHIN_MS, `cut after ${Math.round(tookMs)} ms`);
    t.diagnostic(`cut after ${Math.round(tookMs)} ms`);
    const { rows } = await stand.admin.audit({ code: 'channel.ended', subject: `target:${target}` }, t.signal);
    assert.deepEqual(
      rows.map(({ detail }) => [detail['agent'], detail['reason']]),
      [['@direct', reason]],
    );
    if (reason.endsWith('-closed')) return; // the next connection begins a session of its own
    const again = await stand.connect(target, grant);
    assert.ok(again.status >= 400, `${again.status}`);
    again.socket.destroy();
  });
}

test('a direct connection has one record: as resolved, and with its outcome in the audit row', async (t) => {
  const port = await startTarget(t, (socket) => socket.pipe(socket), HERE);
  const stand = await networkStand(t, { direct: ['127.98.0.0/16:1-65535'] });
  const target = `${HERE}:${port}`;
  const resolved = await stand.operator.resolve({ target }, t.signal);
  assert.deepEqual([resolved.decision.via, resolved.outcome], ['direct', null]);
  const grant = await stand.operator.openSession({ targets: ['*'] }, t.signal);
  (await stand.connect(target, grant)).socket.destroy();
  const { rows } = await stand.admin.audit({ code: 'channel.opened' }, t.signal);
  const outcome = { result: 'connected', agent: '@direct', address: target, code: null, reason: null };
  assert.deepEqual(rows[0]?.detail['decision'], { ...resolved, outcome });
});

test('a policy that still allows one of two direct channels cuts the other alone', async (t) => {
  const echo = () => startTarget(t, (socket) => socket.pipe(socket.on('error', () => {})), HERE);
  const [kept, lost] = [await echo(), await echo()];
  const stand = await networkStand(t, { direct: ['127.98.0.0/16:1-65535'] });
  const grant = await stand.operator.openSession({ targets: ['*'] }, t.signal);
  const [one, other] = [await stand.connect(`${HERE}:${kept}`, grant), await stand.connect(`${HERE}:${lost}`, grant)];
  const ending = readToEnd(other.socket);
  const { cut } = await stand.admin.setPolicy(allowing(`${HERE}:${kept}`), t.signal);
  assert.deepEqual(cut, { links: 0, sessions: 0, channels: 1 });
  assert.notEqual((await ending).end, 'fin');
  one.socket.write('still there');
  assert.equal(String((await once(one.socket.resume(), 'data'))[0]), 'still there');
});
