// An independent property-based tester (schemathesis) reads the API's own document and asks a real gateway for whatever that allows and forbids: no 5xx, nothing undocumented.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startChain } from '../support/chain.ts';
import { run, succeed } from '../support/cli.ts';
import { lackingSchemathesis, SCHEMATHESIS } from '../support/schemathesis.ts';

const SECONDS = process.env['FULL'] === '1' ? 300 : 40;
const SEED = process.env['SEED'] ?? '1';

/** The tester may take the agent away, by revoking or deleting it: 503 is then the truth. It must be documented all the same. */
const CONFIG = '[checks.not_a_server_error]\nexpected-statuses = ["2xx", "3xx", "4xx", "503"]\n';

/** What would end the run instead of failing it: the gateway's service, the tester's own login, and its operator. */
const NOT_ASKED = ['post /api/v1/drain', 'post /api/v1/logout', 'delete /api/v1/operators/:name', 'put /api/v1/locks/:kind/:name'];
const CHECKS = [
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
  'response_headers_conformance',
  'ignored_auth',
  'use_after_free',
  'not_a_server_error',
];

test(`schemathesis over the API for ${SECONDS} s, seed ${SEED}`, { skip: lackingSchemathesis() }, async (t) => {
  const chain = await startChain(t);
  const [token, admin] = [join(chain.folder, 'root.token'), join(chain.folder, 'root')];
  await succeed(['token', 'mint', '--data-dir', chain.gatewayFolder, '--kind', 'admin', '--name', 'root', '--out', token]);
  await succeed(['login', '--token-file', token, '--config-dir', admin]);
  const { credential } = JSON.parse(readFileSync(join(admin, 'login.json'), 'utf8')) as { credential: string };
  const excluded = NOT_ASKED.flatMap((operation) => [
    '--exclude-name',
    operation.toUpperCase().replace(/ .*/, '') + operation.replace(/^\S+/, '').replace(/:(\w+)/g, '{$1}'),
  ]);
  writeFileSync(join(chain.folder, 'schemathesis.toml'), CONFIG);
  const tester = await run(
    SCHEMATHESIS ?? 'schemathesis',
    [
      ...['run', `${chain.ready['url']}/openapi.json`, '--tls-verify', 'false', '--header', `Authorization: Bearer ${credential}`],
      ...['--checks', CHECKS.join(), '--max-time', String(SECONDS), '--seed', SEED, '--continue-on-failure', '--no-color', '--suppress-health-check', 'all'],
      ...excluded,
    ],
    { cwd: chain.folder },
  );
  assert.equal(tester.code, 0, `${tester.stdout.slice(-20_000)}\n${tester.stderr}`);
  const [, cases] = /(\d+) generated/.exec(tester.stdout) ?? [];
  assert.ok(Number(cases) >= 5 * SECONDS, `so many cases: ${cases}`);
  t.diagnostic(`${cases} cases`);
  assert.equal(chain.gateway.child.exitCode, null);
});
