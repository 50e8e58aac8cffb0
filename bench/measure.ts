// The measurements, each against one local port that leads to the target through some chain.
import { connect, type Socket } from 'node:net';
import { cpuSeconds, residentMB } from './usage.ts';

export interface Figures {
  readonly downMBps: number;
  readonly upMBps: number;
  readonly down16MBps: number;
  readonly roundTripP50us: number;
  readonly roundTripP99us: number;
  readonly connectionsPerSecond: number;
  readonly connectionsPerSecond16: number;
  /** Of the chain's processes, for a GB down, a GB up and 16 streams alike. */
  readonly cpuSecondsPerGB: number;
  /** What the chain's processes take more while 1000 connections are open and rest, MB. */
  readonly idle1000MB: number;
}

const MIB = 1024 * 1024;
const ROUND_TRIPS = 2000;

/** `mib` is how much one stream carries each way. */
export async function measure(port: number, pids: readonly number[], mib: number): Promise<Figures> {
  await download(port, 1); // opens whatever is opened once
  const cpuBefore = cpuSeconds(pids);
  const downMBps = await rate(mib, () => download(port, mib));
  const upMBps = await rate(mib, () => upload(port, mib));
  const share = Math.max(1, Math.round(mib / 16));
  const down16MBps = await rate(share * 16, async () => {
    await Promise.all(Array.from({ length: 16 }, () => download(port, share)));
  });
  const cpuSecondsPerGB = (cpuSeconds(pids) - cpuBefore) / (((2 * mib + share * 16) * MIB) / 1e9);
  const trips = await roundTrips(port, ROUND_TRIPS);
  const connectionsPerSecond = await connections(port, 200, 1);
  const connectionsPerSecond16 = await connections(port, 800, 16);
  const idle1000MB = await idle(port, pids, 1000);
  return {
    downMBps,
    upMBps,
    down16MBps,
    roundTripP50us: quantile(trips, 0.5),
    roundTripP99us: quantile(trips, 0.99),
    connectionsPerSecond,
    connectionsPerSecond16,
    cpuSecondsPerGB,
    idle1000MB,
  };
}

async function rate(mib: number, work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (mib * MIB) / 1000 / (performance.now() - start);
}

/** A connection that tells the target what it is for: `d`own, `u`p or `e`cho. */
export function ask(port: number, kind: 'd' | 'u' | 'e', mib: number): Socket {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  const head = Buffer.alloc(5);
  head.write(kind);
  head.writeUInt32BE(mib, 1);
  socket.write(head);
  return socket;
}

async function download(port: number, mib: number): Promise<void> {
  const socket = ask(port, 'd', mib);
  let received = 0;
  for await (const part of socket as AsyncIterable<Buffer>) received += part.length;
  socket.destroy();
  if (received !== mib * MIB) throw new Error(`asked for ${mib * MIB} bytes, received ${received}`);
}

async function upload(port: number, mib: number): Promise<void> {
  const socket = ask(port, 'u', mib);
  const chunk = Buffer.alloc(256 * 1024, 0x5a);
  const answered = new Promise<void>((resolve, reject) => {
    socket.once('data', () => resolve());
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection ended before the target had everything')));
  });
  for (let sent = 0; sent < mib * MIB; sent += chunk.length) {
    if (!socket.write(chunk)) await new Promise((resolve) => socket.once('drain', resolve));
  }
  await answered;
  socket.destroy();
}

async function roundTrips(port: number, count: number): Promise<number[]> {
  const socket = ask(port, 'e', 0);
  const times: number[] = [];
  for (let trip = 0; trip < count; trip++) {
    const start = performance.now();
    await echoOnce(socket);
    socket.removeAllListeners('error');
    times.push((performance.now() - start) * 1000);
  }
  socket.destroy();
  return times;
}

async function connections(port: number, count: number, atOnce: number): Promise<number> {
  let left = count;
  const worker = async () => {
    while (left-- > 0) {
      const socket = ask(port, 'e', 0);
      await echoOnce(socket);
      socket.destroy();
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: atOnce }, worker));
  return count / ((performance.now() - start) / 1000);
}

async function idle(port: number, pids: readonly number[], count: number): Promise<number> {
  const before = residentMB(pids);
  const sockets: Socket[] = [];
  const opener = async () => {
    while (sockets.length < count) {
      const socket = ask(port, 'e', 0);
      sockets.push(socket);
      await echoOnce(socket);
    }
  };
  await Promise.all(Array.from({ length: 8 }, opener));
  const used = residentMB(pids) - before;
  for (const socket of sockets) socket.destroy();
  return used;
}

/** The connection stands: a byte has gone to the target and come back. */
export function echoOnce(socket: Socket): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    socket.once('data', () => resolve());
    socket.once('error', reject);
    socket.write('x');
  });
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}
