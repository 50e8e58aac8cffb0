// The control stream of both versions, both ends, over links in memory.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quietWorld } from '../../../test/support/quiet-world.ts';
import { encodeFrame } from '../protocol/frame.ts';
import type { Assignment, Hello, RouteAdvertise } from '../protocol/messages.ts';
import { encodeV1Control } from '../protocol/v1-control.ts';
import { encodeV2Control } from '../protocol/v2-control.ts';
import type { LinkStream } from '../transport/link.ts';
import { memoryPair } from '../transport/memory/pair.ts';
import { agentControl, gatewayControl } from './control.ts';
import { adopt, readFrame } from './frames.ts';
import { ALPN, CLOSE } from './version.ts';

const [V2 = '', V1 = ''] = ALPN;
const never = new AbortController().signal;
const MAX = 2 ** 20;

const hello = (software: string): Hello => ({
  kind: 'hello',
  software,
  os: 'linux',
  arch: 'x64',
  hostname: 'host',
  capabilities: [],
  transportReason: undefined,
  instance: 'one',
});
const routes: RouteAdvertise = {
  kind: 'route-advertise',
  epoch: 1n,
  subnets: ['10.0.0.0/8', 'fd00::/64'],
  names: [{ name: '*.corp.example', autoDetected: false }],
};
const assignment: Assignment = { kind: 'assignment', subnets: ['10.0.0.0/8'], names: [], ports: [[22, 22]], channels: ['tcp'], renew: undefined };

function pair(alpn: string) {
  const world = quietWorld();
  return { world, links: memoryPair({ alpn, clock: world.clock }) };
}

/** On version 1, after the agent's first message, without which the gateway would not see the stream. */
async function linked(alpn: string) {
  const { links, world } = pair(alpn);
  const accepting = gatewayControl(links.gateway, hello('gateway'), world, never);
  const agent = await agentControl(links.agent, hello('agent'), world, never);
  if (agent.version === 1) await agent.send(routes);
  const gateway = await accepting;
  if (agent.version === 1) assert.deepEqual(await next(gateway), { ...routes, subnets: ['10.0.0.0/8'] }, 'IPv6 stays away');
  return { links, world, agent, gateway };
}

/** The gateway's end as it is, the agent's by hand. */
async function agentByHand(alpn: string) {
  const { links, world } = pair(alpn);
  const stream = adopt(await links.agent.openStream(never));
  return { links, world, stream, accepting: gatewayControl(links.gateway, hello('gateway'), world, never) };
}

async function next<In>({ messages }: { readonly messages: AsyncIterable<In, void> }): Promise<In | undefined> {
  const { value } = await messages[Symbol.asyncIterator]().next();
  return value ?? undefined;
}

const say = (stream: LinkStream, payload: Uint8Array) => stream.write(encodeFrame(payload, MAX));

test('version 2 is offered first', () => assert.deepEqual(ALPN, ['gw-agent-tunnel/2', 'gw-agent-tunnel/1']));

test('version 2: hello both ways, then messages both ways in order', async () => {
  const { agent, gateway, world } = await linked(V2);
  assert.deepEqual([agent.version, agent.peer, gateway.peer], [2, hello('gateway'), hello('agent')]);
  await gateway.send(assignment);
  await Promise.all([agent.send(routes), agent.send({ kind: 'heartbeat', sentAtMs: 5n, streams: 2 })]);
  assert.deepEqual(await next(agent), assignment);
  assert.deepEqual(await next(gateway), routes);
  assert.deepEqual(await next(gateway), { kind: 'heartbeat', sentAtMs: 5n, streams: 2 });
  assert.equal(world.clock.pending, 0, 'no timer is left');
});

test('version 1: no hello, messages both ways', async () => {
  const { agent, gateway } = await linked(V1);
  assert.deepEqual([agent.version, agent.peer, gateway.peer], [1, undefined, undefined]);
  await agent.send({ kind: 'heartbeat', sentAtMs: 5n, streams: 0 });
  assert.equal((await next(gateway))?.kind, 'heartbeat');
  await gateway.send({ kind: 'heartbeat-ack', sentAtMs: 5n });
  assert.deepEqual(await next(agent), { kind: 'heartbeat-ack', sentAtMs: 5n });
});

test('version 1: what it has no message for is our own fault and is not sent', async () => {
  const { agent, gateway } = await linked(V1);
  await assert.rejects(gateway.send(assignment), { code: 'internal' });
  await assert.rejects(gateway.send({ kind: 'drain', delayMs: 1, reason: '' }), { code: 'internal' });
  await assert.rejects(agent.send({ ...routes, epoch: 0n }), { code: 'internal' });
  await agent.send(routes);
  assert.equal((await next(gateway))?.kind, 'route-advertise', 'the stream goes on');
});

test('version 1: after a renewal request the next frame is the answer', async () => {
  const { agent, gateway } = await linked(V1);
  await agent.send({ kind: 'heartbeat', sentAtMs: 1n, streams: 0 });
  await agent.send({ kind: 'cert-renewal-request', csrPem: 'CSR' });
  assert.equal((await next(gateway))?.kind, 'heartbeat');
  assert.equal((await next(gateway))?.kind, 'cert-renewal-request');
  await gateway.send({ kind: 'heartbeat-ack', sentAtMs: 1n });
  await gateway.send({ kind: 'cert-renewal-refused', reason: 'no' });
  await gateway.send({ kind: 'heartbeat-ack', sentAtMs: 2n });
  assert.deepEqual(await next(agent), { kind: 'cert-renewal-refused', reason: 'no' });
  assert.deepEqual(await next(agent), { kind: 'heartbeat-ack', sentAtMs: 2n });
});

