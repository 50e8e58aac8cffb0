// A CA that is being rotated: over QUIC and TLS, who knows the CA before, the new one or both links to a gateway of the new one, and after the window only who has followed does.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { World } from '../../src/lib/base/world.ts';
import { type Authority, loadAuthority } from '../../src/lib/pki/authority.ts';
import { createAuthority } from '../../src/lib/pki/create-authority.ts';
import { generateKeyPem, publicSpki } from '../../src/lib/pki/keys.ts';
import { issueAgentLeaf, issueServerLeaf } from '../../src/lib/pki/leaf.ts';
import { splitPemBundle } from '../../src/lib/pki/pin.ts';
import { createSuccessor } from '../../src/lib/pki/rotation.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import type { Link, LinkCredentials } from '../../src/lib/transport/link.ts';
import { dialQuic } from '../../src/lib/transport/quic/dial.ts';
import { listenQuic } from '../../src/lib/transport/quic/listen.ts';
import { dialTls } from '../../src/lib/transport/tls/dial.ts';
import { listenTls } from '../../src/lib/transport/tls/listen.ts';

const DAY_MS = 86_400_000;
const ALPN = ['gw-agent-tunnel/2'];
const now = Date.now();
const world: World = realWorld({ level: 'silent' });

const made = await createAuthority({ commonName: 'tunnel CA', now: now - 365 * DAY_MS, lifetimeMs: 3650 * DAY_MS });
const before = await loadAuthority(made.certificatePem, made.privateKeyPem);
const successor = await createSuccessor(before, { now, lifetimeMs: 3650 * DAY_MS, windowMs: 30 * DAY_MS });
const during = await loadAuthority(successor.caPem, successor.privateKeyPem, now);
const after = await loadAuthority(splitPemBundle(successor.caPem)[0] ?? '', successor.privateKeyPem, now);
const [, endingPem = ''] = splitPemBundle(during.bundlePem);

async function agentOf(authority: Authority, trustedCaPem: string): Promise<LinkCredentials> {
  const privateKeyPem = await generateKeyPem();
  const leaf = await issueAgentLeaf(authority, { spki: publicSpki(privateKeyPem), agentId: crypto.randomUUID(), name: 'web1', now, lifetimeMs: DAY_MS });
  return { certificatePem: leaf.certificatePem, privateKeyPem, trustedCaPem, alpn: ALPN };
}

async function gatewayOf(authority: Authority): Promise<LinkCredentials> {
  const privateKeyPem = await generateKeyPem();
  const leaf = await issueServerLeaf(authority, { spki: publicSpki(privateKeyPem), names: ['localhost'], now, lifetimeMs: DAY_MS });
  return { certificatePem: leaf.certificatePem + authority.crossPem, privateKeyPem, trustedCaPem: authority.bundlePem, alpn: ALPN };
}

/** Whether both sides have a link. */
type Attempt = (gateway: LinkCredentials, agent: LinkCredentials, signal: AbortSignal) => Promise<boolean>;

const overQuic: Attempt = async (credentials, agent, signal) => {
  const arrived = Promise.withResolvers<Link>();
  await using listener = await listenQuic(
    { at: { address: '127.0.0.1', port: 0 }, credentials, secret: new Uint8Array(32).fill(7), onLink: arrived.resolve },
    world,
  );
  return await linked(dialQuic({ to: listener.at, serverName: 'localhost', credentials: agent, signal }, world), arrived.promise);
};

const overTls: Attempt = async (credentials, agent, signal) => {
  const arrived = Promise.withResolvers<Link>();
  await using listener = listenTls({ credentials, onLink: arrived.resolve }, world);
  await using door = await world.net.listen({ address: '127.0.0.1', port: 0 }, listener.take);
  assert.ok('port' in door.at);
  const remote = door.at;
  const dialled = dialTls({ connect: () => world.net.connect(remote, signal), remote, serverName: 'localhost', credentials: agent, signal }, world);
  return await linked(dialled, arrived.promise);
};

async function linked(dialling: Promise<Link>, arrived: Promise<Link>): Promise<boolean> {
  try {
    const link = await dialling;
    const first = await Promise.race([arrived.then(() => true), link.closed.then(() => false)]);
    await link.close();
    return first;
  } catch {
    return false;
  }
}

for (const [name, attempt] of [
  ['QUIC', overQuic],
  ['TLS', overTls],
] as const) {
  for (const [who, agentIssuer, trusted, expected] of [
    ['an agent that has not heard of it', before, before.certificatePem, [true, false]],
    ['one that came by a string of before, and knows the CA before as it is now', before, endingPem, [true, false]],
    ['one that has followed', during, during.bundlePem, [true, true]],
    ['one that has followed late, its bundle in another order', during, endingPem + during.certificatePem, [true, true]],
    ['one that knows the new CA alone', during, during.certificatePem, [true, true]],
    ['one with the new bundle and its old certificate', before, during.bundlePem, [true, false]],
  ] as const) {
    for (const [index, [when, authority]] of (
      [
        ['in the window', during],
        ['after it', after],
      ] as const
    ).entries()) {
      test(`${name}, ${when}: ${who} ${expected[index] ? 'links' : 'is refused'}`, async (t) => {
        assert.equal(await attempt(await gatewayOf(authority), await agentOf(agentIssuer, trusted), t.signal), expected[index]);
      });
    }
  }

  test(`${name}: when the window has passed by the clock alone, the CA before counts for nothing at either end`, async (t) => {
    const short = await createSuccessor(before, { now: now - 60_000, lifetimeMs: DAY_MS, windowMs: 30_000 });
    // As a gateway that has not noticed the end would still have it.
    const late = await loadAuthority(short.caPem, short.privateKeyPem, now - 60_000);
    const gateway = await gatewayOf(late);
    assert.equal(await attempt(gateway, await agentOf(before, late.bundlePem), t.signal), false, 'a leaf of the CA before');
    assert.equal(await attempt(gateway, await agentOf(late, splitPemBundle(late.bundlePem)[1] ?? ''), t.signal), false, 'trust in the CA before');
    assert.equal(await attempt(gateway, await agentOf(late, late.bundlePem), t.signal), true, 'who has followed');
  });
}
