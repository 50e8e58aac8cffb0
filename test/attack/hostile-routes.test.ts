// An enrolled agent that advertises what is not its own, over a real link while another agent carries real bytes: none of them come to it, the conflict is listed, and control stays quick.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import type { RouteRow } from '../../src/lib/api/agents.ts';
import { agentCodec } from '../../src/lib/link/control-codec.ts';
import { readFrame } from '../../src/lib/link/frames.ts';
import { encodeFrame } from '../../src/lib/protocol/frame.ts';
import type { AgentMessage } from '../../src/lib/protocol/messages.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { dialQuic } from '../../src/lib/transport/quic/dial.ts';
import { connectTo, startChain } from '../support/chain.ts';
import { succeed, temporaryFolder } from '../support/cli.ts';
import { lateSince, loopWatch, startIdle } from '../support/loop-watch.ts';
import { type EnrolledAgent, enrolAgent } from '../support/second-agent.ts';
import { dial, patternSha256, readToEnd, sendPattern, startTarget } from '../support/tcp.ts';

const world = realWorld({ level: 'silent' });
const TRANSFER_BYTES = 48 * 1024 * 1024;
const WHOLE = { end: 'fin', bytes: TRANSFER_BYTES, sha256: patternSha256(TRANSFER_BYTES) };
const LATE_MS = 100;
const ANY_FRAME = 16 * 1024 * 1024;
const HONEST = '127.1.0.1';

/** Each is advertised as a whole; `shown` are the routes of it that the list must show as refused, beside what they take from whom. */
const WISHES: Readonly<Record<string, { readonly subnets?: readonly string[]; readonly names?: readonly string[]; readonly meets: readonly string[] }>> = {
  'the world': { subnets: ['0.0.0.0/0', '::/0'], meets: ['0.0.0.0/0', '::/0'] },
  "another's subnet": { subnets: ['127.1.0.0/16'], meets: ['127.1.0.0/16'] },
  'more specific ones inside it': { subnets: ['127.1.0.0/24', '127.1.0.1/32'], meets: ['127.1.0.0/24', '127.1.0.1/32'] },
  loopback: { subnets: ['127.0.0.0/8', '::1/128'], meets: ['127.0.0.0/8', '::1/128'] },
  metadata: { subnets: ['169.254.169.254/32', 'fd00:ec2::254/128'], meets: [] },
  names: { names: ['com', '*.com', '*.example', '*.corp.example', 'db.corp.example'], meets: ['*.example', '*.corp.example', 'db.corp.example'] },
};

/** A link of its own, version by its protocol name; frames are written as they come. */
async function hostileLink(t: TestContext, { udp, certificateFile, keyFile, caFile }: EnrolledAgent, version: 1 | 2) {
  const read = (path: string) => readFileSync(path, 'utf8');
  const credentials = { certificatePem: read(certificateFile), privateKeyPem: read(keyFile), trustedCaPem: read(caFile), alpn: [`gw-agent-tunnel/${version}`] };
  const link = await dialQuic({ to: udp, serverName: '127.0.0.1', credentials, signal: t.signal }, world);
  t.after(() => link.close());
  let asked = 0;
  (async () => {
    for (;;) {
      (await link.acceptStream(t.signal)).on('error', () => {}).resume();
      asked += 1;
    }
  })().catch(() => {}); // with the link
  const stream = await link.openStream(t.signal);
  stream.on('error', () => {});
  const { encode, decode } = agentCodec(version);
  const heard: string[] = [];
  (async () => {
    for (let frame = await readFrame(stream, ANY_FRAME, world.clock, t.signal); frame; frame = await readFrame(stream, ANY_FRAME, world.clock, t.signal))
      heard.push(decode(frame).message?.kind ?? 'nothing');
  })().catch(() => {});
  const write = (payload: Uint8Array) => stream.write(encodeFrame(payload, ANY_FRAME));
  const say = (message: AgentMessage) => write(encode(message) ?? Buffer.of());
  if (version === 2) say({ kind: 'hello', software: 'by hand', os: 'linux', arch: 'x64', hostname: 'bad', capabilities: [] });
  return { link, write, say, heard, asked: () => asked };
}

/** Version 2, 100,000 subnets in one message, whatever its list may hold. */
function tooMany(count: number, epoch: number): Buffer {
  const field = (id: number, value: Buffer) => Buffer.concat([Buffer.of(id, ...word(value.length)), value]);
  const word = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
  const subnets = Buffer.concat(Array.from({ length: count }, (_, at) => Buffer.of(4, 127, 1, at >> 8, at & 255, 32)));
  return Buffer.concat([Buffer.of(1), field(1, Buffer.of(0, 0, 0, 0, ...word(epoch))), field(2, subnets), field(3, Buffer.of())]);
}

