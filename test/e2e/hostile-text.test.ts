// Text that a gateway, an agent or a target has made up: no control character, no bidi override and no line of theirs reaches the terminal of whoever works there.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startAgent } from '../../src/lib/agent/start.ts';
import { TunnelError } from '../../src/lib/base/errors.ts';
import type { World } from '../../src/lib/base/world.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { type Chain, startChain } from '../support/chain.ts';
import { BIN, succeed } from '../support/cli.ts';
import { lacking } from '../support/programs.ts';
import { spoilingGateway } from '../support/spoiling-gateway.ts';
import { startTarget } from '../support/tcp.ts';
import { openTerminal, type Terminal } from '../support/terminal.ts';

const EVIL = 'evil\u001b[31m\u001b]0;mine\u0007\u009b2J\u202e\u2066\r\nFORGED line';
/** All but line breaks, which the terminal makes CR LF, and tabs; of escape sequences our own status line and what shells do to their prompt. */
const RAW = /(?!\n|\t)[\p{Cc}\p{Cf}]/u;
const OURS = ['\r\u001b[K', '\u001b[K', '\u001b[?2004h', '\u001b[?2004l'];

/** As we escape it, again in JSON, or as YAML does. */
const SHOWN = /evil\\+(u00|e)/;
/** What is no name is left out. */
const SHOWS_NAMES_ALONE = /^tunnel complete /;

/** Runs each in a terminal; all that was written to it must be harmless, and every command must have shown some of the text. */
async function show(t: TestContext, folder: string, commands: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'tunnel'), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`, { mode: 0o755 });
  const terminal: Terminal = await openTerminal(t, folder, { HOME: folder, NO_COLOR: '1', PATH: `${bin}:${process.env['PATH']}`, ...env });
  const faults: string[] = [];
  for (const [index, command] of commands.entries()) {
    const before = terminal.written().length;
    await terminal.press(`${command}; echo DONE-$((${index}+1000))`, 'Enter');
    await terminal.sees(new RegExp(`DONE-${index + 1000}`));
    const shown = OURS.reduce((text, ours) => text.replaceAll(ours, ''), terminal.written().slice(before));
    if (RAW.test(shown.replaceAll(/\r+\n/g, '\n'))) faults.push(`raw characters: ${JSON.stringify(shown)}`);
    if (/^\s*FORGED/m.test(shown)) faults.push(`a line of its own: ${shown}`);
    if (!SHOWN.test(shown) && !SHOWS_NAMES_ALONE.test(command)) faults.push(`nothing of it: ${shown}`);
  }
  assert.deepEqual(faults, []);
}

test('a gateway gone bad', { skip: lacking('tmux'), timeout: 120_000 }, async (t) => {
  const chain = await startChain(t);
  const { folder, gatewayFolder } = chain;
  await succeed(['token', 'mint', '--data-dir', gatewayFolder, '--kind', 'admin', '--name', 'root', '--out', join(folder, 'root.token')]);
  const login = join(folder, 'root');
  await succeed(['login', '--token-file', join(folder, 'root.token'), '--config-dir', login]);
  const bad = await spoilingGateway(t, String(chain.ready['url']), EVIL);
  const file = join(login, 'login.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), gateway: bad.url, ca_pem: bad.caPem }), { mode: 0o600 });
  const target = `127.0.0.1:${await startTarget(t, (socket) => socket.end('hello'))}`;
  const commands = [
    'tunnel whoami',
    'tunnel agent list',
    'tunnel agent show web1',
    'tunnel agent show nobody',
    'tunnel agent set web1 --weight 101',
    'tunnel complete agents',
    'tunnel route list',
    `tunnel route resolve ${target}`,
    'tunnel route resolve 192.0.2.1:22',
    'tunnel operator list',
    'tunnel token list',
    'tunnel audit',
    'tunnel audit --json',
    'tunnel policy show',
    `tunnel policy explain --as alice ${target}`,
    'tunnel ssh-config',
    'tunnel gateway status',
    'tunnel lock agent web1',
    'tunnel unlock agent web1',
    `tunnel doctor ${target}`,
    `timeout -s INT 4 tunnel connect ${target} --wait 10s`,
    'tunnel session list --ended',
  ];
  await show(t, folder, commands, { TUNNEL_CONFIG_DIR: login });
  t.diagnostic(`${bad.spoilt()} strings were spoilt`);
});

/** An agent whose way to targets and to UDP fails with words of its own. */
async function hostileAgent(t: TestContext, { agentFolder }: Chain, evilPort: number): Promise<void> {
  const real = realWorld({ level: 'silent' });
  const refuse = () => {
    throw new TunnelError('target.refused', EVIL);
  };
  const connect: World['net']['connect'] = (to, signal) => ('port' in to && to.port === evilPort ? refuse() : real.net.connect(to, signal));
  const agent = await startAgent({ dataDir: agentFolder }, { ...real, net: { ...real.net, connect, bindUdp: refuse } });
  t.after(() => agent.close());
  await agent.online(t.signal);
}

test('an agent and a target gone bad', { skip: lacking('tmux'), timeout: 120_000 }, async (t) => {
  const chain = await startChain(t);
  await chain.agent.stop();
  const banner = await startTarget(t, (socket) => void socket.end(`${EVIL}\r\n`));
  const web = await startTarget(t, (socket) => void socket.once('data', () => socket.end(`HTTP/1.1 500 ${EVIL}\r\nX-Evil: ${EVIL}\r\n\r\n${EVIL}`)));
  const refused = await startTarget(t, () => {});
  await hostileAgent(t, chain, refused);
  writeFileSync(
    join(chain.folder, 'smoke.yaml'),
    JSON.stringify({
      checks: [
        { target: `127.0.0.1:${banner}`, banner: 'SSH-2.0' },
        { target: `127.0.0.1:${web}`, http: { path: '/', contains: 'ok' } },
        { target: `127.0.0.1:${refused}` },
      ],
    }),
  );
  const commands = [
    `tunnel doctor 127.0.0.1:${banner} --protocol ssh`,
    `tunnel doctor 127.0.0.1:${banner} --protocol any`,
    `tunnel doctor 127.0.0.1:${refused}`,
    'tunnel check smoke.yaml',
    `tunnel connect --stdio 127.0.0.1:${refused}`,
    `tunnel connect 127.0.0.1:${refused} -- sh -c 'cat < /dev/null | timeout 3 nc 127.0.0.1 {port}'`,
    'tunnel agent show web1',
    `tunnel audit --data-dir '${chain.gatewayFolder}' --code channel`,
  ];
  await show(t, chain.folder, commands, { TUNNEL_CONFIG_DIR: chain.operatorFolder });
});
