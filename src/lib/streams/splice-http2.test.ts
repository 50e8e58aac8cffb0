// What a splice makes of HTTP/2 streams, which Node ends, finishes and destroys in an order of its own: an end stays an end, a cut a cut.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, createServer, type ServerHttp2Stream } from 'node:http2';
import { duplexPair } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { splice } from './splice.ts';

/** An HTTP/2 session over loopback that opens streams, seen by both ends. */
async function http2Pair(t: TestContext): Promise<{ session: ClientHttp2Session; open(): Promise<[ClientHttp2Stream, ServerHttp2Stream]> }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const at = server.address();
  assert.ok(at !== null && typeof at === 'object');
  const session = connect(`http://127.0.0.1:${at.port}`);
  t.after(() => {
    session.destroy();
    server.close();
  });
  const open = async (): Promise<[ClientHttp2Stream, ServerHttp2Stream]> => {
    const arrived = once(server, 'stream');
    const near = session.request({ ':method': 'POST', ':path': '/' }, { endStream: false });
    near.on('error', () => {});
    const [far]: ServerHttp2Stream[] = await arrived;
    assert.ok(far);
    far.respond();
    return [near, far];
  };
  return { session, open };
}

test('an answer and its end, however close together, are an end for a stream whose question has ended', async (t) => {
  const { open } = await http2Pair(t);
  for (let round = 0; round < 60; round += 1) {
    const [near, far] = await open();
    const [spliced, target] = duplexPair();
    const done = splice(far, spliced);
    near.end('question');
    assert.equal(await text(target), 'question');
    for (let turn = 0; turn < round % 4; turn += 1) await nextTurn();
    spliced.push('answer');
    spliced.push(null);
    assert.equal(await text(near), 'answer');
    assert.deepEqual(await done, { aToB: 8, bToA: 6 }, `round ${round}`);
  }
});

for (const [how, cut] of [
  ['reset by its peer', (near: ClientHttp2Stream) => near.close(8)],
  ['reset by its peer with an error', (near: ClientHttp2Stream) => near.destroy(new Error('enough'))],
  ['whose session is gone', (near: ClientHttp2Stream) => near.session?.destroy()],
] as const) {
  test(`a stream ${how} is a cut, also when its question has ended`, async (t) => {
    const { open } = await http2Pair(t);
    const [near, far] = await open();
    const [spliced, target] = duplexPair();
    target.on('error', () => {});
    const done = splice(far, spliced);
    near.end('question');
    assert.equal(await text(target), 'question');
    target.write('part of the ans');
    await once(near, 'data');
    cut(near);
    await assert.rejects(done);
  });
}
