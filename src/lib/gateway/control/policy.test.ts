// The policy in control: what it grants is in session material, what it takes back is cut, also where that meets a channel that is just being opened.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlStand } from '../../../../test/support/control-stand.ts';
import { listAgents } from './agents.ts';
import { LOCAL_ADMIN } from './caller.ts';
import { setPolicy, showPolicy } from './policy.ts';

const remote = { address: '192.0.2.9', port: 4000 };
const rules = (...targets: string[]) => JSON.stringify({ version: 1, allow: [{ operators: ['alice'], agents: ['web*'], targets }] });
const grantOf = (material = '') => JSON.parse(Buffer.from(material.split('.')[1] ?? '', 'base64url').toString());

test('material holds what login and policy grant together; a change is told to the agent, and what was being opened under the old one is cut', async (t) => {
  const { control, orders, ...stand } = await controlStand(t);
  const { context } = control;
  await stand.agent('web1', { ports: ['22', '80'] });
  const alice = await stand.operator('alice', null, ['10.0.0.0/16:1-100']);
  await setPolicy(context, LOCAL_ADMIN, { file: rules('10.0.0.0/24:22-1000', '10.1.0.0/24:22') });
  const sessionToken = await stand.token(alice, ['*']);
  const open = async (target: string) => {
    const plan = await control.forEdge.authorise({ sessionToken, target, remote });
    return { plan, sessionId: plan.ways[0]?.session.sessionId ?? '' };
  };
  const opened = async ({ plan, sessionId }: Awaited<ReturnType<typeof open>>, target: string) =>
    control.forEdge.report({ kind: 'opened', channelId: plan.channelId, sessionId, agent: 'web1', target, address: null });
  const ssh = await open('10.0.0.5:22');
  const { targets, ports, kinds } = grantOf(ssh.plan.ways[0]?.session.material);
  assert.deepEqual([targets, ports, kinds], [['10.0.0.0/24:22-100'], ['22', '80'], ['tcp']]);
  await opened(ssh, '10.0.0.5:22');
  const http = await open('10.0.0.5:80'); // still connecting when the policy changes
  for (const target of ['10.1.0.5:22', '10.0.1.5:22']) await assert.rejects(open(target), { code: 'policy.denied' });

  orders.length = 0;
  assert.deepEqual((await setPolicy(context, LOCAL_ADMIN, { file: rules('10.0.0.0/24:22') })).cut, { links: 0, sessions: 0, channels: 0 });
  assert.deepEqual(orders, [`updateSession ${ssh.sessionId}`]);
  orders.length = 0;
  await opened(http, '10.0.0.5:80');
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(orders.includes(`endChannels ${http.plan.channelId} policy-changed`), orders.join('\n'));

  orders.length = 0;
  const { cut } = await setPolicy(context, LOCAL_ADMIN, { file: '{version: 1, allow: []}', if_revision: 2 });
  assert.deepEqual(cut, { links: 0, sessions: 1, channels: 2 }); // the edge of this test never said that the other channel had ended
  assert.deepEqual(orders, [`endSession ${ssh.sessionId} policy-changed`]);
  const caller = { kind: 'operator', operator: alice, credentialHash: 'x', expiresAt: null } as const;
  assert.deepEqual((await listAgents(context, caller, { limit: 10 })).agents, []);
  const codes = await stand.audited();
  assert.equal(codes.filter((code) => code === 'policy.set').length, 3);
  assert.equal(codes.filter((code) => code === 'channel.refused').length, 2);
});

test('a policy is set whole or not at all, over what is in force, and not where somebody could reach too much for a session', async (t) => {
  const { control, ...stand } = await controlStand(t);
  const { context } = control;
  await stand.agent('web1');
  const alice = await stand.operator('alice', null);
  const set = (file: string, if_revision?: number) => setPolicy(context, LOCAL_ADMIN, { file, ...(if_revision !== undefined && { if_revision }) });
  const settled = await Promise.allSettled(Array.from({ length: 5 }, (_, at) => set(rules(`10.0.${at}.0/24:22`), 0)));
  assert.equal(settled.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const outcome of settled) if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'policy.changed');
  const many = Array.from({ length: 600 }, (_, at) => `10.${at >> 8}.${at & 255}.0/24:22`);
  await assert.rejects(set(rules(...many)), { code: 'limit.reached', message: /alice.*web1/ });
  await assert.rejects(set('version: 1'), { code: 'policy.malformed' });
  assert.equal((await showPolicy(context, LOCAL_ADMIN)).revision, 1);
  assert.equal(context.policy.current.revision, 1);
  const caller = { kind: 'operator', operator: alice, credentialHash: 'x', expiresAt: null } as const;
  for (const refused of [showPolicy(context, caller), setPolicy(context, caller, { file: rules('*') })])
    await assert.rejects(refused, { code: 'scope.missing' });
});
