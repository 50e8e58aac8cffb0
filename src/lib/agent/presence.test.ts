// What those who wait and `agent status` are told while links come and go.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { TunnelError } from '../base/errors.ts';
import { CLOSE } from '../link/version.ts';
import type { Link, TransportName } from '../transport/link.ts';
import { memoryPair } from '../transport/memory/pair.ts';
import { Presence } from './presence.ts';
import type { Ended, PresentLink } from './served-link.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));

function stand() {
  const clock = new ManualClock();
  const presence = new Presence(clock);
  const add = (transport: TransportName, reason: string | null = null) => {
    const link: Link = Object.create(memoryPair({ alpn: 'gw-agent-tunnel/2', clock }).agent, {
      transport: { value: transport },
      remote: { value: { address: '192.0.2.1', port: 8443 } },
      streams: { value: 3 },
    });
    const ended = Promise.withResolvers<Ended>();
    const made: { -readonly [Key in keyof PresentLink]: PresentLink[Key] } = {
      link,
      reason,
      ended: ended.promise,
      online: undefined,
      retired: false,
      certificatePem: '',
      renew: async () => {},
      advertise: async () => {},
    };
    presence.add(made);
    return {
      made,
      answer(...routes: string[]) {
        made.online = { now: { transport, routes }, since: clock.now() };
        presence.heard();
      },
      end(how: Ended) {
        made.online = undefined;
        ended.resolve(how);
      },
    };
  };
  return { clock, presence, add };
}

test('the newest link that has answered counts; an older one counts again where the newer ended first', async () => {
  const { presence, add } = stand();
  const waiting = presence.wait(new AbortController().signal);
  const tls = add('tls', 'QUIC did not complete within 1.5 s');
  assert.equal(presence.status().state, 'connecting');
  assert.deepEqual(
    presence.status().links.map(({ state, since }) => [state, since]),
    [['beginning', null]],
  );
  tls.answer('10.0.0.0/24');
  assert.deepEqual(await waiting, { transport: 'tls', routes: ['10.0.0.0/24'] });

  const quic = add('quic');
  assert.equal(presence.status().transport, 'tls', 'the newer one has no answer yet');
  quic.answer('10.1.0.0/24');
  tls.made.retired = true;
  const both = presence.status();
  assert.deepEqual([both.transport, both.reason, both.routes], ['quic', null, ['10.1.0.0/24']]);
  assert.deepEqual(
    both.links.map(({ transport, state, channels, remote }) => [transport, state, channels, remote]),
    [
      ['tls', 'ending', 2, '192.0.2.1:8443'],
      ['quic', 'current', 2, '192.0.2.1:8443'],
    ],
  );
  quic.end({ why: 'ended', end: { by: 'silence', code: undefined, reason: 'nothing was received' } });
  await settle();
  assert.equal(presence.status().transport, 'tls');
  assert.equal(presence.status().last_error?.message, 'the link over quic ended: nothing was received');
  assert.equal((await presence.wait(new AbortController().signal)).transport, 'tls');
});

test('a link that was replaced or stopped is no failure; one that failed is the last error', async () => {
  const { presence, add } = stand();
  add('quic').end({ why: 'ended', end: { by: 'peer', code: CLOSE.replaced, reason: 'replaced by a newer link' } });
  add('quic').end({ why: 'replaced' });
  add('quic').end({ why: 'failed', error: new TunnelError('interrupted', 'the agent was stopped') });
  await settle();
  assert.equal(presence.status().last_error, null);
  add('tls').end({ why: 'failed', error: new TunnelError('protocol.violation', 'a second hello') });
  await presence.empty();
  await settle();
  const { code, message } = presence.status().last_error ?? assert.fail('no error');
  assert.deepEqual([code, message], ['protocol.violation', 'a second hello']);
  assert.deepEqual(presence.status().links, []);
});

test('whoever waits can stop', async () => {
  const { presence } = stand();
  const stop = new AbortController();
  const waiting = presence.wait(stop.signal);
  stop.abort(new TunnelError('timeout', 'enough'));
  await assert.rejects(waiting, { code: 'timeout' });
});
