// Settings of Node that a service does not run in, and those that are nobody's business but their owner's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuseUnsafe } from './surroundings.ts';

for (const [setting, environment, options] of [
  ['--tls-keylog', { NODE_OPTIONS: '--no-warnings --tls-keylog=keys.log' }, []],
  ['--tls_keylog', { NODE_OPTIONS: '--tls_keylog=keys.log' }, []],
  ['--inspect', { NODE_OPTIONS: '"--inspect=0.0.0.0:9229"' }, []],
  ['--inspect-brk', {}, ['--inspect-brk']],
  ['--tls-min-v1.0', { NODE_OPTIONS: '--tls-min-v1.0' }, []],
  ['--heapsnapshot-signal', {}, ['--heapsnapshot-signal=SIGUSR2']],
  ['--report-on-signal', { NODE_OPTIONS: '--report-on-signal' }, []],
  ['NODE_DEBUG', { NODE_DEBUG: 'http,tls' }, []],
  ['NODE_DEBUG_NATIVE', { NODE_DEBUG_NATIVE: 'tls' }, []],
] as const) {
  test(`${setting} is refused by name, without its value`, () => {
    assert.throws(() => refuseUnsafe(environment, options), {
      code: 'environment.unsafe',
      kind: 'forbidden',
      message: new RegExp(`^${setting} is set, which `),
    });
  });
}

test('memory, certificates and code of the owner’s choice are fine', () => {
  refuseUnsafe({}, []);
  refuseUnsafe({ NODE_OPTIONS: '--max-old-space-size=512 --import ./watch.js --no-warnings', NODE_EXTRA_CA_CERTS: '/etc/ca.pem', NODE_DEBUG: '' }, [
    '--no-opt',
  ]);
});
