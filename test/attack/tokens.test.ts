// Forged, altered, stale and misplaced tokens, to a real gateway: 401 each (407 at the proxy), in the same words and no sooner or later than for a token that nobody knows.
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent } from 'node:https';
import { text } from 'node:stream/consumers';
import { after, before, describe, type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { makeCsr } from '../../src/lib/pki/csr.ts';
import { generateKeyPem } from '../../src/lib/pki/keys.ts';
import { hashSecret, newCredential } from '../../src/lib/tokens/secret.ts';
import { auditRows } from '../support/audit-rows.ts';
import { type Chain, startChain } from '../support/chain.ts';
import { succeed } from '../support/cli.ts';
import { adminOf } from '../support/fleet.ts';
import { alterationsOf, attacksOn, resigned, type SigningJwk, signingKeyOf } from '../support/forged-tokens.ts';
import { type Answered, ask, askToEnrol } from '../support/https-by-hand.ts';
import { startTarget } from '../support/tcp.ts';

const HOUR_MS = 3_600_000;
/** The slowest kind of refusal may take so many times what the quickest takes, by their medians. */
const SAME_TIME = 3;
const ROUNDS = 9;

type Show = (token: string) => Promise<Answered>;

describe('tokens', () => {
  const cleanups: (() => unknown)[] = [];
  const sockets = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  let context: TestContext;
  let chain: Chain;
  let key: SigningJwk;
  let target: number;
  let csrPem: string;
  let enrolment: string;
  let login: string;
  let session: string;
  const credential = newCredential();
  /** Tokens that were good once. */
  let stale: Record<'enrolment' | 'login', Record<string, string>>;

  const url = () => String(chain.ready['url']);
  const json = { accept: 'application/json' };
  const enrol: Show = (token) => askToEnrol(url(), token, { agent_id: randomUUID(), csr_pem: csrPem }, { agent: sockets });
  const logIn = (token: string, made = newCredential()) => {
    const headers = { ...json, 'content-type': 'application/json', authorization: `Bearer ${token}` };
    return ask(`${url()}/api/v1/login`, { agent: sockets, headers, body: JSON.stringify({ credential_sha256: hashSecret(made) }) });
  };
  const whoami: Show = (token) => ask(`${url()}/api/v1/whoami`, { method: 'GET', agent: sockets, headers: { ...json, authorization: `Bearer ${token}` } });
  const proxied = (authorization: string): Promise<string> => connectByHand(Number(String(chain.ready['proxy']).split(':').at(-1)), target, authorization);
  const mint = async (kind: 'agent' | 'operator', name: string, expires_ms = HOUR_MS) =>
    await adminOf(chain).mintToken({ kind, name, expires_ms, replace: false }, context.signal);

  before(async () => {
    context = { after: (cleanup: () => unknown) => cleanups.push(cleanup), signal: new AbortController().signal } as unknown as TestContext;
    chain = await startChain(context, { gatewayFlags: ['--proxy-listen', '127.0.0.1:0'] });
    key = signingKeyOf(chain.gatewayFolder);
    csrPem = await makeCsr(await generateKeyPem(), 'patient');
    target = await startTarget(context, (socket) => socket.end('hello'));
    enrolment = (await mint('agent', 'patient')).token;
    login = (await mint('operator', 'bob')).token;
    const opened = await succeed(['session', 'open', `127.0.0.1:${target}`, '--config-dir', chain.operatorFolder, '--json']);
    session = String(opened.json()['token']);
    const entry = await mint('operator', 'carol');
    assert.equal((await logIn(entry.token, credential)).status, 200);
    const usedAgent = (await mint('agent', 'used-agent')).token;
    assert.equal((await askToEnrol(url(), usedAgent, { agent_id: randomUUID(), csr_pem: await makeCsr(await generateKeyPem(), 'x') })).status, 200);
    const [shortAgent, shortOperator] = [await mint('agent', 'short-agent', 1), await mint('operator', 'short-operator', 1)];
    stale = {
      enrolment: { used: usedAgent, expired: shortAgent.token, 'of a deleted agent': await deletedAgents() },
      login: { used: entry.token, expired: shortOperator.token },
    };
  });
  after(async () => {
    sockets.destroy();
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  async function deletedAgents(): Promise<string> {
    const { token } = await mint('agent', 'deleted');
    assert.equal((await askToEnrol(url(), token, { agent_id: randomUUID(), csr_pem: await makeCsr(await generateKeyPem(), 'x') })).status, 200);
    await adminOf(chain).deleteAgent('deleted', context.signal);
    return token;
  }

  const unknown = (of: string) => resigned(of, key, { jti: randomUUID() });
  const misplaced = (): Record<string, string> => ({ enrolment, login, session, credential });

  for (const [what, show, good, others] of [
    ['an enrolment string', enrol, () => enrolment, ['login', 'session', 'credential']],
    ['a login string', logIn, () => login, ['enrolment', 'session', 'credential']],
  ] as const) {
    test(`${what}: 401 to all of them, in the same words, and the good one stays good`, async (t) => {
      const shown: Record<string, string> = {
        ...attacksOn(good(), key),
        ...alterationsOf(good(), key),
        ...stale[what === 'a login string' ? 'login' : 'enrolment'],
      };
      for (const other of others) shown[`the ${other} instead`] = misplaced()[other] ?? '';
      const wanted = seenOf(await show(unknown(good())));
      assert.match(wanted, /^401 /);
      for (const [how, token] of Object.entries(shown)) assert.equal(seenOf(await show(token)), wanted, how);
      t.diagnostic(`${Object.keys(shown).length} tokens: ${wanted}`);
      assert.equal((await show(good())).status, 200);
    });
  }

  test('a login credential: 401 to whatever is none, in the same words', async () => {
    const wanted = seenOf(await whoami('nonsense'));
    assert.match(wanted, /^401 /);
    const shown = {
      ...attacksOn(session, key),
      enrolment,
      login,
      session,
      'its hash': createHash('sha256').update(credential).digest('hex'),
      'in upper case': credential.toUpperCase(),
      'a dot behind it': `${credential}.`,
      'cut off': credential.slice(0, -1),
      'its secret alone': credential.replace('tunnel_login_', ''),
      SQL: "'OR'1'='1",
      'a path': '../credentials',
    };
    const since = (await auditRows(chain.gatewayFolder)).at(-1)?.seq ?? 0;
    for (const [how, token] of Object.entries(shown)) assert.equal(seenOf(await whoami(token)), wanted, how);
    assert.equal((await whoami(credential)).status, 200);
    const rows = (await auditRows(chain.gatewayFolder, since)).filter(({ code }) => code === 'operator.credential-refused');
    const audited = rows.reduce((sum, { detail }) => sum + (typeof detail['more'] === 'number' ? detail['more'] : 1), 0);
    assert.equal(audited, Object.keys(shown).length);
  });

  test('a session token: 407 to whatever is none, as Bearer and as password; the good one opens', async () => {
    const shown = { ...attacksOn(session, key), enrolment, login, credential, 'of an operator nobody knows': resigned(session, key, { sub: randomUUID() }) };
    const taken: string[] = [];
    for (const [how, token] of Object.entries(shown)) {
      for (const authorization of [`Bearer ${token}`, `Basic ${Buffer.from(`x:${token}`).toString('base64')}`]) {
        const answer = await proxied(authorization);
        if (!/^HTTP\/1\.1 407 /.test(answer) || !/\r\ntunnel-error: session\.refused\r\n/i.test(answer)) taken.push(`${how}: ${answer.slice(0, 200)}`);
      }
    }
    assert.deepEqual(taken, []);
    assert.match(await proxied(`Bearer ${session}`), /^HTTP\/1\.1 200 .*hello$/s);
  });

  test('each is refused in the time that an unknown one takes', async (t) => {
    for (const [what, show, of, more] of [
      ['enrolment', enrol, enrolment, stale.enrolment],
      ['login', logIn, login, stale.login],
    ] as const) {
      const forged: Record<string, string> = { ...attacksOn(of, key), ...alterationsOf(of, key) };
      const kinds: Record<string, string> = { unknown: unknown(of), ...more };
      for (const how of [
        'alg none',
        'HS256 with the published key in PEM',
        'another key',
        'kid a path',
        'expired',
        'an unknown jti',
        'a huge claim',
        'plain nonsense',
      ])
        kinds[how] = forged[how] ?? '';
      const times = await measured(kinds, show);
      t.diagnostic(
        `${what}, ms: ${Object.entries(times)
          .map(([how, ms]) => `${how} ${ms.toFixed(2)}`)
          .join(', ')}`,
      );
      const all = Object.values(times);
      assert.ok(Math.max(...all) < SAME_TIME * Math.min(...all), JSON.stringify(times));
    }
  });

  test('the log says what was wrong with each', async (t) => {
    const known = (await auditRows(chain.gatewayFolder)).at(-1)?.seq ?? 0;
    const forged: Record<string, string> = { ...attacksOn(enrolment, key), ...alterationsOf(enrolment, key), ...stale.enrolment };
    const reasons: Record<string, RegExp> = {
      'alg none': /compact/,
      'alg none, signature kept': /alg/,
      'HS256 with the published key in PEM': /alg/,
      'another key': /signature/,
      'another key, brought as jwk': /jwk/,
      'another key, at a jku': /jku/,
      'kid a path': /kid/,
      'another audience': /"aud"/,
      expired: /"exp"/,
      'no exp': /"exp"/,
      'nbf ahead': /"nbf"/,
      'no jti': /jti/,
      'an unknown jti': /unknown|no such/,
      'two parts': /compact/,
      used: /used/,
      'of a deleted agent': /deleted|used/,
    };
    for (const how of Object.keys(reasons)) await enrol(forged[how] ?? '');
    const rows = (await auditRows(chain.gatewayFolder, known)).filter(({ code }) => code === 'agent.enrolment-refused');
    assert.equal(rows.length, Object.keys(reasons).length);
    for (const [index, [how, reason]] of Object.entries(reasons).entries()) {
      const said = String(rows[index]?.detail['reason']);
      t.diagnostic(`${how}: ${said}`);
      assert.match(said, reason, how);
      assert.doesNotMatch(said, /\\n|\\u|[{[]/, how);
    }
    const before = rows.at(-1)?.seq ?? 0;
    await proxied(`Bearer ${attacksOn(session, key)['another key']}`);
    const [row] = (await auditRows(chain.gatewayFolder, before)).filter(({ code }) => code === 'session.refused');
    assert.match(String(row?.detail['reason']), /signature/);
  });

  test('no token that was shown stands in the log or in a row', async () => {
    const rows = JSON.stringify(await auditRows(chain.gatewayFolder));
    for (const secret of [enrolment, login, session, credential, ...Object.values(stale.enrolment)]) {
      for (const place of [rows, chain.gateway.stderr()]) assert.ok(!place.includes(secret.split('.').at(-1) ?? secret));
    }
  });
});

/** What a stranger can tell apart: everything but the date. */
function seenOf({ status, headers, body }: Answered): string {
  // When, and which request: of no other meaning.
  const { date: _date, 'x-request-id': _id, ...others } = headers;
  return `${status} ${JSON.stringify(others)} ${body}`;
}

/** Medians in ms, by kind, of requests that take turns. */
async function measured(kinds: Record<string, string>, show: Show): Promise<Record<string, number>> {
  const times: Record<string, number[]> = Object.fromEntries(Object.keys(kinds).map((how) => [how, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [how, token] of Object.entries(kinds)) {
      const began = performance.now();
      await show(token);
      times[how]?.push(performance.now() - began);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([how, all]) => [how, all.sort((a, b) => a - b)[all.length >> 1] ?? 0]));
}

/** CONNECT over TLS, and everything that comes back. */
async function connectByHand(port: number, target: number, authorization: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
  await once(socket, 'secureConnect');
  const to = `127.0.0.1:${target}`;
  socket.write(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\nProxy-Authorization: ${authorization}\r\n\r\n`);
  return await text(socket);
}
