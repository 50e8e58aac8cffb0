// A network between one agent and a gateway, on loopback: it can go black, drop what a test names, and change its address as a NAT does.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import type { SocketAddress } from '../../src/lib/base/world.ts';

export interface UdpProxy {
  /** Where the agent dials. */
  readonly at: SocketAddress;
  /** Called for every datagram; false drops it. */
  pass: (datagram: Buffer, direction: 'to gateway' | 'to agent') => boolean;
  /** From now on the gateway sees the agent at another port. */
  rebind(): Promise<void>;
}

/** `agentAddress` is where the gateway sees the agent. */
export async function udpProxy(t: TestContext, gateway: SocketAddress, agentAddress = '127.0.0.1'): Promise<UdpProxy> {
  const near = await bound('127.0.0.1');
  let agent: SocketAddress | undefined;
  const toAgent = (datagram: Buffer) => {
    if (agent && proxy.pass(datagram, 'to agent')) near.send(datagram, agent.port, agent.address);
  };
  let far = await bound(agentAddress);
  far.on('message', toAgent);
  const sockets = [near, far];
  near.on('message', (datagram, from) => {
    agent = from;
    if (proxy.pass(datagram, 'to gateway')) far.send(datagram, gateway.port, gateway.address);
  });
  t.after(() => {
    for (const socket of sockets) socket.close();
  });
  const proxy: UdpProxy = {
    at: near.address(),
    pass: () => true,
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
