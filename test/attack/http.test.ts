// Requests that are too much or no requests at all, at a real gateway's port: refused by their status, at little cost, and the next one is served (security.md, N).
import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { type Chain, startChain } from '../support/chain.ts';
import { post, type Said, speak } from '../support/http-by-hand.ts';
import { growthDuring } from '../support/memory-watch.ts';

const MIB = 1024 * 1024;
const AT_ONCE = 200;
const GROWTH_BYTES = 50 * MIB;
const ENROL = '/jet/tunnel/enroll';

const chunked = (body: string) => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
const json = (body: string) => post(ENROL, { 'content-length': Buffer.byteLength(body) }, body);
const keys = (count: number) => `{${Array.from({ length: count }, (_, index) => `"${index.toString(36)}":1`).join(',')}}`;
const nested = (depth: number) => `${'[{"a":'.repeat(depth / 2)}1${'}]'.repeat(depth / 2)}`;
const headers = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, 'x']));

const CASES: Record<string, readonly [status: number, bytes: () => string]> = {
  'a header of 20 kB': [431, () => post(ENROL, { 'x-long': 'x'.repeat(20_000) }, '')],
  'five thousand headers': [431, () => post(ENROL, headers(5000), '')],
  'a path of 20 kB': [431, () => `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`],
  'a body of 70 kB': [413, () => json(`"${'x'.repeat(70_000)}"`)],
  'a body of 300 kB': [413, () => json(`"${'x'.repeat(300_000)}"`)],
  'a body of 2 MB': [413, () => json(`"${'x'.repeat(2_000_000)}"`)],
  'a body of 2 MB without a length': [413, () => post(ENROL, { 'transfer-encoding': 'chunked' }, chunked(`"${'x'.repeat(2_000_000)}"`))],
  'a length of a petabyte': [413, () => post(ENROL, { 'content-length': 1e15 }, '{')],
  'a million keys': [413, () => json(keys(1_000_000))],
  'as many keys as a body has room for': [400, () => json(keys(6000))],
  'thirty levels': [400, () => json(nested(30))],
  'thirty thousand levels': [400, () => json(`${'['.repeat(30_000)}${']'.repeat(30_000)}`)],
  'thirty thousand levels that do not end': [400, () => json('['.repeat(60_000))],
  __proto__: [400, () => json('{"agent_id":"x","__proto__":{"admin":true}}')],
  '__proto__, written otherwise': [400, () => json('{"\\u005f_proto__":{"admin":true}}')],
  'constructor.prototype': [400, () => json('{"constructor":{"prototype":{"admin":true}}}')],
  'no JSON': [400, () => json('{"a":')],
  'a form': [415, () => post(ENROL, { 'content-type': 'application/x-www-form-urlencoded', 'content-length': 3 }, 'a=b')],
  'two lengths': [400, () => post(ENROL, { 'content-length': '2\r\ncontent-length: 3' }, '{}')],
  'a length and chunks': [400, () => post(ENROL, { 'content-length': 2, 'transfer-encoding': 'chunked' }, chunked('{}'))],
  'a length that is none': [400, () => post(ENROL, { 'content-length': '+2' }, '{}')],
  'a negative length': [400, () => post(ENROL, { 'content-length': -1 }, '{}')],
  'a chunk whose size is none': [400, () => post(ENROL, { 'transfer-encoding': 'chunked' }, 'zz\r\n{}\r\n0\r\n\r\n')],
  'a NUL in a header': [400, () => post(ENROL, { 'x-a': 'a\u0000b' }, '')],
  'a header without a name': [400, () => 'GET /livez HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n'],
  'no host': [400, () => 'GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n'],
  'a line that is none': [400, () => 'nonsense\r\n\r\n'],
  'HTTP/2 by foreknowledge': [400, () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
};

describe('HTTP, at its worst', () => {
  const cleanups: (() => unknown)[] = [];
  let chain: Chain;
  let pid: number;
  let port: number;
  const alive = () => speak(port, 'GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');

  before(async () => {
    const context = { after: (cleanup: () => unknown) => cleanups.push(cleanup), signal: new AbortController().signal } as unknown as TestContext;
    chain = await startChain(context, { gatewayFlags: ['--proxy-listen', '127.0.0.1:0'] });
    pid = chain.gateway.child.pid ?? 0;
    port = Number(new URL(String(chain.ready['url'])).port);
  });
  after(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  for (const [what, [status, bytes]] of Object.entries(CASES)) {
    test(`${what}: ${status}`, async () => {
      const said = await speak(port, bytes());
      assert.equal(said.status, status, said.text.slice(0, 300));
      assert.doesNotMatch(said.text, /FST_|node_modules|\.[jt]s:\d/i);
      assert.ok(said.tookMs < 5000, `${said.tookMs} ms`);
    });
  }

  for (const what of ['a body of 300 kB', 'as many keys as a body has room for', 'thirty thousand levels', 'five thousand headers']) {
    test(`${AT_ONCE} at once of: ${what}: refused each, and no more than ${GROWTH_BYTES / MIB} MiB`, async (t) => {
      const [status, bytes] = CASES[what] ?? [0, () => ''];
      const text = bytes();
      const answers: Said[] = [];
      const all = () => Promise.all(Array.from({ length: AT_ONCE }, async () => answers.push(await speak(port, text))));
      const grown = await growthDuring(pid, all);
      t.diagnostic(`grown by ${(grown / MIB).toFixed(1)} MiB`);
      for (const answer of answers) assert.equal(answer.status, status, answer.text);
      assert.ok(grown < GROWTH_BYTES, `${grown}`);
      assert.equal((await alive()).status, 200);
    });
  }

  test('plain HTTP gets no answer, at the port of the API nor at that of the proxy', async () => {
    const proxy = Number(String(chain.ready['proxy']).split(':').at(-1));
    for (const place of [port, proxy]) {
      for (const bytes of ['GET /livez HTTP/1.1\r\nHost: a\r\n\r\n', 'CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: a\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n']) {
        const said = await speak(place, bytes, { tls: false });
        assert.equal(said.status, undefined, said.text);
      }
    }
    assert.equal((await alive()).status, 200);
    assert.doesNotMatch(chain.gateway.stderr(), /uncaught|unhandled/i);
  });
});
