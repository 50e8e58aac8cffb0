// Every form of `tunnel connect` that people know from ssh, kubectl and curl, with the programs that they use on it.
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { before, describe, type TestContext, test } from 'node:test';
import { sharedChain } from '../support/chain.ts';
import { BIN, run, start, succeed, tunnel } from '../support/cli.ts';
import { lacking } from '../support/programs.ts';
import { dial, readToEnd, startTarget } from '../support/tcp.ts';
import { wholeSuite } from '../support/whole-suite.ts';

const SENT_BYTES = 4 << 20;

describe('through one chain', () => {
  const whole = wholeSuite();
  const chain = sharedChain({ ports: '1-65534' });
  let web: string;
  before(async () => {
    const server = createServer((request, response) => request.resume().once('end', () => response.end(`${request.method} ${request.url}`)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    whole.after(() => {
      server.closeAllConnections();
      server.close();
    });
    web = String((server.address() as AddressInfo).port);
  });

  const connecting = (t: TestContext, ...args: string[]) => start(t, ['connect', ...args, '--config-dir', chain().operatorFolder]);
  const curl = (...args: string[]) => run('curl', ['-sS', '--max-time', '20', ...args]);

  test('several targets, as kubectl and as ssh write them, each with its line', async (t) => {
    const hello = await startTarget(t, (socket) => socket.end('hello'));
    const running = connecting(t, `127.0.0.1:${hello}`, `0:localhost:${hello}`, '-L', `127.0.0.1:0:127.0.0.1:${hello}`);
    for (const target of [`127.0.0.1:${hello}`, `localhost:${hello}`, `127.0.0.1:${hello}`]) {
      const ready = await running.event('ready');
      assert.deepEqual([ready['target'], ready['agent'], ready['protocol']], [target, 'web1', 'tcp']);
      assert.equal(await text(await dial(t, portOf(ready['listen']))), 'hello');
    }
  });

  test('-D carries curl with names resolved at the agent, addresses of both families, and SOCKS 4a', { skip: lacking('curl') }, async (t) => {
    const { listen, target, protocol } = await connecting(t, '-D', '0').event('ready');
    assert.deepEqual([target, protocol], ['*', 'socks5']);
    for (const way of ['--socks5-hostname', '--socks5', '--socks4a', '--socks4']) {
      const { stdout, stderr } = await curl(way, String(listen), `http://127.0.0.1:${web}/${way.slice(2)}`);
      assert.equal(stdout, `GET /${way.slice(2)}`, stderr);
    }
    for (const way of ['--socks5-hostname', '--socks4a']) {
      const { stdout, stderr } = await curl(way, String(listen), `http://localhost:${web}/named`);
      assert.equal(stdout, 'GET /named', stderr);
    }
    const six = await startTarget(t, (socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nsix'), '::1');
    assert.equal((await curl('--socks5-hostname', String(listen), `http://[::1]:${six}/`)).stdout, 'six');
  });

  test('-D says why not, to the client by the code of RFC 1928, to the person in words', async (t) => {
    const running = connecting(t, '-D', '0');
    const { listen } = await running.event('ready');
    const ask = async (...request: number[]) => {
      const socket = await dial(t, portOf(listen));
      socket.write(Uint8Array.of(5, 1, 0, ...request));
      const answer: Buffer = Buffer.concat(await socket.toArray());
      return [...answer.subarray(0, 4)];
    };
    const loopback = (port: number) => [1, 127, 0, 0, 1, port >> 8, port & 0xff];
    assert.deepEqual(await ask(5, 1, 0, ...loopback(65_535)), [5, 0, 5, 2], 'a port that policy does not allow');
    assert.deepEqual(await ask(5, 1, 0, 1, 192, 0, 2, 1, 0, 80), [5, 0, 5, 3], 'no route');
    assert.deepEqual(await ask(5, 1, 0, ...loopback(1)), [5, 0, 5, 5], 'nobody listens there');
    assert.deepEqual(await ask(5, 2, 0, ...loopback(80)), [5, 0, 5, 7], 'BIND');
    assert.deepEqual(await ask(5, 3, 0, ...loopback(80)), [5, 0, 5, 7], 'UDP ASSOCIATE');
    assert.deepEqual(await ask(5, 1, 0, 9), [5, 0, 5, 8], 'an address type that there is not');
    const insists = await dial(t, portOf(listen));
    insists.write(Uint8Array.of(5, 1, 2));
    assert.deepEqual([...Buffer.concat(await insists.toArray())], [5, 0xff]);
    const http = await dial(t, portOf(listen));
    http.write('GET / HTTP/1.1\r\n\r\n');
    assert.equal((await readToEnd(http)).end, 'reset');
    await running.stop();
    for (const said of [
      /not allowed/,
      /no agent carries 192\.0\.2\.1:80/,
      /refused the connection/,
      /BIND/,
      /UDP ASSOCIATE/,
      /user name/,
      /HTTP to the SOCKS port/,
    ])
      assert.match(running.stderr(), said);
  });

  test('--http carries CONNECT and plain requests, and refuses with a status', { skip: lacking('curl') }, async (t) => {
    const { listen, protocol } = await connecting(t, '--http', '0').event('ready');
    assert.equal(protocol, 'http');
    const through = (...args: string[]) => curl('-x', `http://${listen}`, ...args);
    assert.equal((await through(`http://localhost:${web}/plain`)).stdout, 'GET /plain');
    assert.equal((await through('-p', `http://127.0.0.1:${web}/connect`)).stdout, 'GET /connect');
    assert.equal((await through('-d', 'body', `http://127.0.0.1:${web}/posted`)).stdout, 'POST /posted');
    for (const [url, status] of [
      ['http://192.0.2.1/', '404'],
      ['http://127.0.0.1:65535/', '403'],
      ['http://127.0.0.1:1/', '502'],
    ] as const)
      assert.equal((await through('-o', '/dev/null', '-w', '%{http_code}', url)).stdout, status, url);
    assert.equal((await curl('-o', '/dev/null', '-w', '%{http_code}', `http://${listen}/`)).stdout, '405');
  });

  test('what a program sent before its end arrives, and its end is no failure', async (t) => {
    const arrived = Promise.withResolvers<number>();
    const target = await startTarget(t, (socket) => void readToEnd(socket).then(({ bytes, end }) => arrived.resolve(end === 'fin' ? bytes : -1)));
    const send = `require('node:net').connect(process.env.TUNNEL_PORT, '127.0.0.1').end(Buffer.alloc(${SENT_BYTES}), () => process.exit())`;
    const { code, stderr } = await tunnel(['connect', `127.0.0.1:${target}`, '--config-dir', chain().operatorFolder, '--', process.execPath, '-e', send]);
    assert.deepEqual([code, stderr], [0, '']);
    assert.equal(await arrived.promise, SENT_BYTES);
  });

  test('a program with a proxy filled in', { skip: lacking('curl') }, async () => {
    const args = [
      'connect',
      '-D',
      '0',
      '--config-dir',
      chain().operatorFolder,
      '--',
      'curl',
      '-sS',
      '--socks5-hostname',
      '{addr}',
      `http://localhost:${web}/filled`,
    ];
    const { code, stdout, stderr } = await tunnel(args);
    assert.deepEqual([code, stdout], [0, 'GET /filled'], stderr);
  });

  test('unix sockets are private, are gone with the command, and are not taken from others', { skip: lacking('curl') }, async (t) => {
    const [first, second] = [join(chain().folder, 'a.sock'), join(chain().folder, 'b.sock')];
    const running = connecting(t, `127.0.0.1:${web}`, '--listen', `unix:${first}`);
    assert.equal((await running.event('ready'))['listen'], `unix:${first}`);
    const other = connecting(t, '-L', `${second}:127.0.0.1:${web}`);
    await other.event('ready');
    for (const path of [first, second]) {
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.equal((await curl('--unix-socket', path, 'http://x/over')).stdout, 'GET /over');
    }
    const taken = await tunnel(['connect', `127.0.0.1:${web}`, '--listen', `unix:${first}`, '--config-dir', chain().operatorFolder, '--json']);
    assert.equal(taken.code, 8);
    await running.stop();
    assert.throws(() => statSync(first), { code: 'ENOENT' });
    assert.equal((await curl('--unix-socket', second, 'http://x/still')).stdout, 'GET /still');
  });

  test('-f comes back when it is ready, with a pid, and the log is private', { skip: process.platform === 'win32' }, async (t) => {
    const hello = await startTarget(t, (socket) => socket.end('hello'));
    const { stdout } = await succeed(['connect', '-f', `127.0.0.1:${hello}`, '--config-dir', chain().operatorFolder, '--json']);
    const [ready, background] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const pid = Number(background?.['pid']);
    t.after(() => process.kill(pid, 'SIGKILL'));
    assert.deepEqual([ready?.['event'], ready?.['agent'], background?.['event']], ['ready', 'web1', 'background']);
    const [port, log] = [portOf(ready?.['listen']), String(background?.['log'])];
    assert.equal(await text(await dial(t, port)), 'hello');
    assert.equal(statSync(log).mode & 0o777, 0o600);
    assert.match(readFileSync(log, 'utf8'), /"event":"ready"/);
    const failed = await tunnel(['connect', '-f', '192.0.2.1:80', '--config-dir', chain().operatorFolder, '--json']);
    assert.deepEqual([failed.code, (failed.json()['error'] as { code: string }).code], [5, 'route.none']);
    const held = connect(port, '127.0.0.1').on('error', () => {});
    t.after(() => held.destroy());
  });

  test('what ssh has and this has not is refused by name; -N changes nothing', async () => {
    const refused = async (...args: string[]) => {
      const { code, stdout } = await tunnel(['connect', '--config-dir', chain().operatorFolder, '--json', ...args]);
      return [code, (JSON.parse(stdout) as { error: { message: string } }).error.message] as const;
    };
    for (const flag of ['-R', '-J']) {
      const [code, message] = await refused(flag, '8080:127.0.0.1:80');
      assert.equal(code, 2);
      assert.match(message, new RegExp(`^${flag}.* is reserved`));
    }
    assert.equal((await refused('-W', '-D', '1080'))[0], 2);
    assert.equal((await refused('-f', '127.0.0.1:80', '--', 'true'))[0], 2);
    const answer = await tunnel(['connect', '-N', `127.0.0.1:${web}`, '--config-dir', chain().operatorFolder, '--', process.execPath, '-e', '0']);
    assert.equal(answer.code, 0, answer.stderr);
  });

  test('an agent by name, and one that there is not, also for a proxy', async () => {
    const unknown = await tunnel(['connect', '-D', '0', '--agent', 'nobody', '--config-dir', chain().operatorFolder, '--json']);
    assert.deepEqual([unknown.code, (unknown.json()['error'] as { code: string }).code], [5, 'agent.unknown']);
  });

  test('-W is what ssh calls --stdio', async (t) => {
    const hello = await startTarget(t, (socket) => socket.end('SSH-2.0-hello\r\n'));
    const { stdout } = await run(process.execPath, [BIN, 'connect', '-W', `127.0.0.1:${hello}`, '--config-dir', chain().operatorFolder]);
    assert.equal(stdout, 'SSH-2.0-hello\r\n');
  });
});

function portOf(listen: unknown): number {
  return Number(/:(\d+)$/.exec(String(listen))?.[1]);
}
