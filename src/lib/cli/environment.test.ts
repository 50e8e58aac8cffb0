// The variable of each flag, and what it gives.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Flags from '@oclif/core/flags';
import { parse } from '@oclif/core/parser';
import { variableName, withVariables } from './environment.ts';

for (const [command, flag, name] of [
  ['agent:enroll', 'token-file', 'TUNNEL_AGENT_TOKEN_FILE'],
  ['gateway:start', 'listen', 'TUNNEL_GATEWAY_LISTEN'],
  ['connect', 'wait', 'TUNNEL_CONNECT_WAIT'],
  ['gateway:start', 'data-dir', 'TUNNEL_DATA_DIR'],
  ['connect', 'config-dir', 'TUNNEL_CONFIG_DIR'],
  ['limits', 'json', 'TUNNEL_JSON'],
] as const) {
  test(`${command} --${flag} is ${name}`, () => assert.equal(variableName(command, flag), name));
}

const FLAGS = { wait: Flags.string(), local: Flags.string({ multiple: true, multipleNonGreedy: true }), stdio: Flags.boolean() };

test('a flag goes before its variable, and a repeatable one takes a list', async (t) => {
  const saved = { ...process.env };
  t.after(() => {
    process.env = saved;
  });
  Object.assign(process.env, { TUNNEL_CONNECT_WAIT: '5s', TUNNEL_CONNECT_LOCAL: '1:a:2, 3:b:4', TUNNEL_CONNECT_STDIO: '1' });
  const flags = withVariables('connect', FLAGS);
  assert.deepEqual((await parse([], { flags })).flags, { wait: '5s', local: ['1:a:2', '3:b:4'], stdio: true });
  assert.deepEqual((await parse(['--wait', '9s', '--local', '5:c:6'], { flags })).flags, { wait: '9s', local: ['5:c:6'], stdio: true });
  assert.ok(!('env' in FLAGS.wait), 'definitions are shared and stay as they were');
});
