// A network between one agent and a gateway, on loopback: it loses, delays, reorders and doubles packets by a seed, goes black, and moves the agent as a NAT does.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import type { SocketAddress } from '../../src/lib/base/world.ts';
import { seededRandom } from './seeded-random.ts';

/** What happens to each packet, in both directions. Rates are between 0 and 1. */
export interface Weather {
  readonly loss?: number;
  readonly duplication?: number;
  readonly delayMs?: number;
  /** Each packet's delay lies within so much of `delayMs`, evenly; packets overtake each other by it. */
  readonly jitterMs?: number;
}

export interface UdpProxy {
  /** Where the agent dials. */
  readonly at: SocketAddress;
  /** Called for every datagram before the weather; false drops it. */
  pass: (datagram: Buffer, direction: 'to gateway' | 'to agent') => boolean;
  /** From now on, and the same for the same seed as far as packets come in the same order. */
  weather(weather: Weather, seed: number): void;
  /** From now on the gateway sees the agent at another port. */
  rebind(): Promise<void>;
}

/** `agentAddress` is where the gateway sees the agent. */
export async function udpProxy(t: TestContext, gateway: SocketAddress, agentAddress = '127.0.0.1'): Promise<UdpProxy> {
  const near = await bound('127.0.0.1');
  const late = new Set<NodeJS.Timeout>();
  let agent: SocketAddress | undefined;
  let carry = (send: () => void): void => send();
  const toAgent = (datagram: Buffer) => {
    if (agent && proxy.pass(datagram, 'to agent')) {
      const to = agent;
      carry(() => near.send(datagram, to.port, to.address));
    }
  };
  let far = await bound(agentAddress);
  far.on('message', toAgent);
  const sockets = [near, far];
  near.on('message', (datagram, from) => {
    agent = from;
    const out = far;
    if (proxy.pass(datagram, 'to gateway')) carry(() => out.send(datagram, gateway.port, gateway.address));
  });
  t.after(() => {
    for (const timer of late) clearTimeout(timer);
    for (const socket of sockets) socket.close();
  });
  const after = (ms: number, send: () => void) => {
    if (ms <= 0) return send();
    const timer = setTimeout(() => {
      late.delete(timer);
      send();
    }, ms);
    late.add(timer);
  };
  const proxy: UdpProxy = {
    at: near.address(),
    pass: () => true,
    weather({ loss = 0, duplication = 0, delayMs = 0, jitterMs = 0 }, seed) {
      const random = seededRandom(seed);
      carry = (send) => {
        const copies = random() < duplication ? 2 : 1;
        for (let copy = 0; copy < copies; copy += 1) {
          if (random() >= loss) after(delayMs + (2 * random() - 1) * jitterMs, send);
        }
      };
    },
    async rebind() {
      far.off('message', toAgent); // what the gateway still sends to the old address reaches nobody
      far = await bound(agentAddress);
      far.on('message', toAgent);
      sockets.push(far);
    },
  };
  return proxy;
}

async function bound(address: string): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, address);
  await once(socket, 'listening');
  return socket;
}