test('version 1: what released agents send wrong is a warning, the link stays', async () => {
  const { links, world, stream, accepting } = await agentByHand(V1);
  say(stream, Buffer.from('020009', 'hex'));
  say(stream, Buffer.concat([encodeV1Control({ kind: 'heartbeat', sentAtMs: 1n, streams: 0 }), Buffer.from('trailing')]));
  assert.equal((await next(await accepting))?.kind, 'heartbeat');
  assert.deepEqual(world.logged, ['heartbeat: version 9 ignored, only 1 is supported', 'heartbeat: 8 trailing bytes ignored']);
  assert.equal(links.gateway.streams, 1);
});

for (const [alpn, code] of [
  [V1, 0],
  [V2, CLOSE.violation],
] as const) {
  test(`${alpn}: what is no message ends the link with code ${code}`, async () => {
    const { links, stream, accepting } = await agentByHand(alpn);
    if (alpn === V2) say(stream, encodeV2Control(hello('agent')));
    else say(stream, encodeV1Control({ kind: 'heartbeat', sentAtMs: 1n, streams: 0 }));
    const control = await accepting;
    if (alpn === V1) await next(control);
    say(stream, Buffer.from('7f', 'hex'));
    await assert.rejects(next(control), { code: 'protocol.violation' });
    const end = await links.agent.closed;
    assert.deepEqual([end.by, end.code], ['peer', code]);
    assert.match(end.reason, /^control message/);
    await assert.rejects(async () => await control.send({ kind: 'heartbeat-ack', sentAtMs: 1n }), { code: 'link.lost' });
  });
}

test('a frame above the limit ends the link before its payload comes', async () => {
  const { links, stream, accepting } = await agentByHand(V2);
  stream.write(Buffer.from('00080001', 'hex'));
  await assert.rejects(accepting, { code: 'protocol.violation', message: 'frame: 524289 bytes, the limit is 524288' });
  assert.equal((await links.agent.closed).code, CLOSE.violation);
});

test('the first message of version 2 is a hello', async () => {
  const { links, stream, accepting } = await agentByHand(V2);
  say(stream, encodeV2Control(routes));
  await assert.rejects(accepting, { code: 'protocol.violation' });
  assert.equal((await links.agent.closed).code, CLOSE.violation);
});

test('the end of the control stream ends the iteration and the link', async () => {
  const { links, stream, accepting } = await agentByHand(V1);
  stream.end();
  const control = await accepting;
  assert.equal(await next(control), undefined);
  assert.deepEqual(await links.agent.closed, { by: 'peer', code: 0, reason: 'control stream ended' });
});

test('either side gives up after 10 s of silence', async () => {
  for (const start of [agentControl, gatewayControl] as const) {
    const { links, world } = pair(V2);
    const silent = assert.rejects(start(start === agentControl ? links.agent : links.gateway, hello('us'), world, never), {
      code: start === agentControl ? 'gateway.silent' : 'agent.silent',
    });
    await world.clock.advance(10_000);
    await silent;
  }
});

test('a stream that the agent opens is reset, and ends the link: on version 2 the first, on version 1 the sixteenth', async () => {
  const v1 = await linked(V1);
  const stray = adopt(await v1.links.agent.openStream(never));
  stray.write('x');
  await assert.rejects(readFrame(stray, MAX, v1.world.clock, never), { name: 'StreamReset' });
  for (let stray = 2; stray < 16; stray += 1) adopt(await v1.links.agent.openStream(never)).end('x');
  await assert.rejects(
    readFrame(adopt(await v1.links.gateway.openStream(never)), MAX, v1.world.clock, AbortSignal.abort(new Error('the link stands'))),
    /stands/,
  );
  adopt(await v1.links.agent.openStream(never)).end('x');
  assert.deepEqual(await v1.links.agent.closed, { by: 'peer', code: 0, reason: 'the agent opened streams' });
  const v2 = await linked(V2);
  const v2Stray = adopt(await v2.links.agent.openStream(never));
  v2Stray.write('x');
  assert.equal((await v2.links.agent.closed).code, CLOSE.violation);
});

test('the signal ends reading and sending, the link is the caller to close', async () => {
  const { links, world } = pair(V1);
  const ending = new AbortController();
  const control = await agentControl(links.agent, hello('agent'), world, ending.signal);
  const reading = assert.rejects(next(control), /stopping/);
  ending.abort(new Error('stopping'));
  await reading;
  assert.equal(links.agent.streams, 1);
});

test('messages that wait for room leave in order; a peer that never reads loses the link', async () => {
  const { links, world, agent } = await linked(V2);
  const large: RouteAdvertise = {
    ...routes,
    names: Array.from({ length: 1000 }, (_, index) => ({ name: `${'a'.repeat(50)}.${index}.example`, autoDetected: false })),
  };
  const sends = Promise.allSettled([agent.send(large), agent.send(large), agent.send(large)]);
  await world.clock.timerSet();
  for (let wait = 0; wait < 3; wait += 1) await world.clock.advance(10_000); // the first may still find room
  const failed = (await sends).filter(({ status }) => status === 'rejected');
  assert.ok(failed.length > 0);
  assert.equal((await links.gateway.closed).code, CLOSE.violation);
});
