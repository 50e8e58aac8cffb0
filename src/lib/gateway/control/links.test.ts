// What agents say of themselves reaches lists, and two processes with one identity raise an alarm instead of replacing each other for ever.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlStand } from '../../../../test/support/control-stand.ts';
import { someCertificate } from '../../../../test/support/some-certificate.ts';
import { getAgent } from './agents.ts';
import { LOCAL_ADMIN } from './caller.ts';

const hello = { software: 'test', os: 'linux', arch: 'x64', hostname: 'host' };

async function stand(t: Parameters<typeof controlStand>[0]) {
  const { control, ...rest } = await controlStand(t);
  const agentId = await rest.agent('web1');
  let count = 0;
  /** A link of that process, as an edge announces it. */
  const arrive = async (instance: string | undefined, more = {}) => {
    const linkId = `00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`;
    const remote = { address: '192.0.2.7', port: 4000 + count };
    control.context.registry.link({ linkId, agentId, protocol: 2, transport: 'tls', remote, certificate: someCertificate });
    await control.forEdge.introduce(linkId, { ...hello, instance, ...more });
    await control.forEdge.advertise(linkId, { epoch: 1n, subnets: ['10.0.0.0/8'], names: [] });
    return linkId;
  };
  const row = () => getAgent(control.context, LOCAL_ADMIN, 'web1');
  return { control, arrive, row, ...rest };
}

test('transport and reason of each link, made harmless', async (t) => {
  const { arrive, row, control } = await stand(t);
  await control.forEdge.unlink('link-web1', 'gone');
  const linkId = await arrive('a', { transportReason: `QUIC did not complete within 1.5 s\u001b[31m${'x'.repeat(2000)}` });
  const { transport, transport_reason: reason, alarm, links } = await row();
  assert.deepEqual([transport, alarm, links.length], ['tls', null, 1]);
  assert.match(reason ?? '', /^QUIC did not complete within 1\.5 s\\u001b\[31mx{100,500}$/);
  assert.deepEqual(
    { ...links[0], since: '', generation: 0 },
    { id: linkId, transport: 'tls', transport_reason: reason, remote: '192.0.2.7:4001', since: '', generation: 0, current: true },
  );
});

test('two processes that alternate: an alarm, one audit row, and the one that is linked stays', async (t) => {
  const { control, arrive, row, audited } = await stand(t);
  await control.forEdge.unlink('link-web1', 'gone');
  for (const instance of ['a', 'b', 'a', 'b', 'a']) await arrive(instance);
  assert.equal((await row()).alarm, null);
  for (let knocks = 0; knocks < 3; knocks += 1) await assert.rejects(arrive('b'), { code: 'agent.flapping', message: /^flapping: another process/ });
  await arrive('a');
  const { alarm, state } = await row();
  assert.deepEqual([alarm, state], ['flapping', 'online']);
  assert.equal((await audited()).filter((code) => code === 'agent.flapping').length, 1);
});

test('one process that moves back and forth, and restarts, raise none', async (t) => {
  const { arrive, row } = await stand(t);
  for (let moves = 0; moves < 20; moves += 1) await arrive('a');
  for (let restarts = 0; restarts < 20; restarts += 1) await arrive(`restarted ${restarts}`);
  assert.equal((await row()).alarm, null);
});
