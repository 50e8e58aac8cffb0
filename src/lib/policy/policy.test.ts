import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatRoute, parseRoute } from '../routing/route.ts';
import { parseAddress } from '../routing/subnet.ts';
import { parseTarget } from '../routing/target.ts';
import { judgeAddress } from './address-guard.ts';
import { activeRoutes } from './advertise.ts';
import { judgeConnect } from './evaluate.ts';
import { defaultPorts, formatPorts, parsePorts, portAllowed } from './ports.ts';
import { BUILT_IN } from './rules.ts';

const routes = (...texts: string[]) => texts.map((text) => parseRoute(text));

for (const [address, carried, byName, allowed] of [
  ['10.0.0.5', ['10.0.0.0/24'], false, true],
  ['10.0.1.5', ['10.0.0.0/24'], false, false],
  ['10.0.1.5', ['10.0.0.0/24'], true, true],
  ['127.0.0.1', ['0.0.0.0/0'], false, false],
  ['127.0.0.1', ['0.0.0.0/0'], true, false],
  ['127.0.0.1', ['127.0.0.0/8'], false, true],
  ['127.0.0.1', ['127.0.0.1'], true, true],
  ['127.0.0.2', ['127.0.0.1'], true, false],
  ['::ffff:127.0.0.1', ['::/0', '0.0.0.0/0'], true, false],
  ['169.254.169.254', ['0.0.0.0/0'], false, false],
  ['169.254.169.254', ['169.254.169.254'], false, true],
  ['::1', ['::/0'], false, false],
  ['::1', ['::1'], false, true],
  ['fe80::1', ['::/0'], true, false],
  ['0.0.0.0', ['0.0.0.0/0'], false, false],
  ['224.0.0.1', ['0.0.0.0/0'], false, false],
  ['fd00:ec2::254', ['fd00::/8'], false, false],
  ['64:ff9b::7f00:1', ['::/0'], true, false],
  ['64:ff9b:1::7f00:1', ['::/0'], true, false],
  ['2002:a9fe:a9fe::1', ['2000::/3'], false, false],
  ['::a9fe:a9fe', ['::/0'], true, false],
] as const) {
  test(`${address} carried as ${carried.join(' ')}${byName ? ', by name' : ''}: ${allowed ? 'dialled' : 'refused'}`, () => {
    const bytes = parseAddress(address);
    assert.ok(bytes);
    assert.equal(judgeAddress(bytes, routes(...carried), byName).allowed, allowed);
  });
}

test('active routes are what is both asked for and allowed', () => {
  const active = activeRoutes(routes('10.0.0.0/24', '*.corp.example', 'fd00::/64'), routes('10.0.0.0/8', 'db.corp.example', '192.168.0.0/16', 'fd00::/64'));
  assert.deepEqual(active.map(formatRoute), ['10.0.0.0/24', 'db.corp.example', 'fd00::/64']);
});

test('ports are read, merged and judged', () => {
  assert.deepEqual(formatPorts(parsePorts('22,3389,1000-2000,1500-2500,2501')), ['22', '1000-2500', '2501', '3389']);
  assert.equal(portAllowed(parsePorts('22,1000-2000'), 1500), true);
  assert.equal(portAllowed(parsePorts('22,1000-2000'), 23), false);
  for (const bad of ['', '0', '65536', '22-', '-22', '30-20', '022', 'ssh', '22,,23', '1-2-3'])
    assert.throws(() => parsePorts(bad), { code: 'ports.malformed' }, bad);
});

for (const [os, port, allowed] of [
  ['win32', 3389, true],
  ['win32', 22, false],
  ['linux', 22, true],
  ['linux', 3389, false],
  ['darwin', 5900, true],
  [null, 22, false],
  [null, 5900, true],
] as const) {
  test(`port ${port} on ${os} by default: ${allowed}`, () => assert.equal(portAllowed(defaultPorts(os), port), allowed));
}

for (const [agents, port, allowed] of [
  [null, 22, true],
  [['web1'], 22, true],
  [['web2'], 22, false],
  [[], 22, false],
  [['web1'], 23, false],
] as const) {
  test(`operator with ${JSON.stringify(agents)} to port ${port}: ${allowed}`, () => {
    const verdict = judgeConnect({
      policy: BUILT_IN,
      operator: { name: 'alice', agents, targets: null },
      agent: { name: 'web1', ports: [[22, 22]] },
      target: parseTarget(`10.0.0.5:${port}`),
    });
    assert.equal(verdict.allowed, allowed);
    assert.notEqual(verdict.line, '');
  });
}
