// Secrets stay where they belong: every command runs, succeeds and fails, at debug level, and none of its secrets is found in an argv, an environment, output, a log, an audit row, an API answer or the database.
import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { PATHS } from '../../src/lib/api/contract.ts';
import { Canaries } from '../support/canary.ts';
import { BIN, run, start, temporaryFolder, tunnel } from '../support/cli.ts';
import { startConnectProxy } from '../support/connect-proxy.ts';
import { spawnWatch } from '../support/spawn-watch.ts';
import { dial, startTarget } from '../support/tcp.ts';

const { commands } = JSON.parse(readFileSync(new URL('../../oclif.manifest.json', import.meta.url), 'utf8')) as { commands: Record<string, unknown> };

interface Folders {
  readonly gw: string;
  readonly ag: string;
  readonly op: string;
}

interface Call {
  readonly args: readonly string[];
  readonly input?: string;
  /** It runs until it is told to stop. */
  readonly stays?: true;
  /** It is about something that is not there. */
  readonly fails?: true;
}

/** How each command is called; every secret that it takes comes by file or standard input. `strings` are one-time strings, the last of them spent. */
type Case = (folders: Folders, strings: Record<'agent' | 'operator' | 'admin' | 'other', string>, target: string) => Call;

/** In this order: what ends something comes last. A command that is not here fails the test. */
const CASES: Record<string, Case> = {
  'ca:init': ({ gw }) => ({ args: ['--data-dir', `${gw}-new`, '--passphrase-file', `${gw}-passphrase`] }),
  'ca:show': ({ gw }) => ({ args: ['--data-dir', gw] }),
  'gateway:start': ({ gw }) => ({ args: ['--data-dir', gw, '--listen', '127.0.0.1:0', '--proxy-listen', '127.0.0.1:0'], stays: true }),
  'gateway:status': ({ gw }) => ({ args: ['--data-dir', gw] }),
  config: ({ gw }) => ({ args: ['--data-dir', gw] }),
  'config:check': ({ gw }) => ({ args: ['--data-dir', gw] }),
  'gateway:reload': ({ gw }) => ({ args: ['--data-dir', gw] }),
  'token:mint': ({ gw }) => ({ args: ['--data-dir', gw, '--kind', 'agent', '--name', 'web9'] }),
  'token:list': ({ gw }) => ({ args: ['--data-dir', gw] }),
  'token:inspect': ({ gw }, { other }) => ({ args: ['--token-file', '-', '--data-dir', gw], input: other }),
  'agent:enroll': ({ ag }, { agent }) => ({ args: ['--token-file', '-', '--data-dir', ag], input: agent }),
  'agent:start': ({ ag }) => ({ args: ['--data-dir', ag], stays: true }),
  'agent:status': ({ ag }) => ({ args: ['--data-dir', ag] }),
  'agent:reload': ({ ag }) => ({ args: ['--data-dir', ag] }),
  login: ({ op }, { operator }) => ({ args: ['--token-file', '-', '--config-dir', op], input: operator }),
  whoami: ({ op }) => ({ args: ['--config-dir', op] }),
  'agent:list': ({ op }) => ({ args: ['--config-dir', op] }),
  'agent:show': ({ gw }) => ({ args: ['web1', '--data-dir', gw] }),
  'route:list': ({ gw }) => ({ args: ['--data-dir', gw] }),
  'route:resolve': ({ op }, _, target) => ({ args: [target, '--config-dir', op] }),
  'session:open': ({ op }, _, target) => ({ args: [target, '--config-dir', op] }),
  connect: ({ op }, _, target) => ({ args: [target, '--config-dir', op], stays: true }),
  'profile:save': ({ op }, _, target) => ({ args: ['work', target, '--config-dir', op] }),
  'profile:list': ({ op }) => ({ args: ['--config-dir', op] }),
  'profile:show': ({ op }) => ({ args: ['work', '--config-dir', op] }),
  'profile:edit': ({ op }) => ({ args: ['nobody', '--config-dir', op], fails: true }),
  wizard: () => ({ args: [], fails: true }),
  ssh: ({ op }) => ({ args: ['127.0.0.1', '--config-dir', op, '--', '-V'] }),
  'ssh-config': ({ op }) => ({ args: ['--config-dir', op] }),
  rdp: ({ op }) => ({ args: ['256.0.0.1', '--config-dir', op], fails: true }),
  up: ({ op }) => ({ args: ['work', '--config-dir', op] }),
  down: ({ op }) => ({ args: ['work', '--config-dir', op] }),
  'profile:delete': ({ op }) => ({ args: ['work', '--config-dir', op] }),
  'agent:set': ({ gw }) => ({ args: ['web1', '--ports', '1-65535', '--data-dir', gw] }),
  'session:list': ({ gw }) => ({ args: ['--data-dir', gw] }),
  'session:show': ({ gw }) => ({ args: [NOBODY, '--data-dir', gw], fails: true }),
  'session:close': ({ gw }) => ({ args: [NOBODY, '--data-dir', gw], fails: true }),
  'operator:list': ({ gw }) => ({ args: ['--data-dir', gw] }),
  'ca:rotate': ({ gw }) => ({ args: ['--data-dir', gw, '--window', '1h'] }),
  'store:check': ({ gw }) => ({ args: ['--data-dir', gw] }),
  'store:backup': ({ gw }) => ({ args: ['--data-dir', gw, '--out', `${gw}-backup`] }),
  'store:restore': ({ gw }) => ({ args: ['--from', `${gw}-backup`, '--data-dir', `${gw}-restored`] }),
  check: ({ op }) => ({ args: [`${op}/no-such-file`, '--config-dir', op], fails: true }),
  doctor: ({ op }, _, target) => ({ args: [target, '--config-dir', op, '--bundle', `${op}-report`] }),
  limits: () => ({ args: [] }),
  quickstart: () => ({ args: [] }),
  lock: ({ gw }) => ({ args: ['operator', 'alice', '--data-dir', gw] }),
  unlock: ({ gw }) => ({ args: ['operator', 'alice', '--data-dir', gw] }),
  'gateway:drain': ({ gw }) => ({ args: ['--data-dir', gw] }),
  'token:revoke': ({ gw }, { other }) => ({ args: ['--token-file', '-', '--data-dir', gw], input: other }),
  // May come too soon after the enrolment on a quick machine; what it says then is looked at too.
  'agent:renew': ({ ag }) => ({ args: ['--data-dir', ag, '--rotate-key'], fails: true }),
  'policy:show': ({ gw }) => ({ args: ['--data-dir', gw] }),
  'policy:explain': ({ gw }, _, target) => ({ args: ['--as', 'alice', target, '--data-dir', gw] }),
  'policy:set': ({ gw }) => ({ args: [`${gw}/none`, '--data-dir', gw], fails: true }),
  'policy:test': ({ gw }) => ({ args: [`${gw}/none`, '--data-dir', gw], fails: true }),
  'policy:diff': ({ gw }) => ({ args: [`${gw}/none`, '--data-dir', gw], fails: true }),
  completion: () => ({ args: ['bash'] }),
  complete: ({ gw }) => ({ args: ['agents', '--data-dir', gw] }),
  'session:watch': ({ gw }) => ({ args: ['--data-dir', `${gw}-none`], fails: true }),
  'agent:revoke': ({ gw }) => ({ args: ['web1', '--data-dir', gw] }),
  'gateway:install': ({ gw }) => ({ args: ['--data-dir', `${gw}-none`], fails: true }),
  'gateway:uninstall': ({ gw }) => ({ args: ['--data-dir', `${gw}-none`], fails: true }),
  'agent:install': ({ ag }) => ({ args: ['--data-dir', `${ag}-none`], fails: true }),
  'agent:uninstall': ({ ag }) => ({ args: ['--data-dir', `${ag}-none`], fails: true }),
  'agent:delete': ({ gw }) => ({ args: ['web1', '--data-dir', gw] }),
  audit: ({ gw }) => ({ args: ['--data-dir', gw, '--limit', '1000'] }),
  'audit:verify': ({ gw }) => ({ args: ['--data-dir', gw] }),
  logout: ({ op }) => ({ args: ['--config-dir', op] }),
  'operator:delete': ({ gw }) => ({ args: ['alice', '--data-dir', gw] }),
};

