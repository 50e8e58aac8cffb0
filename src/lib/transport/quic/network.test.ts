// What networks and restarts do to a link: silence, a new address, a gateway that comes back, packets too large for the path.
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { listening, world } from '../../../../test/contract/quic-pair.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { udpProxy } from '../../../../test/support/udp-proxy.ts';
import { LIMITS } from '../../base/limits.ts';
import type { World } from '../../base/world.ts';
import type { Link } from '../link.ts';

const ERRNOS = ['EPERM', 'ENOBUFS', 'ENETDOWN', 'ENETUNREACH', 'EINVAL', 'ECONNREFUSED'];
const QUICK = { keepAliveMs: 60, deadLinkMs: 300 };

async function says(t: TestContext, from: Link, to: Link, what: string): Promise<void> {
  const stream = await from.openStream(t.signal);
  stream.end(what);
  assert.equal(await text(await to.acceptStream(t.signal)), what);
}

test('a path that goes black ends the link on both sides', async (t) => {
  const { listener, dial, nextLink } = await listening(t, { liveness: QUICK });
  const proxy = await udpProxy(t, listener.at);
  const [agent, gateway] = [await dial({ to: proxy.at, liveness: QUICK }), await nextLink()];
  await says(t, gateway, agent, 'hello');
  proxy.pass = () => false;
  for (const end of await Promise.all([agent.closed, gateway.closed])) assert.equal(end.by, 'silence');
});

test('an idle link lives by its keep-alive, and a black hole shorter than the limit does not end it', async (t) => {
  const { listener, dial, nextLink } = await listening(t, { liveness: QUICK });
  const proxy = await udpProxy(t, listener.at);
  const [agent, gateway] = [await dial({ to: proxy.at, liveness: QUICK }), await nextLink()];
  let passed = 0;
  let dropped = 0;
  const twoLimitsLong = Promise.withResolvers<void>();
  const since = performance.now();
  proxy.pass = () => {
    passed += 1;
    if (performance.now() - since > 2 * QUICK.deadLinkMs) twoLimitsLong.resolve();
    if (passed > 4 && dropped < 2) {
      dropped += 1;
      return false;
    }
    return true;
  };
  await twoLimitsLong.promise;
  assert.equal(dropped, 2);
  await says(t, gateway, agent, 'still here');
});

test('a gateway that nobody answers for is named with its port when the handshake takes too long', async (t) => {
  const { listener, dial } = await listening(t);
  const proxy = await udpProxy(t, listener.at);
  proxy.pass = () => false;
  const clock = new ManualClock();
  const dialling = assert.rejects(dial({ to: proxy.at }, { ...world, clock }), {
    code: 'gateway.silent',
    message: `nothing was heard from 127.0.0.1 over UDP port ${proxy.at.port}`,
  });
  await clock.timerSet();
  await clock.advance(LIMITS.quicHandshakeMs);
  await dialling;
});

test('a dial can be given up', async (t) => {
  const { listener, dial } = await listening(t);
  const proxy = await udpProxy(t, listener.at);
  const giveUp = new AbortController();
  proxy.pass = () => {
    giveUp.abort(new Error('enough'));
    return false;
  };
  await assert.rejects(dial({ to: proxy.at, signal: giveUp.signal }), /enough/);
});

test('a send error of any errno is a lost packet', async (t) => {
  let sent = 0;
  const net: World['net'] = {
    ...world.net,
    async bindUdp(at, onDatagram) {
      const socket = await world.net.bindUdp(at, onDatagram);
      const send: typeof socket.send = (datagram, to, done) => {
        sent += 1;
        const errno = datagram.length > 9000 ? 'EMSGSIZE' : sent % 25 === 0 ? ERRNOS[sent % ERRNOS.length] : undefined;
        if (errno === undefined) socket.send(datagram, to, done);
        else setImmediate(() => done?.(Object.assign(new Error(errno), { code: errno })));
      };
      return { ...socket, send };
    },
  };
  const { dial, nextLink } = await listening(t, {}, { ...world, net });
  const [agent, gateway] = [await dial({}, { ...world, net }), await nextLink()];
  await Promise.all([says(t, agent, gateway, 'x'.repeat(2_000_000)), says(t, gateway, agent, 'y'.repeat(2_000_000))]);
});

test('datagrams of an agent whose address changed reach no engine; it links anew', async (t) => {
  const { listener, dial, nextLink } = await listening(t, { liveness: QUICK });
  const proxy = await udpProxy(t, listener.at);
  const [agent, gateway] = [await dial({ to: proxy.at, liveness: QUICK }), await nextLink()];
  await says(t, agent, gateway, 'from here');
  const before = listener.dropped.moved;
  await proxy.rebind();
  assert.equal((await gateway.closed).by, 'silence');
  await agent.closed; // by its own clock, or by the reset that answers its next packet
  assert.ok(listener.dropped.moved > before);
  const [again, there] = [await dial({ to: proxy.at }), await nextLink()];
  await says(t, again, there, 'from there');
});

test('a gateway that stops tells every agent, however many', async (t) => {
  const { listener, dial, nextLink } = await listening(t);
  const links: Link[] = [];
  while (links.length < 300) {
    links.push(await dial());
    await nextLink();
  }
  await listener.close(1, 'stopping');
  for (const end of await Promise.all(links.map((link) => link.closed))) assert.deepEqual(end, { by: 'peer', code: 1, reason: 'stopping' });
});

test('a gateway that restarted says so at the next keep-alive', async (t) => {
  const liveness = { keepAliveMs: 60, deadLinkMs: 60_000 };
  const first = await listening(t, { liveness });
  const proxy = await udpProxy(t, first.listener.at);
  const agent = await first.dial({ to: proxy.at, liveness });
  const gone = await first.nextLink();
  proxy.pass = () => false; // a process that is killed says nothing
  await first.listener.close();
  await gone.closed;
  const second = await listening(t, { at: first.listener.at });
  proxy.pass = () => true;
  const end = await agent.closed;
  assert.equal(end.by, 'peer');
  assert.match(end.reason, /restarted/);
  await second.dial();
});

test('another secret ends no link of strangers', async (t) => {
  const first = await listening(t, { liveness: QUICK });
  const proxy = await udpProxy(t, first.listener.at);
  const agent = await first.dial({ to: proxy.at, liveness: QUICK });
  proxy.pass = () => false;
  await first.listener.close();
  await listening(t, { at: first.listener.at, secret: new Uint8Array(32).fill(8) });
  proxy.pass = () => true;
  assert.equal((await agent.closed).by, 'silence');
});

test('where large packets get lost, small ones carry the link on', async (t) => {
  const { listener, dial, nextLink } = await listening(t);
  const proxy = await udpProxy(t, listener.at);
  const [agent, gateway] = [await dial({ to: proxy.at }), await nextLink()];
  proxy.pass = (datagram) => datagram.length <= 1200;
  await says(t, agent, gateway, 'x'.repeat(300_000));
});
