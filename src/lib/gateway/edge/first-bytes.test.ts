// An operator's first bytes at an edge with two ways: a refusal leaves them for the next one, a lost link for nobody.
import assert from 'node:assert/strict';
import { Duplex, PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { OpenControl, TOKEN } from '../../../../test/support/edge-stand.ts';
import { quietWorld } from '../../../../test/support/quiet-world.ts';
import { firstUnread } from '../../../../test/support/unread.ts';
import { acceptChannel, type IncomingChannel } from '../../link/accept-channel.ts';
import { type AgentControl, agentControl } from '../../link/control.ts';
import { FirstBytes } from '../../link/first-bytes.ts';
import type { Hello } from '../../protocol/messages.ts';
import type { Link, LinkStream } from '../../transport/link.ts';
import { memoryPair } from '../../transport/memory/pair.ts';
import { Carrier } from './carry.ts';
import { Links } from './links.ts';

const never = new AbortController().signal;
const hello: Hello = { kind: 'hello', software: 'test', os: '', arch: '', hostname: '', capabilities: [] };
const request = { sessionToken: TOKEN, target: '10.0.0.5:22', remote: { address: '192.0.2.1', port: 1 } };

interface Incoming extends IncomingChannel {
  readonly stream: LinkStream;
}

/** Two agents that are ways to every target, one after the other, and an operator that has said 'hello '. */
async function stand(t: TestContext) {
  const world = quietWorld();
  const control = new OpenControl();
  control.admit = async (presented) => {
    const agentId = `agent-${control.linked.length + 1}`;
    control.linked.push({ linkId: agentId, agentId, presented });
    return { linkId: agentId, agentId, agent: agentId, assignment: { subnets: [], names: [], ports: [], kinds: ['tcp'] } };
  };
  control.ways = (target) => control.linked.map((linked) => control.way(target, linked));
  const links = new Links(control, hello, world);
  t.after(() => links.close('the test is over'));
  const agent = async () => {
    const pair = memoryPair({ alpn: 'gw-agent-tunnel/2', clock: world.clock });
    links.take(pair.gateway);
    const count = control.advertised.length;
    const stream = await agentControl(pair.agent, hello, world, never);
    takeSessions(stream).catch(() => {}); // its link has ended
    await stream.send({ kind: 'route-advertise', epoch: 1n, subnets: [], names: [] });
    await control.until(() => control.advertised.length > count);
    const next = async (): Promise<Incoming> => {
      const stream = await pair.agent.acceptStream(never);
      return { stream, ...(await acceptChannel(pair.agent, stream, world, never)) };
    };
    return { link: pair.agent as Link, next };
  };
  const [one, two] = [await agent(), await agent()];
  const [said, heard] = [new PassThrough(), new PassThrough()];
  const operator = Duplex.from({ readable: said, writable: heard });
  said.write('hello ');
  const connecting = new Carrier(control, links, world).connect(request, never, new FirstBytes(operator));
  connecting.catch(() => {});
  return { control, one, two, said, heard, operator, connecting };
}

async function takeSessions(agent: AgentControl): Promise<void> {
  for await (const message of agent.messages) {
    if (message.kind === 'session-open') await agent.send({ kind: 'session-ready', sessionId: message.sessionId, revision: message.revision });
  }
}

test('who refuses had them in vain; the next way brings them, and they are counted', async (t) => {
  const { control, one, two, said, heard, operator, connecting } = await stand(t);
  const first = await one.next();
  assert.equal(await firstUnread(first.stream), 'hello ');
  first.refuse('refused', 'not here');
  const second = await two.next();
  assert.equal(await firstUnread(second.stream), 'hello ');
  const target = second.accept('10.0.0.5:22');
  const carrying = (await connecting).carry(operator);
  said.end('world');
  assert.equal(await text(target), 'hello world');
  target.end('bye');
  assert.equal(await text(heard), 'bye');
  await carrying;
  const kinds = control.events.map((event) => [event.kind, event.kind === 'refused' && event.last, event.kind === 'ended' && event.bytesUp]);
  assert.deepEqual(kinds, [
    ['refused', false, false],
    ['opened', false, false],
    ['ended', false, 11],
  ]);
});

test('a link that goes before its answer may have brought them: no other way is tried, and the operator is told not to', async (t) => {
  const { control, one, two, connecting } = await stand(t);
  await firstUnread((await one.next()).stream);
  await one.link.close();
  await assert.rejects(connecting, { code: 'link.reset', message: /agent/ });
  assert.deepEqual(
    control.events.map((event) => event.kind === 'refused' && [event.code, event.last]),
    [['link.lost', true]],
  );
  assert.equal(two.link.streams, 1, 'its control stream');
});