const NOBODY = '00000000-0000-4000-8000-000000000000';

/** A state file that was cut short, as a text editor or a full disk leaves it: what says so must not quote it. */
const BROKEN: [keyof Folders, string, before: RegExp][] = [
  ['gw', 'signing-keys.json', /"d": "[^"]{20}/],
  ['gw', 'secrets.json', /"link_secret": "[^"]{40}/],
  ['gw', 'ca-key.pem', /KEY-----\n[^-]{70}/],
  ['gw', 'server-key.pem', /KEY-----\n[^-]{70}/],
  ['ag', 'identity-1/key.pem', /KEY-----\n[^-]{70}/],
  ['op', 'login.json', /"credential": "[^"]{30}/],
];

test('no secret leaves its place', { skip: process.platform !== 'linux' && 'reads /proc', timeout: 240_000 }, async (t) => {
  assert.deepEqual(Object.keys(CASES).sort(), Object.keys(commands).sort(), 'a case for every command, in CASES');
  const home = temporaryFolder(t);
  const folders: Folders = { gw: join(home, 'gw'), ag: join(home, 'ag'), op: join(home, 'op') };
  const canaries = new Canaries();
  const password = 'canary-of-a-proxy-password';
  canaries.add('the password of the proxy', password, /^spawned by (connect|rdp|ssh|up)/); // programs of its user's have its user's environment
  canaries.add('user and password of the proxy', `user:${password}`, /^spawned by (connect|rdp|ssh|up)/);
  writeFileSync(`${folders.gw}-passphrase`, 'canary of a passphrase\n', { mode: 0o600 });
  canaries.add('the passphrase', 'canary of a passphrase', /^file gw-passphrase$/);
  const proxy = await startConnectProxy(t, { demands: `user:${password}` });
  const spawned = join(temporaryFolder(t), 'spawned');
  const programs = join(home, 'programs');
  mkdirSync(programs);
  writeFileSync(join(programs, 'systemd-notify'), `#!/bin/sh\ncat /proc/$$/cmdline /proc/$$/environ >> '${spawned}-notify'\n`);
  chmodSync(join(programs, 'systemd-notify'), 0o755);
  const env = {
    HOME: home,
    TMPDIR: home,
    PATH: `${programs}:${process.env['PATH']}`,
    NOTIFY_SOCKET: '/nonexistent/notify',
    HTTPS_PROXY: `http://user:${password}@127.0.0.1:${proxy.port}`,
    ...spawnWatch(spawned),
  };
  const target = `127.0.0.1:${await startTarget(t, (socket) => void socket.pipe(socket))}`;

  const call = async (id: string, { args, input }: Call, ...flags: string[]) => {
    const finished = await tunnel([...id.split(':'), ...args, '--debug', ...flags], { env, ...(input !== undefined && { input }) });
    canaries.look(`output of ${id}`, finished.stdout);
    canaries.look(`errors of ${id}`, finished.stderr);
    return finished;
  };
  const mint = async (kind: string, name: string, ...more: string[]) => {
    const { code, stdout, stderr } = await tunnel(['token', 'mint', '--data-dir', folders.gw, '--kind', kind, '--name', name, '--debug', ...more], { env });
    assert.equal(code, 0, stderr);
    canaries.look('errors of token:mint', stderr);
    const string = stdout.trim();
    canaries.add(`the string of ${name}`, string, /^nowhere$/);
    canaries.add(`the signature of the string of ${name}`, string.split('.')[2] ?? '', /^nowhere$/);
    return string;
  };

  const fresh = await call('ca:init', { args: ['--data-dir', folders.gw] });
  assert.equal(fresh.code, 0, fresh.stderr);
  const gateway = start(t, ['gateway', 'start', ...(CASES['gateway:start']?.(folders, {} as never, target).args ?? []), '--debug'], { env });
  await gateway.event('ready');
  const read = (...path: string[]) => readFileSync(join(home, ...path), 'utf8');
  for (const name of ['ca-key.pem', 'server-key.pem'])
    canaries.addKey(name, read('gw', name), new RegExp(`^file gw(-backup|-restored)?/${name.replace('.pem', '.*pem')}$`));
  const signing = (JSON.parse(read('gw', 'signing-keys.json')) as { keys: { d: string }[] }).keys[0]?.d ?? assert.fail('no signing key');
  canaries.add('the signing key', signing, /^file gw(-backup|-restored)?\/signing-keys\.json$/, [Buffer.from(signing, 'base64url')]);
  const { link_secret } = JSON.parse(read('gw', 'secrets.json')) as { link_secret: string };
  canaries.add('the link secret', link_secret, /^file gw(-backup|-restored)?\/secrets\.json$/, [Buffer.from(link_secret, 'hex')]);

  const strings = {
    agent: await mint('agent', 'web1', '--routes', '127.0.0.0/8', '--ports', '1-65535'),
    operator: await mint('operator', 'alice'),
    admin: await mint('admin', 'root'),
    other: await mint('agent', 'web2'),
  };
  const staying = new Map([['gateway:start', gateway]]);
  for (const [id, make] of Object.entries(CASES)) {
    const made = make(folders, strings, target);
    if (id === 'gateway:start') continue;
    if (made.stays) {
      const running = start(t, [...id.split(':'), ...made.args, '--debug'], { env });
      const { listen } = await running.event('ready');
      staying.set(id, running);
      if (typeof listen === 'string') {
        const client = await dial(t, Number(listen.split(':').at(-1)));
        client.end('through');
        assert.equal(await text(client), 'through');
        await call(id, { args: [...made.args, '--', process.execPath, '-e', ''] });
      }
      continue;
    }
    const before = canaries.leaks.length;
    const { code, stdout, stderr } = await call(id, made, '--json');
    if (!made.fails) assert.equal(code, 0, `${id}: ${stdout}\n${stderr}`);
    assert.equal(canaries.leaks.length, before, `${canaries.leaks}`);
    if (id === 'agent:enroll') canaries.addKey("the agent's key", read('ag', 'identity-1', 'key.pem'), /^file ag\/identity-\d+\/key\.pem$/);
    if (id === 'login') {
      const { credential } = JSON.parse(read('op', 'login.json')) as { credential: string };
      canaries.add('the login', credential, /^file op\/login\.json$/);
    }
    if (id === 'session:open')
      canaries.add('the session token', String((JSON.parse(stdout) as { token: string }).token.split('.')[2]), /^output of session:open$/);
    if (made.input !== undefined) await call(id, made); // as text; what works only once fails now
  }
  for (const { child } of staying.values()) canaries.lookAtChildren(child.pid ?? 0);
  assert.ok(canaries.lookAtChildren(gateway.child.pid ?? 0) >= 1, 'the edge was seen');

  for (const path of [...Object.values(PATHS), `${PATHS.agents}/web1`, `${PATHS.tokens}/web2`]) {
    for (const method of ['GET', 'POST']) canaries.look(`answer of ${method} ${path}`, await ask(join(folders.gw, 'control.sock'), method, path));
  }
  const elsewhere = temporaryFolder(t);
  const { identity } = JSON.parse(read('ag', 'agent.json')) as { identity: string };
  for (const [which, file, before] of BROKEN) {
    const name = file.replace('identity-1', identity);
    const broken = join(elsewhere, name.replace('/', '-')); // its copies are no leak
    cpSync(folders[which] === folders.op ? keptLogin(elsewhere, folders.op) : folders[which], broken, {
      recursive: true,
      filter: (path) => !path.endsWith('.sock') && !path.endsWith('.lock'),
    });
    const whole = readFileSync(join(broken, name), 'utf8');
    const [cut = assert.fail(`${name} is not as expected`)] = before.exec(whole) ?? [];
    writeFileSync(join(broken, name), whole.slice(0, whole.indexOf(cut) + cut.length));
    const at = { ...folders, [which]: broken };
    const ids = { gw: ['gateway:start', 'token:list'], ag: ['agent:start'], op: ['whoami', 'logout'] }[which];
    for (const id of ids) {
      const { args, input } = CASES[id]?.(at, strings, target) ?? assert.fail();
      // What still starts with it is no failure, and has three seconds to say something.
      const said = await run('timeout', ['3', process.execPath, BIN, ...id.split(':'), ...args, '--debug'], { env, ...(input !== undefined && { input }) });
      canaries.look(`output of ${id} on a broken ${name}`, said.stdout);
      canaries.look(`errors of ${id} on a broken ${name}`, said.stderr);
    }
  }
  for (const [id, running] of staying) {
    await running.stop();
    canaries.look(`log of ${id}`, running.stderr());
  }
  canaries.look('children of all', readFileSync(`${spawned}-notify`));
  const starts = readFileSync(spawned, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { by: string[] });
  for (const each of starts) canaries.look(`spawned by ${each.by[0]}`, JSON.stringify(each));
  for (const expected of ['gateway', 'agent', 'connect'])
    assert.ok(
      starts.some(({ by }) => by[0] === expected),
      `${expected} started something`,
    );
  canaries.lookThrough(home);
  t.diagnostic(`${Object.keys(CASES).length} commands, ${canaries.looked} places, ${starts.length} processes started`);
  assert.deepEqual([...new Set(canaries.leaks)], []);
});

