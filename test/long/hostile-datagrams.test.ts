// A hundred thousand datagrams of every kind that people without credentials can send (security.md, N), at the real gateway, while an agent transfers.
// TUNNEL_TEST_SEED=n repeats a run; what a failing one was made of is kept in a file.
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { agentControl } from '../../src/lib/link/control.ts';
import { ALPN } from '../../src/lib/link/version.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { dialQuic } from '../../src/lib/transport/quic/dial.ts';
import { auditRows } from '../support/audit-rows.ts';
import { connectTo, startChain } from '../support/chain.ts';
import { edgePid } from '../support/edge-pid.ts';
import { type Captured, hostileDatagrams } from '../support/hostile-datagrams.ts';
import { residentBytes } from '../support/memory.ts';
import { type EnrolledAgent, enrolAgent } from '../support/second-agent.ts';
import { dial, patternSha256, readToEnd, sendPattern, startTarget } from '../support/tcp.ts';

const COUNT = 100_000;
const WITHIN_MS = 60_000;
const AT_ONCE = 64;
const MIB = 1024 * 1024;
const GROWTH_BYTES = 30 * MIB;
const TRANSFER_BYTES = 64 * MIB;
const WHOLE = { end: 'fin', bytes: TRANSFER_BYTES, sha256: patternSha256(TRANSFER_BYTES) };
const SEED = Number(process.env['TUNNEL_TEST_SEED'] ?? Date.now() % 1_000_000);

test(`${COUNT} hostile datagrams, seed ${SEED}: same edge, right hash, agent never offline, memory flat`, async (t) => {
  t.diagnostic(`TUNNEL_TEST_SEED=${SEED}`);
  const chain = await startChain(t);
  const target = await startTarget(t, (socket) => sendPattern(socket, TRANSFER_BYTES));
  const { port } = await connectTo(t, chain, `127.0.0.1:${target}`);
  const bystander = await enrolAgent(chain, 'bystander');
  const relay = await relayed(t, bystander);

  const pid = await edgePid(chain);
  const known = (await auditRows(chain.gatewayFolder)).at(-1)?.seq ?? 0;
  const before = await restingBytes(t, pid, port);
  const kept = join(tmpdir(), `tunnel-hostile-datagrams-${SEED}.json`);
  try {
    let flooding = true;
    const transfers = (async () => {
      let whole = 0;
      for (; flooding || whole === 0; whole += 1) assert.deepEqual(await readToEnd(await dial(t, port)), WHOLE);
      return whole;
    })();
    const since = performance.now();
    const counts = await flood(t, bystander, relay);
    const took = performance.now() - since;
    flooding = false;
    const whole = await transfers;
    const grown = (await restingBytes(t, pid, port)) - before;
    t.diagnostic(`${JSON.stringify(counts)} in ${(took / 1000).toFixed(1)} s; ${whole} transfers whole; the edge grew by ${(grown / MIB).toFixed(1)} MiB`);

    assert.ok(took < WITHIN_MS, `took ${took} ms`);
    assert.equal(await edgePid(chain), pid, 'the edge fell');
    assert.ok(grown < GROWTH_BYTES, `the edge grew by ${Math.round(grown / MIB)} MiB`);
    const rows = await auditRows(chain.gatewayFolder, known);
    assert.deepEqual(
      rows.filter(({ code }) => code === 'link.closed' || code === 'link.opened'),
      [],
      'a link came or went',
    );
    assert.doesNotMatch(chain.gateway.stderr(), /uncaught|unhandled/i);
  } catch (error) {
    writeFileSync(kept, JSON.stringify({ seed: SEED, captured: relay.captured.map(({ packet }) => Buffer.from(packet).toString('hex')) }));
    throw new Error(`what it was made of is in ${kept}`, { cause: error });
  }
});

/** What the edge holds at the least while it carries four transfers: garbage that waits for its collector comes and goes by 20 MiB with transfers alone. */
async function restingBytes(t: TestContext, pid: number, port: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  const sampling = setInterval(() => {
    least = Math.min(least, residentBytes(pid));
  }, 20);
  try {
    for (let transfer = 0; transfer < 4; transfer += 1) {
      assert.deepEqual(await readToEnd(await dial(t, port)), WHOLE);
      if (transfer === 0) least = Number.POSITIVE_INFINITY; // what came before is still being cleared up
    }
  } finally {
    clearInterval(sampling);
  }
  return least;
}

/** Strangers from many ports, and somebody on the path who forges the address of a living link. */
async function flood(t: TestContext, { udp }: EnrolledAgent, { captured, forge }: Relay): Promise<Record<string, number>> {
  const strangers = await Promise.all(Array.from({ length: 8 }, () => stranger(t)));
  const counts: Record<string, number> = {};
  let sent = 0;
  for (const { kind, datagram, forged } of hostileDatagrams(SEED, COUNT, captured)) {
    counts[kind] = (counts[kind] ?? 0) + 1;
    const socket = strangers[sent % strangers.length];
    if (forged) forge(datagram);
    else socket?.send(datagram, udp.port, udp.address);
    sent += 1;
    // A turn for the others, and for the gateway to take it in: what the kernel drops for want of room tests nothing.
    if (sent % AT_ONCE === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return counts;
}

interface Relay {
  readonly captured: readonly Captured[];
  /** Sends as the bystander's address. */
  forge(datagram: Uint8Array): void;
}

/** A link of the bystander through a relay that keeps what its handshake and its first signs of life looked like. */
async function relayed(t: TestContext, { udp, certificateFile, keyFile, caFile }: EnrolledAgent): Promise<Relay> {
  const captured: Captured[] = [];
  const [near, far] = await Promise.all([stranger(t), stranger(t)]);
  let agent = { address: '', port: 0 };
  near.on('message', (datagram, from) => {
    agent = from;
    captured.push({ packet: Uint8Array.from(datagram), toGateway: true });
    far.send(datagram, udp.port, udp.address);
  });
  far.on('message', (datagram) => {
    captured.push({ packet: Uint8Array.from(datagram), toGateway: false });
    if (agent.port !== 0) near.send(datagram, agent.port, agent.address);
  });
  const read = (file: string) => readFileSync(file, 'utf8');
  const credentials = { certificatePem: read(certificateFile), privateKeyPem: read(keyFile), trustedCaPem: read(caFile), alpn: ALPN };
  const world = realWorld({ level: 'error' });
  const link = await dialQuic({ to: near.address(), serverName: '127.0.0.1', credentials, signal: t.signal }, world);
  t.after(() => link.close());
  // Packets of the link's life are there too: its hello, and the gateway's.
  const hello = { kind: 'hello', software: 'test', os: 'linux', arch: 'x64', hostname: 'bystander', capabilities: [] } as const;
  const control = await agentControl(link, hello, world, t.signal);
  control.messages[Symbol.asyncIterator]()
    .next()
    .catch(() => {}); // what it says later is not read
  return { captured, forge: (datagram) => far.send(datagram, udp.port, udp.address) };
}

async function stranger(t: TestContext): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('error', () => {});
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  return socket;
}
