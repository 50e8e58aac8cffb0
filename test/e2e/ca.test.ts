// The CA as its owner handles it, with the real commands: made, taken from elsewhere, encrypted, and replaced under agents, operators and a transfer.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAuthority } from '../../src/lib/pki/create-authority.ts';
import { connectTo, startChain } from '../support/chain.ts';
import { start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';
import { enrolFleet } from '../support/fleet.ts';
import { dial, readToEnd, sendPattern, startTarget } from '../support/tcp.ts';

const DAY_MS = 86_400_000;
const AGENTS = process.env['FULL'] ? 20 : 4;
const TRANSFER_BYTES = process.env['FULL'] ? 256 * 1024 * 1024 : 48 * 1024 * 1024;

const listening = ['--listen', '127.0.0.1:0'];
const fails = async (code: number, error: string, ...args: string[]) => {
  const finished = await tunnel([...args, '--json']);
  assert.deepEqual([finished.code, (finished.json()['error'] as { code: string }).code], [code, error], args.join(' '));
  return finished;
};
const secretFile = (path: string, text: string) => {
  writeFileSync(path, text, { mode: 0o600 });
  return path;
};

test('ca init twice is a conflict, and nothing is changed', async (t) => {
  const gw = join(temporaryFolder(t), 'gw');
  await succeed(['ca', 'init', '--data-dir', gw]);
  const before = ['ca-cert.pem', 'ca-key.pem', 'signing-keys.json', 'secrets.json'].map((name) => readFileSync(join(gw, name), 'utf8'));
  await fails(8, 'ca.exists', 'ca', 'init', '--data-dir', gw);
  assert.deepEqual(
    ['ca-cert.pem', 'ca-key.pem', 'signing-keys.json', 'secrets.json'].map((name) => readFileSync(join(gw, name), 'utf8')),
    before,
  );
});

test('a CA from elsewhere: in one file or two, encrypted or not; what is wrong leaves nothing behind', async (t) => {
  const folder = temporaryFolder(t);
  const at = (name: string) => join(folder, name);
  const { certificatePem, privateKeyPem } = await createAuthority({ commonName: 'their CA', now: Date.now(), lifetimeMs: 365 * DAY_MS });
  const [cert, key, both, other] = ['ca.pem', 'ca.key', 'both.pem', 'other.key'].map(at) as [string, string, string, string];
  writeFileSync(cert, certificatePem);
  secretFile(key, privateKeyPem);
  secretFile(both, certificatePem + privateKeyPem);
  secretFile(
    other,
    generateKeyPairSync('ec', { namedCurve: 'P-256', privateKeyEncoding: { type: 'sec1', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } })
      .privateKey,
  );

  await fails(2, 'ca.refused', 'ca', 'init', '--data-dir', at('gw'), '--from-pem', cert);
  await fails(2, 'ca.refused', 'ca', 'init', '--data-dir', at('gw'), '--from-pem', cert, '--key-pem', other);
  await fails(1, 'file.failed', 'ca', 'init', '--data-dir', at('gw'), '--from-pem', at('nowhere.pem'));
  await fails(2, 'usage', 'ca', 'init', '--data-dir', at('gw'), '--key-pem', key);
  const loose = at('loose.pem');
  writeFileSync(loose, certificatePem + privateKeyPem, { mode: 0o640 });
  await fails(4, 'file.loose-mode', 'ca', 'init', '--data-dir', at('gw'), '--from-pem', loose);
  await fails(4, 'file.loose-mode', 'ca', 'init', '--data-dir', at('gw'), '--from-pem', cert, '--key-pem', loose);
  assert.equal(existsSync(at('gw')), false);

  const one = (await succeed(['ca', 'init', '--data-dir', at('one'), '--from-pem', both, '--json'])).json();
  const two = (await succeed(['ca', 'init', '--data-dir', at('two'), '--from-pem', cert, '--key-pem', key, '--json'])).json();
  assert.equal(one['spki_sha256'], two['spki_sha256']);
  const shown = (await succeed(['ca', 'show', '--data-dir', at('one'), '--json'])).json();
  assert.deepEqual([shown['subject'], shown['encrypted'], shown['previous'], shown['spki_sha256']], ['CN=their CA', false, null, one['spki_sha256']]);
  const gateway = start(t, ['gateway', 'start', '--data-dir', at('two'), ...listening]);
  await gateway.event('ready');
  assert.equal(await gateway.stop(), 0);
});

test('a passphrase: the key is encrypted at rest; what issues needs it, what does not issue does not', async (t) => {
  const folder = temporaryFolder(t);
  const gw = join(folder, 'gw');
  const right = secretFile(join(folder, 'right'), 'correct horse battery\n');
  const wrong = secretFile(join(folder, 'wrong'), 'correct horse\n');
  writeFileSync(join(folder, 'loose'), 'correct horse battery\n', { mode: 0o644 });
  await fails(2, 'usage', 'ca', 'init', '--data-dir', gw, '--passphrase-file', secretFile(join(folder, 'empty'), '\n'));
  await fails(4, 'file.loose-mode', 'ca', 'init', '--data-dir', gw, '--passphrase-file', join(folder, 'loose'));
  await succeed(['ca', 'init', '--data-dir', gw, '--passphrase-file', '-'], { input: 'correct horse battery\n' });
  assert.match(readFileSync(join(gw, 'ca-key.pem'), 'utf8'), /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);

  const begin = ['gateway', 'start', '--data-dir', gw, ...listening];
  await fails(3, 'ca.passphrase', ...begin);
  await fails(3, 'ca.passphrase', ...begin, '--ca-passphrase-file', wrong);
  await fails(3, 'ca.passphrase', 'ca', 'rotate', '--data-dir', gw);
  await succeed(['token', 'mint', '--data-dir', gw, '--kind', 'operator', '--name', 'alice', '--public-url', 'https://127.0.0.1:1']);
  await succeed(['ca', 'rotate', '--data-dir', gw, '--passphrase-file', right]);
  assert.match(readFileSync(join(gw, 'ca-key.pem'), 'utf8'), /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
  const gateway = start(t, begin, { env: { TUNNEL_GATEWAY_CA_PASSPHRASE_FILE: right } });
  await gateway.event('ready');
  // The running one has its passphrase already.
  await succeed(['ca', 'rotate', '--data-dir', gw, '--finish']);
  await succeed(['ca', 'rotate', '--data-dir', gw, '--window', '1h']);
  assert.equal(await gateway.stop(), 0);
  await fails(3, 'ca.passphrase', ...begin, '--ca-passphrase-file', wrong);
});

test(`rotated under ${AGENTS} agents and a transfer: nobody is lost; after the window the CA before is refused`, async (t) => {
  const chain = await startChain(t);
  const { gatewayFolder, agentFolder, operatorFolder, folder } = chain;
  const ca = async (...args: string[]) => (await succeed(['ca', ...args, '--data-dir', gatewayFolder, '--json'])).json();
  const list = async () => (await succeed(['agent', 'list', '--data-dir', gatewayFolder, '--json'])).json()['agents'] as { name: string; state: string }[];
  const online = async () => (await list()).filter(({ state }) => state === 'online').length;
  const mint = async (kind: string, name: string) => {
    const file = join(folder, `${name}.token`);
    await succeed(['token', 'mint', '--data-dir', gatewayFolder, '--kind', kind, '--name', name, '--expires', '1h', '--out', file]);
    return file;
  };
  const fleet = await enrolFleet(t, chain, AGENTS);
  await fleet.start('quic');
  const [early, late, earlyOperator, lateOperator] = await Promise.all([
    mint('agent', 'early'),
    mint('agent', 'late'),
    mint('operator', 'bob'),
    mint('operator', 'carol'),
  ]);
  // As machines that are away in the window keep it.
  const [staleAgent, staleOperator] = [join(folder, 'stale-ag'), join(folder, 'stale-op')];
  await cp(agentFolder, staleAgent, { recursive: true, filter: (path) => !/agent\.(lock|sock)/.test(path) });
  await cp(operatorFolder, staleOperator, { recursive: true });

  const port = await startTarget(t, (socket) => void sendPattern(socket, TRANSFER_BYTES));
  const forward = await connectTo(t, chain, `127.0.0.1:${port}`);
  const expected = await readToEnd(await dial(t, port));
  const running = readToEnd(await dial(t, forward.port));
  const waiting = await dial(t, forward.port); // full of what nobody reads yet, from before to after

  const before = await ca('show');
  const rotated = await ca('rotate', '--window', '1h');
  assert.notEqual(rotated['spki_sha256'], before['spki_sha256']);
  await fails(8, 'ca.rotating', 'ca', 'rotate', '--data-dir', gatewayFolder);
  while ((await ca('show'))['agents_behind'] !== 0);
  const during = await ca('show');
  assert.equal((during['previous'] as { spki_sha256: string }).spki_sha256, before['spki_sha256']);
  assert.equal(await online(), AGENTS + 1);
  assert.deepEqual([await running, await readToEnd(waiting)], [expected, expected], 'transfers through it all');

  // Strings of before, new strings, and the login of before.
  await succeed(['agent', 'enroll', '--token-file', early, '--data-dir', join(folder, 'early')]);
  await succeed(['agent', 'enroll', '--token-file', await mint('agent', 'fresh'), '--data-dir', join(folder, 'fresh')]);
  await succeed(['login', '--token-file', earlyOperator, '--config-dir', join(folder, 'bob')]);
  await succeed(['whoami', '--config-dir', operatorFolder]);

  const finished = await ca('rotate', '--finish');
  assert.deepEqual([finished['accepted_until'], finished['agents_behind']], [null, 0]);
  assert.equal((await ca('show'))['previous'], null);
  assert.equal(await online(), AGENTS + 1);
  await succeed(['whoami', '--config-dir', operatorFolder]);
  await succeed(['whoami', '--config-dir', join(folder, 'bob')]);
  assert.deepEqual(await readToEnd(await dial(t, forward.port)), expected, 'a new channel of the forward that ran through it');

  await fails(3, 'certificate.refused', 'whoami', '--config-dir', staleOperator);
  await fails(3, 'pin.mismatch', 'login', '--token-file', lateOperator, '--config-dir', join(folder, 'carol'));
  await fails(3, 'pin.mismatch', 'agent', 'enroll', '--token-file', late, '--data-dir', join(folder, 'late'));

  // Both are here again after a restart of either side; who has not followed is not.
  await fleet.stop();
  assert.equal(await chain.agent.stop(), 0);
  assert.equal(await chain.gateway.stop(), 0);
  const gateway = start(t, ['gateway', 'start', '--data-dir', gatewayFolder]);
  await gateway.event('ready');
  await fleet.start('quic');
  await start(t, ['agent', 'start', '--data-dir', agentFolder]).event('ready');
  assert.equal(await online(), AGENTS + 1);
  const refused = await tunnel(['agent', 'start', '--data-dir', staleAgent, '--wait', '3s', '--json']);
  assert.notEqual(refused.code, 0);
  await gateway.stop();
});