const routesFrom = (count: number, from = 0) => Array.from({ length: count }, (_, at) => `127.1.${((from + at) >> 8) & 255}.${(from + at) & 255}/32`);

test("an agent that advertises what is another's gets no byte of it", async (t) => {
  const watched = temporaryFolder(t);
  const chain = await startChain(t, { routes: '127.1.0.0/16,::1,*.corp.example', gatewayEnv: loopWatch(watched) });
  const idleLate = lateSince(watched, startIdle(t, watched));
  const enrolled = await enrolAgent(chain, 'hostile');
  const target = await startTarget(t, (socket) => sendPattern(socket, TRANSFER_BYTES), HONEST);
  const { port } = await connectTo(t, chain, `${HONEST}:${target}`);
  const late = lateSince(watched, chain.gateway.child.pid ?? 0);
  const list = async () => {
    const { routes } = (await succeed(['route', 'list', '--limit', '1000', '--data-dir', chain.gatewayFolder, '--json'])).json();
    return (routes as RouteRow[]).filter(({ agent }) => agent === 'hostile');
  };
  const whole = async (what: string) => assert.deepEqual(await readToEnd(await dial(t, port)), WHOLE, what);
  const links: Awaited<ReturnType<typeof hostileLink>>[] = [];
  const linked = async (version: 1 | 2) => {
    const made = await hostileLink(t, enrolled, version);
    links.push(made);
    return made;
  };

  const agent = await linked(2);
  let epoch = 0n;
  for (const [what, { subnets = [], names = [], meets }] of Object.entries(WISHES)) {
    epoch += 1n;
    agent.say({ kind: 'route-advertise', epoch, subnets, names: names.map((name) => ({ name, autoDetected: false })) });
    const transfer = whole(what);
    const wished = [...subnets, ...names];
    let rows = await list();
    while (!wished.every((route) => rows.some((row) => row.route === route))) rows = await list();
    assert.deepEqual([...new Set(rows.filter(({ route }) => wished.includes(route)).map(({ state }) => state))], ['refused'], what);
    assert.ok(
      rows.every(({ route, state }) => state === 'refused' || route === '192.0.2.0/24'),
      what,
    );
    const met = rows.filter(({ overlaps }) => overlaps.some((other) => other.agent === 'web1')).map(({ route }) => route);
    assert.deepEqual(met.sort(), [...meets].sort(), what);
    await transfer;
  }

  // 100,000 of them: one after the other, in one frame of version 2 that its list does not hold, in one that is too long, and in one of version 1.
  const flood = whole('a hundred advertisements of a thousand');
  for (let at = 0; at < 100; at += 1) {
    epoch += 1n;
    agent.say({ kind: 'route-advertise', epoch, subnets: routesFrom(1000, at * 1000), names: [] });
  }
  await flood;
  assert.ok((await list()).every(({ state }) => state === 'refused'));
  await agent.link.close();
  for (const count of [80_000, 100_000]) {
    const one = await linked(2);
    const transfer = whole(`${count} in one frame`);
    one.write(tooMany(count, 1));
    assert.match((await one.link.closed).by, /peer|remote|gateway/);
    await transfer;
  }
  const old = await linked(1);
  const transfer = whole('100,000 on version 1');
  old.say({ kind: 'route-advertise', epoch: 1n, subnets: routesFrom(100_000), names: [] });
  let rows = await list();
  while (!rows.some(({ route }) => route === '127.1.0.1/32')) rows = await list();
  await transfer;
  assert.ok(rows.every(({ state }) => state === 'refused'));

  const [lateMs, idleMs] = [late(), idleLate()];
  t.diagnostic(`control was late by ${lateMs} ms at the most, an idle process by ${idleMs}; ${rows.length} rows of the list in the end`);
  assert.deepEqual(
    links.map(({ asked, heard }) => [asked(), heard.includes('session-open')]),
    links.map(() => [0, false]),
    'it was asked for something',
  );
  const { decision } = (await succeed(['route', 'resolve', `${HONEST}:${target}`, '--data-dir', chain.gatewayFolder, '--json'])).json() as { decision: object };
  assert.deepEqual(decision, { via: 'agent', agent: 'web1', route: '127.1.0.0/16', rule: 'subnet' });
  assert.ok(lateMs - idleMs < LATE_MS, `control was late by ${lateMs} ms, an idle process by ${idleMs}`);
});
