// Our CLI's connection to an edge: an operator that asks and gives up, again and again, is slowed down, and nothing else of it stops.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { createServer } from 'node:tls';
import { quietWorld } from '../../../../../test/support/quiet-world.ts';
import { makeTestCa } from '../../../../../test/support/test-ca.ts';
import { TunnelError } from '../../../base/errors.ts';
import { askEdge, OPERATOR_ALPN } from '../../../link/operator-request.ts';
import { dialEdge } from '../../../operator/dial-edge.ts';
import { realWorld } from '../../../system/real-world.ts';
import type { Link } from '../../../transport/link.ts';
import { Notices } from './notices.ts';
import { type Asking, serveStreams } from './streams.ts';

const REQUEST = { kind: 'operator-connect', token: 'token', target: 'db.corp.example:5432' } as const;
const { clock } = realWorld({ level: 'silent' });

/** Control never answers a connect, and each attach at once. */
async function stand(t: TestContext) {
  const { server: keys, caPem } = await makeTestCa();
  const world = quietWorld();
  const detached = Promise.withResolvers<void>();
  const seen = { asked: 0, attached: 0 };
  const carrier: Asking = {
    connect: (_request, signal) => {
      seen.asked += 1;
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
    attach: async () => {
      seen.attached += 1;
    },
    detach: () => detached.resolve(),
    notices: new Notices(),
  };
  const server = createServer({ cert: keys.certificatePem, key: keys.privateKeyPem, ALPNProtocols: [OPERATOR_ALPN] }, (socket) =>
    serveStreams(socket, { address: '', port: 0 }, carrier, world, () => {}),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const at = server.address();
  assert.ok(at !== null && typeof at === 'object');
  const link = await dialEdge(`127.0.0.1:${at.port}`, caPem, realWorld({ level: 'silent' }), t.signal);
  t.after(async () => {
    await link.close();
    server.close();
    await detached.promise;
  });
  return { link, world, seen };
}

/** Asks, and gives up when control has been asked. */
async function giveUp(link: Link, seen: { readonly asked: number }): Promise<void> {
  const [before, leaving] = [seen.asked, new AbortController()];
  const asked = assert.rejects(askEdge(link, REQUEST, clock, leaving.signal), { code: 'interrupted' });
  while (seen.asked === before) await new Promise((resolve) => setImmediate(resolve));
  leaving.abort(new TunnelError('interrupted', 'enough'));
  await asked;
}

test('an operator that gives up a hundred requests waits a second for the next answer', async (t) => {
  const { link, world, seen } = await stand(t);
  for (let given = 0; given < 100; given += 1) await giveUp(link, seen);
  const attached = askEdge(link, { kind: 'operator-attach', token: 'token' }, clock, t.signal);
  while (world.clock.next !== 1000) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(seen, { asked: 100, attached: 0 });
  await world.clock.advance(1000);
  (await attached).stream.resume().end();
  assert.deepEqual(seen, { asked: 100, attached: 1 });
});
