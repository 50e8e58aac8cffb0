// An operator who writes his own client: raw CONNECT requests with tokens of all kinds, for what policy forbids. No canary is reached, and each denial is audited.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { openRemote } from '../../src/lib/operator/remote.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { mintSessionToken } from '../../src/lib/tokens/session-token.ts';
import { newSigningKey } from '../../src/lib/tokens/signing-keys.ts';
import { auditRows } from '../support/audit-rows.ts';
import { startChain } from '../support/chain.ts';
import { succeed } from '../support/cli.ts';
import { startTarget } from '../support/tcp.ts';

const world = realWorld({ level: 'silent' });

/** Counts who gets there. */
async function canary(t: TestContext): Promise<{ readonly port: number; reached(): number }> {
  let count = 0;
  const port = await startTarget(t, (socket) => {
    count += 1;
    socket.end('reached');
  });
  return { port, reached: () => count };
}

test('an operator by hand gets nowhere that policy forbids; what it allows goes', async (t) => {
  const chain = await startChain(t, { gatewayFlags: ['--proxy-listen', '127.0.0.1:0'] });
  const [good, bad] = [await canary(t), await canary(t)];
  const file = join(chain.folder, 'policy.json');
  const targets = [`127.0.0.1:${good.port}`, `localhost:${good.port}`];
  writeFileSync(file, JSON.stringify({ version: 1, allow: [{ operators: ['alice'], agents: ['web1'], targets }] }));
  await succeed(['policy', 'set', file, '--data-dir', chain.gatewayFolder]);
  const bobFolder = join(chain.folder, 'bob');
  await succeed(['token', 'mint', '--kind', 'operator', '--name', 'bob', '--data-dir', chain.gatewayFolder, '--out', join(chain.folder, 'bob.token')]);
  await succeed(['login', '--token-file', join(chain.folder, 'bob.token'), '--config-dir', bobFolder]);

  const { client, credentials } = await openRemote(chain.operatorFolder, world);
  const bob = await openRemote(bobFolder, world);
  const tokenOf = async (of: typeof bob, wanted: string[], more: { agent?: string; alternates?: string[] } = {}) =>
    (await of.client.openSession({ targets: wanted, ...more }, t.signal)).token;
  const any = await tokenOf({ client, credentials }, ['*']);
  const narrow = await tokenOf({ client, credentials }, [`127.0.0.1:${good.port}`]);
  const through = await tokenOf({ client, credentials }, ['*'], { agent: 'web1' });
  const bobs = await tokenOf(bob, ['*']);
  const { sub } = JSON.parse(Buffer.from(any.split('.')[1] ?? '', 'base64url').toString());
  const now = Date.now();
  const forged = await mintSessionToken({ operatorId: sub, targets: ['*'], alternates: [] }, newSigningKey('forged'), { now, expiresAt: now + 300_000 });
  const [head = '', claims = '', signature = ''] = narrow.split('.');
  const wider = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(claims, 'base64url').toString()), targets: ['*'] })).toString('base64url');
  const unsigned = `${Buffer.from('{"alg":"none","typ":"JWT","cty":"SESSION"}').toString('base64url')}.${wider}.`;

  const [proxyHost = '', proxyPort = ''] = String(chain.ready['proxy'])
    .replace(/^https:\/\//, '')
    .split(':');
  const ask = async (authority: string, token: string | null, extra = ''): Promise<string> => {
    const socket = connect({ host: proxyHost, port: Number(proxyPort), ca: credentials.ca_pem, servername: '', checkServerIdentity: () => undefined });
    t.after(() => socket.destroy());
    await once(socket, 'secureConnect');
    const shown = token === null ? '' : `Proxy-Authorization: Bearer ${token}\r\n`;
    socket.write(Buffer.from(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${shown}${extra}\r\n`, 'utf8'));
    let answer = '';
    socket.on('data', (part) => {
      answer += part;
      if (answer.includes('\r\n\r\n')) socket.end();
    });
    socket.on('error', () => {});
    if (!socket.closed) await once(socket, 'close');
    return answer.split('\r\n')[0] ?? '';
  };

  // The canonical target of the audit row; null where there is none, because it is no target or nobody knows who asks.
  const b = bad.port;
  const plain = `127.0.0.1:${b}`;
  const ways: readonly (readonly [authority: string, token: string | null, canonical: string | null, extra?: string])[] = [
    [plain, any, plain],
    [`127.0.0.2:${b}`, any, `127.0.0.2:${b}`],
    [`127.0.0.2:${good.port}`, any, `127.0.0.2:${good.port}`],
    [`localhost:${b}`, any, `localhost:${b}`],
    [`LOCALHOST:${b}`, any, `localhost:${b}`],
    [`[::ffff:127.0.0.1]:${b}`, any, plain],
    [`[::ffff:7f00:1]:${b}`, any, plain],
    [`[::1]:${b}`, any, `[::1]:${b}`],
    [`[0:0:0:0:0:0:0:1]:${good.port}`, any, `[::1]:${good.port}`],
    [`169.254.169.254:80`, any, '169.254.169.254:80'],
    [plain, through, plain],
    [plain, narrow, plain],
    [`localhost:${good.port}`, narrow, `localhost:${good.port}`],
    [`127.0.0.1:${good.port}`, bobs, `127.0.0.1:${good.port}`],
    [plain, bobs, plain],
    [`127.1:${b}`, any, null],
    [`0x7f.0.0.1:${b}`, any, null],
    [`0x7f000001:${b}`, any, null],
    [`2130706433:${b}`, any, null],
    [`0177.0.0.1:${b}`, any, null],
    [`127.0.0.1.:${b}`, any, null],
    [`localhost.:${b}`, any, null],
    [`alice@127.0.0.1:${b}`, any, null],
    [`127.0.0.1:0${b}`, any, null],
    [`127.0.0.1:+${b}`, any, null],
    [`127.0.0.1%25lo:${b}`, any, null],
    [`[::1%lo]:${b}`, any, null],
    [`::1:${b}`, any, null],
    [`127.0.0.1:${good.port}:${b}`, any, null],
    [`127.0.0.1:${good.port}@elsewhere`, any, null],
    [`*:${b}`, any, null],
    [plain, null, null],
    [plain, 'nonsense', null],
    [plain, forged, null],
    [plain, `${head}.${wider}.${signature}`, null],
    [plain, unsigned, null],
    [plain, credentials.credential, null],
    [plain, any, plain, `X-Tunnel-Agent: web1\r\nX-Forwarded-For: 127.0.0.1\r\n`],
    [plain, bobs, plain, `Proxy-Authorization: Bearer ${any}\r\n`],
    [plain, any, plain, `Host: 127.0.0.1:${good.port}\r\n`],
  ];
  assert.ok(ways.length >= 40);
  const rowsBefore = (await auditRows(chain.gatewayFolder)).length;
  const passed: string[] = [];
  for (const [authority, token, , extra] of ways) {
    const status = await ask(authority, token, extra);
    if (/ 200 /.test(status)) passed.push(`${authority}: ${status}`);
  }
  assert.deepEqual(passed, []);
  assert.deepEqual([bad.reached(), good.reached()], [0, 0]);

  const rows = (await auditRows(chain.gatewayFolder)).slice(rowsBefore).filter(({ code }) => code === 'channel.refused');
  const counted = (subjects: readonly string[]) =>
    Object.fromEntries([...new Set(subjects)].sort().map((subject) => [subject, subjects.filter((other) => other === subject).length]));
  const expected = ways.flatMap(([, , canonical]) => (canonical === null ? [] : [`target:${canonical}`]));
  const found = rows.map(({ subject }) => subject ?? '').filter((subject) => subject !== 'target:malformed');
  t.diagnostic(`${ways.length} ways, ${rows.length} channel.refused rows`);
  for (const [subject, times] of Object.entries(counted(expected))) {
    const there = counted(found)[subject] ?? 0;
    assert.ok(there >= times - (subject === `target:${plain}` ? 2 : 0), `${subject}: ${there} rows for ${times} denials`); // doubled headers may be refused unread
  }

  for (const target of [`127.0.0.1:${good.port}`, `localhost:${good.port}`]) assert.match(await ask(target, any), / 200 /);
  assert.deepEqual([bad.reached(), good.reached()], [0, 2]);
});
