// What a system can say to a datagram: each errno for a while is a lost packet, each for ever is the end of one link, with the errno in its reason.
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { listening, world } from '../../../../test/contract/quic-pair.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Log, World } from '../../base/world.ts';
import type { Link } from '../link.ts';

const ERRNOS = ['EPERM', 'EMSGSIZE', 'ENOBUFS', 'ENETDOWN', 'EHOSTUNREACH', 'ENETUNREACH', 'ECONNREFUSED', 'EINVAL', 'EAGAIN', 'EADDRNOTAVAIL'];
const QUICK = { keepAliveMs: 60, deadLinkMs: 400 };
const PAYLOAD = 'x'.repeat(3_000_000);

/** A world whose sends fail while `fails` says so. */
function failing(errno: string, fails: (sent: number, bytes: number) => boolean, logged: object[] = []): World {
  let sent = 0;
  const quiet = () => {};
  const log: Log = { debug: quiet, info: quiet, warn: (fields) => void logged.push(fields), error: (fields) => void logged.push(fields), child: () => log };
  return {
    ...world,
    log,
    net: {
      ...world.net,
      async bindUdp(at, onDatagram) {
        const socket = await world.net.bindUdp(at, onDatagram);
        const send: typeof socket.send = (datagram, to, done) => {
          sent += 1;
          if (!fails(sent, datagram.length)) return socket.send(datagram, to, done);
          setImmediate(() => done?.(Object.assign(new Error(`send ${errno}`), { code: errno })));
        };
        return { ...socket, send };
      },
    },
  };
}

async function carries(t: TestContext, from: Link, to: Link): Promise<void> {
  const stream = await from.openStream(t.signal);
  stream.end(PAYLOAD);
  assert.equal(await text(await to.acceptStream(t.signal)), PAYLOAD);
}

for (const errno of ERRNOS) {
  test(`${errno} on either side, for a while: transfers go on, and the log says so once`, async (t) => {
    const logged: object[] = [];
    const some = (sent: number) => sent > 20 && sent % 50 < 5;
    const [gatewayWorld, agentWorld] = [failing(errno, some, logged), failing(errno, some)];
    const { dial, nextLink } = await listening(t, {}, gatewayWorld);
    const [agent, gateway] = [await dial({}, agentWorld), await nextLink()];
    await Promise.all([carries(t, gateway, agent), carries(t, agent, gateway)]);
    assert.deepEqual(
      logged.map((fields) => ('errno' in fields ? fields.errno : undefined)),
      [errno],
    );
  });
}

test('a system that sends nothing any more costs its links, whose end says why; the listener goes on', async (t) => {
  let broken = false;
  const { dial, nextLink } = await listening(
    t,
    { liveness: QUICK },
    failing('ENETDOWN', () => broken),
  );
  const [agent, gateway] = [
    await dial(
      { liveness: QUICK },
      failing('EPERM', () => broken),
    ),
    await nextLink(),
  ];
  await carries(t, agent, gateway);
  broken = true;
  for (const [link, errno] of [
    [agent, 'EPERM'],
    [gateway, 'ENETDOWN'],
  ] as const) {
    const end = await link.closed;
    assert.deepEqual([end.by, end.reason], ['silence', `nothing was received; datagrams could not be sent: ${errno}`]);
  }
  broken = false;
  const [again, there] = [await dial(), await nextLink()];
  await carries(t, again, there);
});

for (const errno of ['EPERM', 'ENETUNREACH', 'ECONNREFUSED']) {
  test(`a dial that meets ${errno} names it`, async (t) => {
    const { listener, dial } = await listening(t);
    const clock = new ManualClock();
    const dialling = assert.rejects(dial({}, { ...failing(errno, () => true), clock }), {
      code: 'gateway.silent',
      message: `nothing was heard from 127.0.0.1 over UDP port ${listener.at.port}: this machine says ${errno}`,
    });
    await clock.timerSet();
    await clock.advance(LIMITS.quicHandshakeMs);
    await dialling;
  });
}
