// The wizard in a real terminal, from nothing to a connection on one machine; left in the middle and taken up again; without a terminal.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { BIN, temporaryFolder, tunnel } from '../support/cli.ts';
import { lacking } from '../support/programs.ts';
import { dial, startTarget } from '../support/tcp.ts';
import { openTerminal } from '../support/terminal.ts';

test('from nothing to a connection, left and taken up again', { skip: lacking('tmux'), timeout: 280_000 }, async (t) => {
  const folder = temporaryFolder(t);
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'tunnel'), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`, { mode: 0o755 });
  const open = async (name: string) =>
    await openTerminal(t, folder, {
      HOME: folder,
      PATH: `${bin}:${process.env['PATH']}`,
      NO_COLOR: '1',
      TUNNEL_DATA_DIR: join(folder, name),
      ...(name === 'op' && { TUNNEL_CONFIG_DIR: join(folder, name) }),
    });
  const hello = await startTarget(t, (socket) => void socket.end('hello'));

  const gateway = await open('gw');
  await gateway.press('tunnel wizard', 'Enter');
  await gateway.sees(/What shall this machine be\?/);
  await gateway.press('C-c');
  await gateway.sees(/goes on from here[\s\S]*shell>/);
  assert.ok(!existsSync(join(folder, 'gw')), 'nothing was made');
  await gateway.press('clear; tunnel wizard', 'Enter');
  await gateway.sees(/What shall this machine be\?/);
  await gateway.press('Enter');
  await gateway.sees(/Folder for its state/);
  await gateway.press('Enter');
  await gateway.sees(/\$ tunnel ca init[\s\S]*Where do agents and operators reach it\?/);
  await gateway.press('C-c');
  await gateway.sees(/goes on from here[\s\S]*shell>/);
  assert.deepEqual(
    readdirSync(join(folder, 'gw'))
      .filter((name) => name.endsWith('.pem'))
      .sort(),
    ['ca-cert.pem', 'ca-key.pem'],
  );

  await gateway.press('clear; tunnel wizard', 'Enter');
  await gateway.sees(/go on with the one that is here/);
  await gateway.press('Enter');
  await gateway.sees(/Folder for its state/);
  await gateway.press('Enter');
  await gateway.sees(/The CA is there[\s\S]*Where do agents and operators reach it\?/);
  await gateway.press('Up');
  await gateway.sees(/❯ another name/);
  await gateway.press('Enter');
  await gateway.sees(/Its URL/);
  const port = await freePort();
  await gateway.press(`https://127.0.0.1:${port}`, 'Enter');
  await gateway.sees(/Add an agent/);
  await gateway.press('Enter');
  await gateway.sees(/Name of the agent/);
  await gateway.press('Not A Name', 'Enter');
  await gateway.sees(/is not a name/);
  await gateway.press('C-u', 'web1', 'Enter');
  await gateway.sees(/What it may reach/);
  await gateway.press('127.0.0.0/8', 'Enter');
  await gateway.sees(/\$ tunnel token mint .*--name web1 .*--out web1\.token[\s\S]*Add an operator/);
  await gateway.press('Enter');
  await gateway.sees(/Name of the operator/);
  await gateway.press('alice', 'Enter');
  await gateway.sees(/Bring alice\.token[\s\S]*Start the gateway\?/);
  await gateway.press('Enter');
  await gateway.sees(/\$ tunnel gateway start --listen 127\.0\.0\.1:\d+ --public-url https:\/\/127\.0\.0\.1:\d+\s+ready https:\/\/127/);
  assert.equal(statSync(join(folder, 'web1.token')).mode & 0o777, 0o600);

  const agent = await open('ag');
  await agent.press('tunnel wizard', 'Enter');
  await agent.sees(/What shall this machine be\?/);
  await agent.press('Down');
  await agent.sees(/❯ an agent/);
  await agent.press('Enter');
  await agent.sees(/Folder for its state/);
  await agent.press('Enter');
  await agent.sees(/File with the string/);
  await agent.press('web1.token', 'Enter');
  await agent.sees(/\$ tunnel agent enroll[\s\S]*enrolled web1[\s\S]*Start the agent\?/);
  await agent.press('Enter');
  await agent.sees(/\$ tunnel agent start[\s\S]*(linked|ready|online)/);

  const operator = await open('op');
  await operator.press('unset TUNNEL_DATA_DIR; tunnel wizard', 'Enter');
  await operator.sees(/What shall this machine be\?/);
  await operator.press('Up');
  await operator.sees(/❯ mine/);
  await operator.press('Enter');
  await operator.sees(/File with the login string/);
  await operator.press('alice.token', 'Enter');
  await operator.sees(/\$ tunnel login[\s\S]*web1[\s\S]*Target, HOST:PORT/);
  await operator.press(`127.0.0.1:22`, 'Enter');
  await operator.sees(/How\?/);
  await operator.press('C-c');
  await operator.sees(/goes on from here[\s\S]*shell>/);
  await operator.press('clear; tunnel wizard', 'Enter');
  await operator.sees(/What shall this machine be\?/);
  await operator.press('Up');
  await operator.sees(/❯ mine/);
  await operator.press('Enter');
  await operator.sees(/Logged in as alice[\s\S]*Target, HOST:PORT/);
  await tunnel(['agent', 'set', 'web1', '--ports', '1-65535', '--data-dir', join(folder, 'gw')]);
  await operator.press(`127.0.0.1:${hello}`, 'Enter');
  await operator.sees(/How\?/);
  await operator.press('Enter');
  const shown = await operator.sees(/listening 127\.0\.0\.1:\d+ -> /);
  const [, listen] = /listening 127\.0\.0\.1:(\d+)/.exec(shown) ?? [];
  assert.equal(await text(await dial(t, Number(listen))), 'hello');
  await operator.press('C-c');
  await operator.sees(/shell> *\n*$/);
  await gateway.press('C-c');
  await agent.press('C-c');
  await gateway.sees(/shell> *\n*$/);
  await agent.sees(/shell> *\n*$/);
});

test('without a terminal: exit 2, and the commands', async () => {
  for (const args of [['wizard'], ['wizard', '--json']]) {
    const { code, stdout, stderr } = await tunnel(args);
    assert.equal(code, 2);
    assert.match(stdout + stderr, /no terminal[\s\S]*tunnel ca init/);
  }
});

/** A person names one; this one was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
