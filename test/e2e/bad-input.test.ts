// Bad input: one clear error with code and hint, the exit code of cli.md, the same under --json, and nothing changed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { sharedChain } from '../support/chain.ts';
import { start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** Runs it both ways; the same error each time. */
async function fails(args: readonly string[], exit: number, code: string, input = ''): Promise<Failure> {
  const asJson = await tunnel([...args, '--json'], { input });
  const { error } = asJson.json() as unknown as { error: Failure };
  assert.equal(error.code, code, asJson.stdout);
  assert.equal(asJson.code, exit, asJson.stdout);
  assert.ok(error.hint, `no hint: ${asJson.stdout}`);
  const asText = await tunnel(args, { input });
  assert.equal(asText.code, exit, asText.stderr);
  assert.equal(asText.stdout, '');
  assert.ok(asText.stderr.trim().split('\n').length <= 3, asText.stderr);
  assert.ok(asText.stderr.includes(error.hint), asText.stderr);
  assert.doesNotMatch(asText.stderr.replaceAll('\n', ''), /\p{Cc}/u);
  return error;
}

describe('with a gateway and an agent', () => {
  const chain = sharedChain();
  const mint = async (...flags: string[]) => (await succeed(['token', 'mint', '--data-dir', chain().gatewayFolder, ...flags])).stdout.trim();
  const enrol = (folder: string) => ['agent', 'enroll', '--token-file', '-', '--data-dir', folder];

  test('enrolment strings: garbage, truncated, tampered, expired, used', async (t) => {
    const folder = join(temporaryFolder(t), 'ag');
    const good = await mint('--kind', 'agent', '--name', 'second');
    await fails(enrol(folder), 2, 'string.malformed', 'nonsense');
    await fails(enrol(folder), 2, 'string.malformed', '');
    await fails(enrol(folder), 2, 'string.malformed', good.slice(0, good.lastIndexOf('.')));
    const [head, claims = '', signature] = good.split('.');
    const other = { ...(JSON.parse(Buffer.from(claims, 'base64url').toString()) as object), jti: '00000000-0000-4000-8000-000000000000' };
    await fails(enrol(folder), 3, 'string.refused', [head, Buffer.from(JSON.stringify(other)).toString('base64url'), signature].join('.'));
    const expired = await mint('--kind', 'agent', '--name', 'third', '--expires', '1ms');
    await fails(enrol(folder), 3, 'string.refused', expired);
    assert.deepEqual(existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith('identity') || name === 'agent.json') : [], []);
    await succeed([...enrol(folder)], { input: good });
    await fails(enrol(join(temporaryFolder(t), 'other')), 3, 'string.refused', good);
  });

  test('a failed second enrolment leaves the first identity as it was', async () => {
    const before = snapshot(chain().agentFolder);
    await fails(enrol(chain().agentFolder), 2, 'string.malformed', 'nonsense');
    assert.deepEqual(snapshot(chain().agentFolder), before);
  });

  test('a string with another pin is refused before the token is sent', async (t) => {
    const good = await mint('--kind', 'agent', '--name', 'fourth');
    const [head, claims = '', signature] = good.split('.');
    const read = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>;
    const pin = Object.keys(read).find((key) => key.includes('spki'));
    assert.ok(pin);
    const wrong = { ...read, [pin]: '00'.repeat(32) };
    await fails(
      enrol(join(temporaryFolder(t), 'ag')),
      3,
      'pin.mismatch',
      [head, Buffer.from(JSON.stringify(wrong)).toString('base64url'), signature].join('.'),
    );
    await succeed(enrol(join(temporaryFolder(t), 'ag')), { input: good });
  });

  for (const target of ['10.0.0.5', '10.0.0.5:0', 'fd00::1:22', '10.0.0.5:65536', 'host:\u001b[31m', '0x7f.1:80']) {
    test(`connect to ${JSON.stringify(target)}`, async () => {
      await fails(['connect', target, '--config-dir', chain().operatorFolder], 2, 'target.malformed');
    });
  }

  test('no route, unknown agent', async () => {
    await fails(['connect', '192.0.2.1:22', '--config-dir', chain().operatorFolder], 5, 'route.none');
    await fails(['connect', '127.0.0.1:22', '--agent', 'nobody', '--config-dir', chain().operatorFolder], 5, 'agent.unknown');
  });

  test('what policy forbids: an agent that was not granted, a port that is not allowed', async (t) => {
    const [bobFolder, agentFolder] = [join(temporaryFolder(t), 'op'), join(temporaryFolder(t), 'ag')];
    await succeed(['login', '--token-file', '-', '--config-dir', bobFolder], {
      input: await mint('--kind', 'operator', '--name', 'bob', '--agents', 'somebody'),
    });
    const denied = await fails(['connect', '127.0.0.1:80', '--config-dir', bobFolder], 4, 'policy.denied');
    assert.match(denied.message, /web1/);
    const narrow = await mint('--kind', 'agent', '--name', 'narrow', '--routes', '127.9.0.0/16', '--ports', '22');
    await succeed(enrol(agentFolder), { input: narrow });
    await succeed(['login', '--token-file', '-', '--config-dir', bobFolder], {
      input: await mint('--kind', 'operator', '--name', 'carol', '--agents', 'narrow'),
    });
    const agent = start(t, ['agent', 'start', '--data-dir', agentFolder]);
    await agent.event('ready');
    await fails(['connect', '127.9.0.1:23', '--config-dir', bobFolder], 4, 'policy.denied');
    await agent.stop();
    await fails(['connect', '127.9.0.1:22', '--config-dir', bobFolder], 6, 'agent.offline');
  });

  test('names with control characters, taken names', async () => {
    for (const name of ['web\u001b[31m1', 'Web', ''])
      await fails(['token', 'mint', '--data-dir', chain().gatewayFolder, '--kind', 'agent', '--name', name], 2, 'name.malformed');
    await fails(['token', 'mint', '--data-dir', chain().gatewayFolder, '--kind', 'agent', '--name', 'web1'], 8, 'name.taken');
  });

  test('routes, ports and durations that are none', async () => {
    const mintAgent = ['token', 'mint', '--data-dir', chain().gatewayFolder, '--kind', 'agent', '--name', 'bad'];
    await fails([...mintAgent, '--routes', '10.0.0.1/24'], 2, 'route.malformed');
    await fails([...mintAgent, '--ports', '0'], 2, 'ports.malformed');
    await fails([...mintAgent, '--expires', 'soon'], 2, 'duration.malformed');
  });

  test('a local port in use ends the command', async (t) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    t.after(() => taken.close());
    const { port } = taken.address() as AddressInfo;
    await fails(['connect', '127.0.0.1:80', '--listen', `127.0.0.1:${port}`, '--config-dir', chain().operatorFolder], 8, 'port.in-use');
  });

  test('a second gateway on the same folder', async () => {
    await fails(['gateway', 'start', '--data-dir', chain().gatewayFolder], 8, 'state.locked');
  });

  test('without a login', async (t) => {
    await fails(['connect', '127.0.0.1:80', '--config-dir', temporaryFolder(t)], 3, 'login.missing');
  });
});

