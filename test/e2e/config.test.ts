// Configuration by the real command line: where each setting comes from, what is wrong with a file, and reloads of gateway and agent under a transfer that must not notice.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { type Chain, connectTo, startChain } from '../support/chain.ts';
import { type Running, start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';
import { dial, pattern, patternSha256, readToEnd, startTarget } from '../support/tcp.ts';

const TRANSFER_BYTES = 32 * 1024 * 1024;
const READ_AGAIN = /"msg":"the configuration was read again"/;
const NOT_READ = /"msg":"the configuration was not read again/;

type Row = Record<string, unknown>;

function edit(path: string, change: (config: Row) => Row): void {
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')) as Row), null, 2), { mode: 0o600 });
}

/** SIGHUP, and the line of the log that says how it went. */
async function hangUp({ child, stderr }: Running, outcome: RegExp): Promise<void> {
  const before = stderr().length;
  child.kill('SIGHUP');
  while (!outcome.test(stderr().slice(before))) await once(child.stderr ?? assert.fail('no log'), 'data');
}

const linkOf = async ({ gatewayFolder }: Chain) => {
  const { links } = (await succeed(['agent', 'show', 'web1', '--data-dir', gatewayFolder, '--json'])).json();
  return (links as { id: string; current: boolean }[]).filter(({ current }) => current).map(({ id }) => id);
};

const reload = async ({ gatewayFolder }: Chain) => (await succeed(['gateway', 'reload', '--data-dir', gatewayFolder, '--json'])).json()['changes'] as Row[];

async function origins(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Record<string, unknown>> {
  const { gateway, agent } = (await succeed(['config', ...args, '--json'], { env })).json() as {
    gateway: { settings: Row[] } | null;
    agent: { settings: Row[] } | null;
  };
  return Object.fromEntries((gateway ?? agent)?.settings.map(({ setting, value, origin }) => [setting, `${String(value)} ${String(origin)}`]) ?? []);
}

test('a setting comes from flag, environment, file or default, in this order', async (t) => {
  const chain = await startChain(t, { gatewayEnv: { TUNNEL_GATEWAY_AGENT_CERT_LIFETIME: '20d' } });
  const at = ['--data-dir', chain.gatewayFolder];
  const running = await origins(at);
  assert.match(String(running['listen']), /^127\.0\.0\.1:\d+ flag$/);
  assert.equal(running['agent_cert_lifetime'], '20d environment');
  assert.match(String(running['public_url']), / file$/);
  assert.equal(running['server_cert_lifetime'], '365d default');
  await chain.gateway.stop();
  assert.equal((await origins(at))['agent_cert_lifetime'], '20d file', 'stored, for the next start');
  assert.equal((await origins(at, { TUNNEL_GATEWAY_AGENT_CERT_LIFETIME: '10d' }))['agent_cert_lifetime'], '10d environment');
  const agent = await origins(['--data-dir', chain.agentFolder]);
  assert.deepEqual([agent['transport'], agent['routes'], agent['name']], ['auto default', ' default', 'web1 file']);
  assert.equal((await tunnel(['config', '--data-dir', temporaryFolder(t)])).code, 5);
});

test('config check: 0, or 2 with field and line; unknown keys are named, their values are not', async (t) => {
  const folder = temporaryFolder(t);
  const check = async (content: string, name = 'gateway.json') => {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    return await tunnel(['config', 'check', join(folder, name), '--json']);
  };
  const good = '"listen": "127.0.0.1:1", "public_url": "https://gw.example:1"';
  const fine = await check(`{${good}, "secret": "canary"}`);
  assert.equal(fine.code, 0, fine.stderr);
  assert.deepEqual((fine.json()['files'] as Row[])[0]?.['unknown'], ['secret']);
  assert.ok(!(fine.stdout + fine.stderr).includes('canary'));
  for (const [content, message] of [
    [`{${good},\n"log_level": "loud"}`, /line 2: log_level/],
    [`{${good},\n\n"agent_cert_lifetime": "1s"}`, /line 3: agent_cert_lifetime is not between/],
    ['{"listen": "127.0.0.1:1"}', /public_url is missing/],
    [`{${good},\n"proxy_listen": 3128}`, /line 2: proxy_listen/],
    [`{${good},\n"canary" "x"}`, /line 2: not JSON/],
    ['', /not JSON/],
  ] as const) {
    const refused = await check(content);
    assert.equal(refused.code, 2, content);
    assert.match(refused.stdout, message);
    assert.ok(!refused.stdout.includes('canary'), refused.stdout);
  }
  assert.equal((await check('{"agent_id": 1}', 'agent.json')).code, 2);
  assert.equal((await tunnel(['config', 'check', join(folder, 'nothing.json')])).code, 2);
});

test('reloads of gateway and agent, by command and by SIGHUP, under a transfer, of bad files too: the same link, and every byte', async (t) => {
  const chain = await startChain(t, { routes: '127.0.0.0/8,10.0.0.0/8' });
  const gatewayFile = join(chain.gatewayFolder, 'gateway.json');
  const agentFile = join(chain.agentFolder, 'agent.json');
  const target = await startTarget(t, (socket) => void Readable.from(pattern(TRANSFER_BYTES)).pipe(socket));
  const { port } = await connectTo(t, chain, `127.0.0.1:${target}`);
  const linkBefore = await linkOf(chain);
  const socket = await dial(t, port);
  await once(socket, 'readable'); // under way; it goes on only once all reloads are done

  edit(gatewayFile, (config) => ({ ...config, agent_cert_lifetime: '30d', server_cert_lifetime: '30d', log_level: 'debug', proxy_listen: '127.0.0.1:0' }));
  const changes = await reload(chain);
  assert.deepEqual(
    changes.map(({ setting, after, effect }) => [setting, setting === 'server-cert.pem' ? '' : after, effect]),
    [
      ['proxy_listen', '127.0.0.1:0', 'restart'],
      ['agent_cert_lifetime', '30d', 'now'],
      ['server_cert_lifetime', '30d', 'now'],
      ['log_level', 'debug', 'now'],
      ['server-cert.pem', '', 'now'],
    ],
  );
  const token = join(chain.folder, 'web2.token');
  await succeed(['token', 'mint', '--data-dir', chain.gatewayFolder, '--kind', 'agent', '--name', 'web2', '--out', token]);
  const enrolled = (await succeed(['agent', 'enroll', '--token-file', token, '--data-dir', join(chain.folder, 'ag2'), '--json'])).json();
  const days = (Date.parse(String(enrolled['not_after'])) - Date.now()) / 86_400_000;
  assert.ok(days > 29 && days < 31, `${days} days`);

  await hangUp(chain.gateway, READ_AGAIN);
  edit(agentFile, (config) => ({ ...config, routes: ['127.0.0.0/8'], log_level: 'debug', quic_return: '1m' }));
  await hangUp(chain.agent, READ_AGAIN);
  const status = async () => (await succeed(['agent', 'status', '--data-dir', chain.agentFolder, '--json'])).json();
  for (let offered: unknown; String(offered) !== '127.0.0.0/8'; ) offered = (await status())['routes'];
  const { routes } = (await succeed(['route', 'list', '--data-dir', chain.gatewayFolder, '--json'])).json();
  assert.deepEqual(
    (routes as Row[]).map(({ route }) => route),
    ['127.0.0.0/8'],
  );
  assert.deepEqual(await linkOf(chain), linkBefore);

  for (const [running, file, wrong] of [
    [chain.gateway, gatewayFile, { log_level: 'loud' }],
    [chain.agent, agentFile, { routes: ['nonsense/99'] }],
  ] as const) {
    const good = readFileSync(file, 'utf8');
    edit(file, (config) => ({ ...config, ...wrong }));
    await hangUp(running, NOT_READ);
    writeFileSync(file, good, { mode: 0o600 });
  }
  assert.deepEqual(await linkOf(chain), linkBefore);

  edit(agentFile, (config) => ({ ...config, transport: 'tls' }));
  const asked = (await succeed(['agent', 'reload', '--data-dir', chain.agentFolder, '--json'])).json()['changes'] as Row[];
  assert.deepEqual(asked, [{ setting: 'transport', before: 'auto', after: 'tls', effect: 'now' }]);
  for (let transport: unknown; transport !== 'tls'; ) transport = (await status())['transport'];

  assert.deepEqual(await readToEnd(socket), { bytes: TRANSFER_BYTES, sha256: patternSha256(TRANSFER_BYTES), end: 'fin' });
});

test('a bad file changes nothing: exit 2 with the field, an error in the log, and the settings before', async (t) => {
  const chain = await startChain(t);
  const gatewayFile = join(chain.gatewayFolder, 'gateway.json');
  const before = await origins(['--data-dir', chain.gatewayFolder]);
  const good = readFileSync(gatewayFile, 'utf8');
  edit(gatewayFile, (config) => ({ ...config, log_level: 'debug', agent_cert_lifetime: '30x' }));
  const bad = await tunnel(['gateway', 'reload', '--data-dir', chain.gatewayFolder, '--json']);
  assert.equal(bad.code, 2);
  assert.match(bad.stdout, /line \d+: agent_cert_lifetime/);
  await hangUp(chain.gateway, NOT_READ);
  writeFileSync(gatewayFile, good, { mode: 0o600 });
  assert.deepEqual(await origins(['--data-dir', chain.gatewayFolder]), before);
  assert.deepEqual(await reload(chain), [], 'nothing of the bad file was kept');

  edit(join(chain.agentFolder, 'agent.json'), (config) => ({ ...config, routes: ['nonsense/99'] }));
  await hangUp(chain.agent, NOT_READ);
  const refused = await tunnel(['agent', 'reload', '--data-dir', chain.agentFolder, '--json']);
  assert.deepEqual([refused.code, /line \d+: routes/.test(refused.stdout)], [2, true]);
  const status = await tunnel(['agent', 'status', '--data-dir', chain.agentFolder]);
  assert.equal(status.code, 2, 'who asks reads the file too');
});

test('flags of a running gateway go before its file; two reloads at once are one after the other; without a gateway it is exit 6', async (t) => {
  const chain = await startChain(t, { gatewayFlags: ['--agent-cert-lifetime', '30d'] });
  edit(join(chain.gatewayFolder, 'gateway.json'), (config) => ({ ...config, agent_cert_lifetime: '40d', log_level: 'warn' }));
  const [one, two] = await Promise.all([reload(chain), reload(chain)]);
  const all = [...(one ?? []), ...(two ?? [])].map(({ setting, effect }) => `${String(setting)} ${String(effect)}`);
  assert.deepEqual(all.sort(), ['agent_cert_lifetime overridden', 'log_level now']);
  assert.equal((await origins(['--data-dir', chain.gatewayFolder]))['agent_cert_lifetime'], '30d flag');
  await chain.gateway.stop();
  assert.equal((await tunnel(['gateway', 'reload', '--data-dir', chain.gatewayFolder])).code, 6);
  const again = start(t, ['gateway', 'start', '--data-dir', chain.gatewayFolder]);
  await again.event('ready');
  assert.equal((await origins(['--data-dir', chain.gatewayFolder]))['agent_cert_lifetime'], '40d file');
});
