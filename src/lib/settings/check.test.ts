// Whatever is wrong with a configuration file of either kind, `config check` names the field, in every class of error.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { AgentConfig } from '../agent/config.ts';
import { TunnelError } from '../base/errors.ts';
import { StoredConfig } from '../gateway/config-file.ts';
import { realWorld } from '../system/real-world.ts';
import { checkFile } from './check.ts';

const { files } = realWorld({ level: 'silent' });
const PIN = 'a'.repeat(64);

interface Kind {
  readonly name: string;
  readonly good: Readonly<Record<string, unknown>>;
  /** Every setting there is. */
  readonly fields: readonly string[];
  readonly required: readonly string[];
  /** Of the right type, and not to be taken. */
  readonly bad: readonly (readonly [field: string, value: unknown])[];
}

const KINDS: readonly Kind[] = [
  {
    name: 'gateway.json',
    good: {
      ...{ listen: '127.0.0.1:1', public_url: 'https://gw.example:1', public_udp: 'gw.example:2', proxy_listen: '127.0.0.1:2', longest_session: '8h' },
      ...{ agent_cert_lifetime: '90d', server_cert_lifetime: '365d', direct: ['10.1.0.0/16:443'], log_level: 'info' },
    },
    fields: Object.keys(StoredConfig.shape),
    required: ['listen', 'public_url'],
    bad: [
      ...[['listen', 'nowhere'] as const, ['listen', '127.0.0.1:65536'] as const, ['public_url', 'http://gw.example:1'] as const],
      ...[['public_url', 'gw.example'] as const, ['public_udp', 'gw.example'] as const, ['proxy_listen', '1.2.3:4'] as const],
      ...[['agent_cert_lifetime', '30x'] as const, ['agent_cert_lifetime', '1s'] as const, ['server_cert_lifetime', '9999d'] as const],
      ...[['longest_session', 'long'] as const, ['direct', ['10.1.0.0/33:443']] as const, ['direct', ['10.1.0.0/16']] as const, ['direct', [443]] as const],
      ...[['log_level', 'loud'] as const, ['log_level', ''] as const],
    ],
  },
  {
    name: 'agent.json',
    good: {
      ...{
        agent_id: '0a000000-0000-4000-8000-000000000001',
        name: 'web1',
        gateway: 'https://gw.example:1',
        quic_endpoint: 'gw.example:1',
        identity: 'identity-1',
      },
      ...{ ca_spki_sha256: PIN, server_spki_sha256: PIN, tls: 'tunnel', session_keys: '{"keys":[]}', enrolled_with: PIN },
      ...{ routes: ['10.0.0.0/8'], transport: 'auto', quic_return: '5m', log_level: 'info' },
    },
    fields: Object.keys(AgentConfig.shape),
    required: [...['agent_id', 'name', 'gateway', 'quic_endpoint', 'identity', 'ca_spki_sha256', 'server_spki_sha256', 'tls', 'session_keys', 'enrolled_with']],
    bad: [
      ...[['agent_id', 'web1'] as const, ['name', ''] as const, ['gateway', 'gw'] as const, ['quic_endpoint', 'x'] as const, ['identity', '../key'] as const],
      ...[['ca_spki_sha256', PIN.toUpperCase()] as const, ['server_spki_sha256', 'short'] as const, ['tls', 'none'] as const, ['enrolled_with', 'x'] as const],
      ...[['routes', ['nonsense/99']] as const, ['routes', ['10.0.0.1/8']] as const, ['routes', [8]] as const, ['transport', 'udp'] as const],
      ...[['quic_return', 'often'] as const, ['log_level', 'loud'] as const],
    ],
  },
];

function judging(t: TestContext, name: string) {
  const path = join(temporaryFolder(t), name);
  return async (content: string): Promise<string> => {
    writeFileSync(path, content, { mode: 0o600 });
    try {
      await checkFile(path, files);
      return '';
    } catch (error) {
      assert.ok(error instanceof TunnelError && error.code === 'config.invalid', String(error));
      return error.message.slice(path.length);
    }
  };
}

const written = (config: object) => JSON.stringify(config, null, 1);
/** In such a file: one line a field, but for lists. */
const lineOf = (text: string, field: string) => text.slice(0, text.indexOf(`"${field}"`)).split('\n').length;

for (const { name, good, fields, required, bad } of KINDS) {
  test(`${name}: the field is named where it is missing, of another type, or not to be taken`, async (t) => {
    const judge = judging(t, name);
    assert.equal(await judge(written(good)), '');
    assert.deepEqual(Object.keys(good).sort(), [...fields].sort(), 'a setting that this test does not know');
    for (const field of fields) {
      const { [field]: _, ...without } = good;
      assert.equal(await judge(written(without)), required.includes(field) ? `: ${field} is missing` : '');
    }
    const wrong = [...fields.flatMap((field) => [{}, 7, true].map((value) => [field, value] as const)), ...bad];
    for (const [field, value] of wrong) {
      const text = written({ ...good, [field]: value });
      const said = await judge(text);
      assert.match(said, new RegExp(`^, line ${lineOf(text, field)}: ${field}\\b`), `${field} = ${JSON.stringify(value)}`);
    }
  });

  test(`${name}: what is no object of JSON is named by its line`, async (t) => {
    const judge = judging(t, name);
    for (const [content, said] of [
      ['', /^(, line 1)?: not JSON$/],
      ['{"a": 1,\n}', /^, line 2: not JSON$/],
      ['[]', /expected object/],
      ['"text"', /expected object/],
      ['null', /expected object/],
    ] as const) {
      assert.match(await judge(content), said, content);
    }
  });
}
