// What people type for a forward, and what it means.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TunnelError } from '../../base/errors.ts';
import { addressOf, fillIn } from './command.ts';
import { planForwards, type Wanted } from './plan.ts';

const NOTHING: Wanted = { targets: [], local: [], socks: [], http: [], listen: undefined, alternates: [], single: undefined };

const spec = (address: string, port: number, target: string) => ({ listen: { address, port }, protocol: 'tcp', target });
const proxy = (protocol: string, address: string, port: number) => ({ listen: { address, port }, protocol, target: '*' });
const onPath = (path: string, target: string) => ({ listen: { path }, protocol: 'tcp', target });

for (const [name, wanted, specs] of [
  ['a target', { targets: ['10.0.0.5:3389'] }, [spec('127.0.0.1', 0, '10.0.0.5:3389')]],
  ['an IPv6 target', { targets: ['[FD00::1]:22'] }, [spec('127.0.0.1', 0, '[fd00::1]:22')]],
  ['as kubectl writes it', { targets: ['8080:db.corp.example:80'] }, [spec('127.0.0.1', 8080, 'db.corp.example:80')]],
  ['as kubectl writes it, IPv6', { targets: ['8080:[fd00::1]:80'] }, [spec('127.0.0.1', 8080, '[fd00::1]:80')]],
  ['as ssh writes it', { local: ['8080:intranet:80'] }, [spec('127.0.0.1', 8080, 'intranet:80')]],
  ['as ssh writes it, IPv6', { local: ['8080:[::1]:80'] }, [spec('127.0.0.1', 8080, '[::1]:80')]],
  ['as ssh writes it, bound', { local: ['192.0.2.1:8080:intranet:80'] }, [spec('192.0.2.1', 8080, 'intranet:80')]],
  ['as ssh writes it, bound to IPv6', { local: ['[::1]:8080:intranet:80'] }, [spec('::1', 8080, 'intranet:80')]],
  ['as ssh writes it, bound to all', { local: ['*:8080:intranet:80'] }, [spec('0.0.0.0', 8080, 'intranet:80')]],
  ['as ssh writes it, localhost', { local: ['localhost:0:intranet:80'] }, [spec('127.0.0.1', 0, 'intranet:80')]],
  ['--listen', { targets: ['a.example:1'], listen: '[::1]:99' }, [spec('::1', 99, 'a.example:1')]],
  ['--listen with a port alone', { targets: ['a.example:1'], listen: '99' }, [spec('127.0.0.1', 99, 'a.example:1')]],
  ['a unix socket', { targets: ['a.example:1'], listen: 'unix:/run/a.sock' }, [onPath('/run/a.sock', 'a.example:1')]],
  ['a unix socket as ssh writes it', { local: ['/run/a.sock:[fd00::1]:80'] }, [onPath('/run/a.sock', '[fd00::1]:80')]],
  ['SOCKS5', { socks: ['1080'] }, [proxy('socks5', '127.0.0.1', 1080)]],
  ['SOCKS5, bound', { socks: ['[::1]:1080'] }, [proxy('socks5', '::1', 1080)]],
  ['an HTTP proxy for a command', { http: ['0'], single: 'forward' }, [proxy('http', '127.0.0.1', 0)]],
  [
    'both proxies and a target',
    { targets: ['a.example:1'], socks: ['1080'], http: ['*:3128'] },
    [spec('127.0.0.1', 0, 'a.example:1'), proxy('socks5', '127.0.0.1', 1080), proxy('http', '0.0.0.0', 3128)],
  ],
  [
    'several',
    { targets: ['a.example:1', '2:b.example:2'], local: ['3:c.example:3'] },
    [spec('127.0.0.1', 0, 'a.example:1'), spec('127.0.0.1', 2, 'b.example:2'), spec('127.0.0.1', 3, 'c.example:3')],
  ],
] as const) {
  test(name, () => assert.deepEqual(planForwards({ ...NOTHING, ...wanted }).specs, specs));
}

for (const [name, wanted, code] of [
  ['nothing', {}, 'usage.missing-value'],
  ['no port', { targets: ['10.0.0.5'] }, 'target.malformed'],
  ['port 0', { targets: ['10.0.0.5:0'] }, 'target.malformed'],
  ['IPv6 without brackets', { targets: ['fd00::1:22'] }, 'target.malformed'],
  ['a local port too large', { targets: ['65536:a.example:1'] }, 'address.malformed'],
  ['-L without a port', { local: ['intranet:80'] }, 'address.malformed'],
  ['-L bound to a name', { local: ['gw.example:80:intranet:80'] }, 'address.malformed'],
  ['-L to a target without port', { local: ['80:intranet'] }, 'address.malformed'],
  ['--listen that is none', { targets: ['a.example:1'], listen: 'somewhere' }, 'address.malformed'],
  ['--listen for two', { targets: ['a.example:1', 'b.example:1'], listen: '1' }, 'usage'],
  ['--stdio for two', { targets: ['a.example:1', 'b.example:1'], single: 'target' }, 'usage'],
  ['a proxy on standard input', { socks: ['1080'], single: 'target' }, 'usage'],
  ['--listen for a proxy', { socks: ['1080'], listen: '99' }, 'usage'],
  ['a proxy on a name', { socks: ['example:1080'] }, 'address.malformed'],
  ['a folder in place of a socket', { targets: ['a.example:1'], listen: 'unix:/run/' }, 'address.malformed'],
  ['a path that begins nowhere', { targets: ['a.example:1'], listen: 'unix:a.sock' }, 'address.malformed'],
  ['an alternate for two', { targets: ['a.example:1', 'b.example:1'], alternates: ['c.example:1'] }, 'usage'],
  ['an alternate that is none', { targets: ['a.example:1'], alternates: ['c.example'] }, 'target.malformed'],
] as const) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => planForwards({ ...NOTHING, ...wanted }),
      (error) => error instanceof TunnelError && error.code === code && error.kind === 'usage' && error.hint !== undefined,
    );
  });
}

test('a command gets the address filled in', () => {
  const address = addressOf('[::1]:5432');
  assert.deepEqual(address, { host: '::1', port: '5432', addr: '[::1]:5432' });
  assert.equal(fillIn('psql://{host}/{port}/{addr}/{other}', address), 'psql://::1/5432/[::1]:5432/{other}');
});
