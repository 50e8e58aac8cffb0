// Connections that ask for nothing: ended after a while, a few from each source; whoever asks is left alone.
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { startStand } from '../../../../../test/support/edge-stand.ts';
import { ManualClock } from '../../../../../test/support/manual-clock.ts';
import { LIMITS } from '../../../base/limits.ts';
import { realWorld } from '../../../system/real-world.ts';
import { Newcomers } from './newcomers.ts';

const socket = () => new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() }).on('error', () => {});

test('who asks is left alone, who does not is cut, and nothing is left behind', async () => {
  const clock = new ManualClock();
  const newcomers = new Newcomers(clock);
  const [asking, silent, leaving] = [socket(), socket(), socket()];
  newcomers.admit(asking, { address: 'a' })();
  newcomers.admit(silent, { address: 'a' });
  newcomers.admit(leaving, { address: 'a' });
  leaving.destroy();
  await clock.advance(LIMITS.firstRequestMs - 1);
  assert.deepEqual([asking.destroyed, silent.destroyed], [false, false]);
  await clock.advance(1);
  assert.deepEqual([asking.destroyed, silent.destroyed], [false, true]);
  assert.equal(clock.pending, 0);
});

test('of too many from one source the oldest goes, other sources keep theirs', () => {
  const newcomers = new Newcomers(new ManualClock());
  const other = socket();
  newcomers.admit(other, { address: 'b' });
  const many = Array.from({ length: LIMITS.silentPerSource + 3 }, socket);
  for (const one of many) newcomers.admit(one, { address: 'a' });
  assert.deepEqual(
    many.map(({ destroyed }) => destroyed),
    many.map((_, index) => index < 3),
  );
  assert.equal(other.destroyed, false);
});

test('a TLS connection that asks for nothing is ended', async (t) => {
  const clock = new ManualClock();
  const stand = await startStand(t, { world: { ...realWorld({ level: 'silent' }), clock } });
  const tls = connectTls({ host: '127.0.0.1', port: stand.operatorPort, ca: stand.ca.caPem, servername: 'localhost', ALPNProtocols: ['tunnel-connect/1'] });
  const closed = new Promise((resolve) => tls.on('error', () => {}).on('close', resolve));
  await new Promise((resolve) => tls.once('secureConnect', resolve));
  tls.resume();
  // The edge may hear of the handshake's end a moment later than the client.
  for (let over = false; !over; ) over = await Promise.race([closed.then(() => true), clock.advance(LIMITS.firstRequestMs).then(() => false)]);
});
