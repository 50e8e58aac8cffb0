// A gateway, agents and an operator in this process (the edge is a process as always), on loopback, each with the world that the test gives it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { enrol } from '../../src/lib/agent/enrol.ts';
import { startAgent } from '../../src/lib/agent/start.ts';
import type { ApiClient } from '../../src/lib/api/client.ts';
import type { SessionGrant } from '../../src/lib/api/contract.ts';
import type { World } from '../../src/lib/base/world.ts';
import { initCa } from '../../src/lib/gateway/data-folder.ts';
import { startGateway } from '../../src/lib/gateway/start.ts';
import { login } from '../../src/lib/operator/login.ts';
import { openRemote } from '../../src/lib/operator/remote.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { temporaryFolder } from './cli.ts';
import { adminOf } from './fleet.ts';

const world = realWorld({ level: 'silent' });

interface Options {
  readonly gatewayWorld?: World;
  readonly direct?: readonly string[];
}

export interface NetworkStand {
  readonly admin: ApiClient;
  /** As alice, who may reach all. */
  readonly operator: ApiClient;
  /** Alice's login, for the commands of an operator. */
  readonly operatorFolder: string;
  /** Online when this resolves. `stop` takes it off. */
  agent(name: string, routes: readonly string[], agentWorld?: World): Promise<{ stop(): Promise<void> }>;
  /** CONNECT as a plain client writes it, with this very authority; the status, and the socket for what follows. */
  connect(authority: string, grant: SessionGrant): Promise<{ status: number; socket: TLSSocket }>;
}

export async function networkStand(t: TestContext, { gatewayWorld = world, direct = [] }: Options = {}): Promise<NetworkStand> {
  const folder = temporaryFolder(t);
  const [gatewayFolder, operatorFolder] = [join(folder, 'gw'), join(folder, 'op')];
  await initCa(gatewayFolder, world);
  const gateway = await startGateway({ dataDir: gatewayFolder, listen: '127.0.0.1:0', proxyListen: '127.0.0.1:0', direct }, gatewayWorld);
  t.after(() => gateway.close({ graceMs: 0 }));
  const admin = adminOf({ gatewayFolder });
  const { token } = await admin.mintToken({ kind: 'operator', name: 'alice', expires_ms: 3_600_000 }, t.signal);
  await login({ token, configDir: operatorFolder, waitMs: 0 }, world, t.signal);
  const { client } = await openRemote(operatorFolder, world);
  return {
    admin,
    operator: client,
    operatorFolder,
    async agent(name, routes, agentWorld = world) {
      const dataDir = join(folder, name);
      const minted = await admin.mintToken({ kind: 'agent', name, routes: [...routes], ports: ['1-65535'], expires_ms: 3_600_000 }, t.signal);
      await enrol({ dataDir, enrolmentString: minted.token, verify: false, os: 'linux', hostname: name }, world, t.signal);
      const agent = await startAgent({ dataDir, transport: 'tls' }, agentWorld);
      t.after(() => agent.close());
      await agent.online(t.signal);
      return { stop: () => agent.close() };
    },
    async connect(authority, { token: sessionToken, proxy, ca_pem: ca }) {
      assert.ok(proxy);
      const { hostname, port } = new URL(proxy);
      const socket = connectTls({ host: hostname, port: Number(port), ca, ALPNProtocols: ['http/1.1'] });
      t.after(() => socket.destroy());
      socket.on('error', () => {});
      socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: Bearer ${sessionToken}\r\n\r\n`);
      return { status: await statusOf(socket), socket };
    },
  };
}

/** Of the answer's head; 0 where the other side only ended it. What comes after the head stays to be read. */
function statusOf(socket: TLSSocket): Promise<number> {
  return new Promise((resolve) => {
    let head = Buffer.alloc(0);
    const read = (chunk: Buffer) => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      socket.off('data', read).pause();
      if (head.length > end + 4) socket.unshift(head.subarray(end + 4));
      resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(head.toString('latin1'))?.[1] ?? 0));
    };
    socket.on('data', read).once('close', () => resolve(0));
  });
}