test('the search finds what is there', () => {
  const canaries = new Canaries();
  canaries.add('a secret', 'canary-0123456789', /^home$/);
  canaries.look('home', 'canary-0123456789');
  assert.deepEqual(canaries.leaks, []);
  const raw = Buffer.from('canary-0123456789');
  for (const coding of ['latin1', 'base64', 'hex'] as const) canaries.look(coding, `before ${raw.toString(coding)} after`);
  assert.deepEqual(canaries.leaks, ['a secret in latin1', 'a secret in base64', 'a secret in hex']);
});

/** Logged out by now: the login as it was. */
function keptLogin(home: string, op: string): string {
  const kept = join(home, 'kept-op');
  cpSync(op, kept, { recursive: true });
  writeFileSync(
    join(kept, 'login.json'),
    JSON.stringify(
      {
        gateway: 'https://127.0.0.1:1',
        ca_pem: 'PEM',
        operator: 'alice',
        kind: 'operator',
        credential: 'tunnel_login_canary-of-a-credential-that-is-long',
        expires_at: '2030-01-01T00:00:00Z',
      },
      null,
      2,
    ),
    { mode: 0o600 },
  );
  return kept;
}

async function ask(socketPath: string, method: string, path: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const asking = request(
      { socketPath, method, path, headers: { host: 'localhost', 'content-type': 'application/json' } },
      (answer) => void text(answer).then(resolve, reject),
    );
    asking.on('error', reject);
    asking.end(method === 'POST' ? '{}' : undefined);
  });
}