test('ca init twice changes nothing', async (t) => {
  const folder = join(temporaryFolder(t), 'gw');
  await succeed(['ca', 'init', '--data-dir', folder]);
  const before = snapshot(folder);
  await fails(['ca', 'init', '--data-dir', folder], 8, 'ca.exists');
  assert.deepEqual(snapshot(folder), before);
  for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o077, 0, name);
});

test('a data folder that others can read', async (t) => {
  const folder = join(temporaryFolder(t), 'gw');
  mkdirSync(folder, { mode: 0o755 });
  chmodSync(folder, 0o755);
  const error = await fails(['ca', 'init', '--data-dir', folder], 4, 'file.loose-mode');
  assert.ok(error.message.includes(folder));
  assert.deepEqual(readdirSync(folder), []);
});

test('a key that others can read', async (t) => {
  const folder = join(temporaryFolder(t), 'gw');
  await succeed(['ca', 'init', '--data-dir', folder]);
  chmodSync(join(folder, 'ca-key.pem'), 0o644);
  await fails(['gateway', 'start', '--data-dir', folder, '--listen', '127.0.0.1:0'], 4, 'file.loose-mode');
});

test('a gateway port in use', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.after(() => taken.close());
  const folder = join(temporaryFolder(t), 'gw');
  await succeed(['ca', 'init', '--data-dir', folder]);
  await fails(['gateway', 'start', '--data-dir', folder, '--listen', `127.0.0.1:${(taken.address() as AddressInfo).port}`], 8, 'port.in-use');
});

test('every address without a public URL', async (t) => {
  const folder = join(temporaryFolder(t), 'gw');
  await succeed(['ca', 'init', '--data-dir', folder]);
  await fails(['gateway', 'start', '--data-dir', folder, '--listen', '0.0.0.0:0'], 2, 'gateway.public-url');
});

test('no CA, no gateway, no identity, no file', async (t) => {
  const folder = temporaryFolder(t);
  await fails(['gateway', 'start', '--data-dir', join(folder, 'none')], 5, 'ca.missing');
  await fails(['agent', 'start', '--data-dir', join(folder, 'none')], 3, 'agent.not-enrolled');
  await succeed(['ca', 'init', '--data-dir', join(folder, 'gw')]);
  await fails(['token', 'mint', '--data-dir', join(folder, 'gw'), '--kind', 'agent', '--name', 'web1'], 2, 'gateway.never-started');
  await fails(['agent', 'enroll', '--token-file', join(folder, 'absent'), '--data-dir', join(folder, 'ag')], 1, 'file.failed');
});

test('unknown commands and flags', async () => {
  await fails(['conect'], 2, 'usage');
  await fails(['gateway', 'start', '--nonsense'], 2, 'usage');
  await fails(['token', 'mint'], 2, 'usage');
});

test('a database that is none is never replaced by an empty one', async (t) => {
  const folder = join(temporaryFolder(t), 'gw');
  await succeed(['ca', 'init', '--data-dir', folder]);
  writeFileSync(join(folder, 'gateway.db'), 'this is not a database, but long enough to be read as the beginning of one '.repeat(20), { mode: 0o600 });
  await fails(['gateway', 'start', '--data-dir', folder, '--listen', '127.0.0.1:0'], 1, 'store.corrupt');
});

function snapshot(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && !entry.name.endsWith('.lock'));
  return Object.fromEntries(files.map((entry) => [join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name)).toString('base64')]));
}
