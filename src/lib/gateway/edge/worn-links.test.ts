// Links of version 1 agents that keep streams for good: noticed, ended when nothing runs on them, and whoever asks meanwhile is carried by the next one.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { OpenControl, TOKEN } from '../../../../test/support/edge-stand.ts';
import { quietWorld } from '../../../../test/support/quiet-world.ts';
import { LIMITS } from '../../base/limits.ts';
import { acceptChannel } from '../../link/accept-channel.ts';
import { agentControl } from '../../link/control.ts';
import type { Hello } from '../../protocol/messages.ts';
import type { LinkStream } from '../../transport/link.ts';
import { memoryPair } from '../../transport/memory/pair.ts';
import { Carrier } from './carry.ts';
import { Links } from './links.ts';

const never = new AbortController().signal;
const hello: Hello = { kind: 'hello', software: 'test', os: '', arch: '', hostname: '', capabilities: [] };
const request = { sessionToken: TOKEN, target: '10.0.0.5:22', remote: { address: '192.0.2.1', port: 1 } };
const settle = () => new Promise((resolve) => setImmediate(resolve));

function stand(t: TestContext) {
  const world = quietWorld();
  const control = new OpenControl();
  control.admit = async (presented) => {
    const linkId = `link-${control.linked.length + 1}`;
    control.linked.push({ linkId, agentId: 'stock', presented });
    return { linkId, agentId: 'stock', agent: 'stock', assignment: { subnets: [], names: [], ports: [], kinds: ['tcp'] } };
  };
  const links = new Links(control, hello, world);
  const carrier = new Carrier(control, links, world);
  t.after(() => links.close('the test is over'));
  /** A link that has advertised; its agent accepts every channel, as long as it gives streams. */
  const link = async ({ gives = true, alpn = 'gw-agent-tunnel/1' } = {}) => {
    const pair = memoryPair({ alpn, clock: world.clock });
    const waitForEver = (signal: AbortSignal) => new Promise<LinkStream>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    if (!gives) Object.assign(pair.gateway, { openStream: waitForEver });
    links.take(pair.gateway);
    const count = control.advertised.length;
    const agent = await agentControl(pair.agent, hello, world, never);
    await agent.send({ kind: 'route-advertise', epoch: 1n, subnets: [], names: [] });
    await control.until(() => control.advertised.length > count);
    const accept = async () => {
      for (;;) (await acceptChannel(pair.agent, await pair.agent.acceptStream(never), world, never)).accept('10.0.0.5:22');
    };
    accept().catch(() => {});
    return pair;
  };
  return { world, control, links, carrier, link };
}

test('the request that met a link without streams is carried by the next one', async (t) => {
  const { world, carrier, link } = stand(t);
  const worn = await link({ gives: false });
  const connecting = carrier.connect(request, never);
  await settle();
  await world.clock.advance(LIMITS.streamCreditMs);
  assert.equal((await worn.agent.closed).reason, 'its streams are used up');
  await link();
  assert.equal((await connecting).agent, 'web1');
});

test('an agent that does not come back is said to be away, after a while and not for ever', async (t) => {
  const { world, carrier, link } = stand(t);
  await link({ gives: false });
  const connecting = carrier.connect(request, never);
  connecting.catch(() => {});
  await settle();
  await world.clock.advance(LIMITS.streamCreditMs);
  await settle();
  await world.clock.advance(LIMITS.linkRenewalMs);
  await assert.rejects(connecting, { code: 'agent.offline' });
});

test('version 2 agents end their streams: theirs is a limit, not a leak', async (t) => {
  const { world, carrier, links, control } = stand(t);
  const pair = memoryPair({ alpn: 'gw-agent-tunnel/2', clock: world.clock });
  links.take(pair.gateway);
  const agent = await agentControl(pair.agent, hello, world, never);
  await agent.send({ kind: 'route-advertise', epoch: 1n, subnets: [], names: [] });
  await control.until(() => control.advertised.length === 1);
  void (async () => {
    for await (const message of agent.messages)
      if (message.kind === 'session-open') await agent.send({ kind: 'session-ready', sessionId: message.sessionId, revision: message.revision });
  })().catch(() => {});
  Object.assign(pair.gateway, {
    openStream: (signal: AbortSignal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  });
  const connecting = carrier.connect(request, never);
  connecting.catch(() => {});
  for (let turns = 0; turns < 20; turns += 1) await settle();
  await world.clock.advance(LIMITS.streamCreditMs);
  await assert.rejects(connecting, { code: 'streams.exhausted' });
  assert.deepEqual(control.unlinked, []);
});
