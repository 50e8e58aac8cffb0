// The commands that cli.md promises to scripts, in one shell script, on three folders of one machine, without a sleep.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { BIN, run, temporaryFolder } from '../support/cli.ts';
import { lacking } from '../support/programs.ts';

const SCRIPT = `
set -eu
tunnel ca init --data-dir gw
tunnel gateway start --data-dir gw --listen 127.0.0.1:0 --proxy-listen 127.0.0.1:0 --json > gateway.out &
echo $! > gateway.pid
read -r line < gateway.out && echo "gateway $line"
tunnel token mint --data-dir gw --kind agent --name web1 --routes '127.0.0.0/8,fd00::/64,*.corp.example' --ports 22,3389,$TARGET_PORT --expires 1h > web1.token
tunnel token mint --data-dir gw --kind operator --name alice --agents web1 --expires 30d > alice.token
echo "enroll $(tunnel agent enroll --token-file web1.token --data-dir ag --json)"
tunnel agent start --data-dir ag --json > agent.out &
echo $! > agent.pid
read -r line < agent.out && echo "agent $line"
echo "login $(tunnel login --token-file - --json < alice.token)"
tunnel connect 127.0.0.1:$TARGET_PORT --json > connect.out &
echo $! > connect.pid
read -r line < connect.out && echo "connect $line"
listen=$(printf '%s' "$line" | sed 's/.*"listen":"\\([^"]*\\)".*/\\1/')
echo "answer $(curl -sS "http://$listen/")"
echo "resolve $(tunnel route resolve 127.0.0.1:$TARGET_PORT --json)"
echo "agents $(tunnel agent list --json)"
session=$(tunnel session open 127.0.0.1:$TARGET_PORT --json)
echo "session $session"
field() { printf '%s' "$session" | sed "s/.*\\"$1\\":\\"\\([^\\"]*\\)\\".*/\\1/"; }
echo "proxied $(curl -sS --proxytunnel --proxy "$(field proxy)" --proxy-cacert "$(field ca_file)" --proxy-user "tunnel:$(field token)" "http://127.0.0.1:$TARGET_PORT/")"
echo "ca $(tunnel ca show --data-dir gw --json)"
echo "audit $(tunnel audit --data-dir gw --json | tr -d '\\n')"
kill $(cat connect.pid) && { wait $(cat connect.pid) || echo "connect-exit $?"; }
kill $(cat agent.pid) && wait $(cat agent.pid) && echo "agent-exit 0"
kill $(cat gateway.pid) && wait $(cat gateway.pid) && echo "gateway-exit 0"
`;

test('what scripts may rely on, as a script', { skip: lacking('sh', 'curl', 'mkfifo') }, async (t) => {
  const folder = temporaryFolder(t);
  const target = createServer((_request, response) => response.end('hello from behind'));
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  t.after(() => target.close());
  const address = target.address();
  assert.ok(address !== null && typeof address === 'object');

  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'tunnel'), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`, { mode: 0o755 });
  for (const pipe of ['gateway.out', 'agent.out', 'connect.out']) assert.equal((await run('mkfifo', [join(folder, pipe)])).code, 0);
  const env = { PATH: `${bin}:${process.env['PATH']}`, TUNNEL_CONFIG_DIR: join(folder, 'op'), TARGET_PORT: String(address.port) };
  const { code, stdout, stderr } = await run('sh', ['-c', `trap 'kill $(cat *.pid) 2>/dev/null || true' EXIT\n${SCRIPT}`], { cwd: folder, env });
  assert.equal(code, 0, `${stdout}\n${stderr}`);

  const said = new Map(
    stdout
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]),
  );
  const json = (what: string) => JSON.parse(said.get(what) ?? 'null') as Record<string, unknown>;
  const keys = (what: string, ...expected: string[]) =>
    assert.deepEqual(
      expected.filter((key) => !(key in json(what))),
      [],
      `${what}: ${said.get(what)}`,
    );

  keys('gateway', 'event', 'url', 'tcp', 'udp', 'pid', 'proxy');
  assert.match(String(json('gateway')['url']), /^https:\/\/127\.0\.0\.1:\d+$/);
  keys('enroll', 'agent_id', 'name', 'gateway', 'not_after');
  assert.equal(json('agent')['event'], 'ready');
  assert.equal(json('agent')['transport'], 'quic');
  assert.deepEqual(json('agent')['routes'], ['127.0.0.0/8', 'fd00::/64', '*.corp.example']);
  keys('login', 'operator', 'gateway', 'expires_at');
  assert.equal(json('login')['operator'], 'alice');
  assert.equal(json('connect')['target'], `127.0.0.1:${address.port}`);
  assert.equal(json('connect')['agent'], 'web1');
  assert.equal(said.get('answer'), 'hello from behind');
  const resolved = json('resolve');
  assert.deepEqual(resolved['decision'], { via: 'agent', agent: 'web1', route: '127.0.0.0/8', rule: 'subnet' });
  assert.equal((resolved['candidates'] as unknown[]).length, 1);
  const [agent] = json('agents')['agents'] as Record<string, unknown>[];
  assert.equal(agent?.['state'], 'online');
  assert.deepEqual(
    agent?.['ports'],
    ['22', '3389', String(address.port)].sort((a, b) => Number(a) - Number(b)),
  );
  assert.equal(json('agents')['next'], null);
  keys('session', 'proxy', 'token', 'ca_file', 'expires_at');
  assert.equal(said.get('proxied'), 'hello from behind');
  assert.equal(json('ca')['issued'], 1);
  for (const audited of ['token.minted', 'agent.enrolled', 'link.opened', 'operator.logged-in', 'session.opened', 'channel.opened'])
    assert.ok(said.get('audit')?.includes(audited), audited);
  assert.equal(said.get('connect-exit'), '130');
  assert.equal(said.get('agent-exit'), '0');
  assert.equal(said.get('gateway-exit'), '0');
});
