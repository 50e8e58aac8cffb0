// The wizard in a real terminal, from nothing to a connection on one machine; left in the middle and taken up again; without a terminal.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { sharedChain } from '../support/chain.ts';
import { BIN, succeed, temporaryFolder, tunnel } from '../support/cli.ts';
import { lacking } from '../support/programs.ts';
import { dial, startTarget } from '../support/tcp.ts';
import { openTerminal, type Terminal } from '../support/terminal.ts';

test('from nothing to a connection, left and taken up again', { skip: lacking('tmux'), timeout: 280_000 }, async (t) => {
  const folder = temporaryFolder(t);
  const open = async (name: string) =>
    await openShell(t, folder, { TUNNEL_DATA_DIR: join(folder, name), ...(name === 'op' && { TUNNEL_CONFIG_DIR: join(folder, name) }) });
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

/** Questions in their order, and what is pressed at each. */
type Dialogue = readonly (readonly [asks: RegExp, ...keys: string[]])[];

const WHAT = /What shall this machine be\?/;
const ADD_OPERATOR = /Add an operator/;
const LEFT = /goes on from here[\s\S]*shell> *\n*$/;

describe('beside a gateway and an agent', () => {
  const shared = sharedChain();

  test('left by Ctrl-C at every question: what is there was made by whole commands', { skip: lacking('tmux'), timeout: 280_000 }, async (t) => {
    const chain = shared();
    const folder = temporaryFolder(t);
    const shell = await openShell(t, folder, { TUNNEL_DATA_DIR: 'state', TUNNEL_CONFIG_DIR: 'login' });
    const url = 'https://127.0.0.1:8443';
    const mint = (at: string, kind: string, name: string, ...more: string[]) =>
      succeed(['token', 'mint', '--kind', kind, '--name', name, ...more, '--out', `${name}.token`], {
        cwd: join(folder, at),
        env: { TUNNEL_DATA_DIR: 'state' },
      });
    /** What a folder holds after the commands alone. */
    const after = async (...commands: ((at: string) => Promise<unknown>)[]) => {
      mkdirSync(join(folder, 'alone'), { recursive: true });
      for (const command of commands) await command('alone');
      const seen = everything(join(folder, 'alone'));
      rmSync(join(folder, 'alone'), { recursive: true });
      return seen;
    };
    const caInit = (at: string) => succeed(['ca', 'init', '--data-dir', join(folder, at, 'state')]);
    const forAgent = (at: string) => mint(at, 'agent', 'web1', '--routes', '10.0.0.0/24', '--public-url', url);
    const forOperator = (at: string) => mint(at, 'operator', 'alice', '--public-url', url);
    const [nothing, ca, oneString, bothStrings] = [[], await after(caInit), await after(caInit, forAgent), await after(caInit, forAgent, forOperator)];
    const address: Dialogue = [
      [WHAT, 'Enter'],
      [/Folder for its state/, 'Enter'],
      [/Where do agents and operators reach it\?/, 'Up', 'Enter'],
      [/Its URL/, url, 'Enter'],
    ];
    const agentToo: Dialogue = [
      ...address,
      [/Add an agent/, 'Enter'],
      [/Name of the agent/, 'web1', 'Enter'],
      [/What it may reach/, '10.0.0.0/24', 'Enter'],
      [ADD_OPERATOR],
    ];
    const operatorToo: Dialogue = [
      ...address,
      [/Add an agent/, 'n', 'Enter'],
      [ADD_OPERATOR, 'Enter'],
      [/Name of the operator/, 'alice', 'Enter'],
      [/Start the gateway\?/],
    ];
    const leaveAt = async (dialogue: Dialogue, at: number, name: string) => {
      mkdirSync(join(folder, name), { recursive: true });
      await shell.press(`clear; cd ${join(folder, name)}; tunnel wizard`, 'Enter');
      for (const [asks, ...keys] of dialogue.slice(0, at)) {
        await shell.sees(asks);
        await shell.press(...keys);
      }
      await shell.sees(dialogue[at]?.[0] ?? WHAT);
      await shell.press('C-c');
      await shell.sees(LEFT);
      return everything(join(folder, name));
    };
    for (const at of agentToo.keys())
      assert.deepEqual(await leaveAt(agentToo, at, 'gateway'), at < 2 ? nothing : at < 7 ? ca : oneString, String(agentToo[at]?.[0]));
    assert.deepEqual(await leaveAt(operatorToo, 6, 'gateway'), oneString);
    assert.deepEqual(await leaveAt(operatorToo, 7, 'gateway'), bothStrings);

    await succeed(['token', 'mint', '--data-dir', chain.gatewayFolder, '--kind', 'agent', '--name', 'second', '--out', join(folder, 'second.token')]);
    await succeed(['token', 'mint', '--data-dir', chain.gatewayFolder, '--kind', 'operator', '--name', 'bob', '--out', join(folder, 'bob.token')]);
    const agent: Dialogue = [
      [WHAT, 'Down', 'Enter'],
      [/Folder for its state/, 'Enter'],
      [/File with the string/, '../second.token', 'Enter'],
      [/Start the agent\?/],
    ];
    for (const at of [0, 1, 2]) assert.deepEqual(await leaveAt(agent, at, 'agent'), nothing);
    const enrolled = await leaveAt(agent, 3, 'agent');
    assert.deepEqual(
      enrolled.filter((path) => !path.endsWith('agent.lock')),
      ['state', 'state/agent.json', 'state/identity-1', 'state/identity-1/ca.pem', 'state/identity-1/cert.pem', 'state/identity-1/key.pem'],
    );
    const operator: Dialogue = [
      [WHAT, 'Up', 'Enter'],
      [/File with the login string/, '../bob.token', 'Enter'],
      [/Target, HOST:PORT/, '127.0.0.1:80', 'Enter'],
      [/How\?/],
    ];
    await shell.press('unset TUNNEL_DATA_DIR', 'Enter'); // it would be the gateway's
    for (const at of [0, 1]) assert.deepEqual(await leaveAt(operator, at, 'operator'), nothing);
    const loggedIn = await leaveAt(operator, 2, 'operator');
    assert.ok(loggedIn.includes('login/login.json'), String(loggedIn));
    assert.deepEqual(await leaveAt([operator[0] ?? [WHAT], ...operator.slice(2)], 2, 'operator'), loggedIn);
  });

  test('ssh, a desktop, a profile, and a service', { skip: lacking('tmux'), timeout: 280_000 }, async (t) => {
    const chain = shared();
    const hello = await startTarget(t, (socket) => void socket.end('hello'));
    for (const [name, says] of [
      ['ssh', 'ssh was told'],
      ['xfreerdp3', 'the desktop was told'],
    ] as const)
      writeFileSync(join(binFolder(chain.folder), name), `#!/bin/sh\necho "${says} $*"\n`, { mode: 0o755 });
    const shell = await openShell(t, chain.folder, { TUNNEL_DATA_DIR: chain.gatewayFolder, TUNNEL_CONFIG_DIR: chain.operatorFolder });
    const wizard = async (dialogue: Dialogue, sees: RegExp) => {
      await shell.press('clear; tunnel wizard', 'Enter');
      for (const [asks, ...keys] of dialogue) {
        await shell.sees(asks);
        await shell.press(...keys);
      }
      return await shell.sees(sees);
    };
    const connect = (target: string, ...how: string[]): Dialogue => [
      [WHAT, 'Up', 'Enter'],
      [/Logged in as alice[\s\S]*Target, HOST:PORT/, target, 'Enter'],
      [/How\?/, ...how, 'Enter'],
    ];
    const done = (what: string) => new RegExp(`${what}[\\s\\S]*shell> *\\n*$`);
    await wizard(connect('127.0.0.1:22'), done('\\$ tunnel ssh 127\\.0\\.0\\.1\\n[\\s\\S]*ssh was told [\\s\\S]*ProxyCommand'));
    await wizard(connect('127.0.0.1:3389'), done('\\$ tunnel rdp 127\\.0\\.0\\.1:3389\\n[\\s\\S]*the desktop was told .*\\.rdp'));

    t.after(() => tunnel(['down', '127.0.0.1', '--config-dir', chain.operatorFolder]));
    const shown = await wizard(connect(`127.0.0.1:${hello}`, 'Down'), done('\\$ tunnel profile save[\\s\\S]*\\$ tunnel up 127\\.0\\.0\\.1\\n[\\s\\S]*is up'));
    const [, listen] = /listening 127\.0\.0\.1:(\d+)/.exec(shown) ?? [];
    assert.equal(await text(await dial(t, Number(listen))), 'hello');

    // Where no service can be, the command says so, and the wizard ends with its words.
    await chain.gateway.stop();
    const service: Dialogue = [
      [WHAT, 'Enter'],
      [/Folder for its state/, 'Enter'],
      [/Add an agent/, 'n', 'Enter'],
      [/Add an operator/, 'n', 'Enter'],
      [/Start the gateway\?/, 'Down', 'Enter'],
    ];
    if (!existsSync('/run/systemd/system')) await wizard(service, done('\\$ tunnel gateway install\\n[\\s\\S]*error: [\\s\\S]*ended with exit code 1'));
  });
});

test('without a terminal: exit 2, and the commands', async () => {
  for (const args of [['wizard'], ['wizard', '--json']]) {
    const { code, stdout, stderr } = await tunnel(args);
    assert.equal(code, 2);
    assert.match(stdout + stderr, /no terminal[\s\S]*tunnel ca init/);
  }
});

/** A shell that knows `tunnel`, in that folder, which is its home. */
async function openShell(t: TestContext, folder: string, env: Readonly<Record<string, string>>): Promise<Terminal> {
  const bin = binFolder(folder);
  writeFileSync(join(bin, 'tunnel'), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`, { mode: 0o755 });
  return await openTerminal(t, folder, { HOME: folder, PATH: `${bin}:${process.env['PATH']}`, NO_COLOR: '1', ...env });
}

function binFolder(folder: string): string {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  return join(folder, 'bin');
}

/** Paths below a folder, sorted. */
function everything(folder: string): string[] {
  return readdirSync(folder, { recursive: true }).map(String).sort();
}

/** A person names one; this one was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
