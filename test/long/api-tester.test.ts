// An independent property-based tester (schemathesis) reads the API's own document and asks a real gateway for whatever that allows and forbids: no 5xx, nothing undocumented.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Chain, startChain } from '../support/chain.ts';
import { run, succeed } from '../support/cli.ts';
import { lackingSchemathesis, SCHEMATHESIS } from '../support/schemathesis.ts';

const FULL = process.env['FULL'] === '1';
const SEED = process.env['SEED'] ?? '1';

/** What would end the run instead of failing it: the gateway's service, the tester's own login, and its operator. */
const NEVER_ASKED = ['POST /api/v1/drain', 'POST /api/v1/logout', 'DELETE /api/v1/operators/{name}', 'PUT /api/v1/locks/{kind}/{name}'];
/** What takes the agent away: asked last, or everything else would be asked of a gateway that has none. */
const ASKED_LAST = [
  'POST /api/v1/ca/rotation',
  'DELETE /api/v1/ca/rotation',
  'POST /api/v1/agents/{agent}/revoke',
  'DELETE /api/v1/agents/{agent}',
  'DELETE /jet/tunnel/agents/{id}',
  'DELETE /jet/agent-tunnel/agents/{id}',
];
/** Not `use_after_free`: a session that was ended stays to be read, with its reason. */
const CHECKS = [
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
  'response_headers_conformance',
  'ignored_auth',
  'not_a_server_error',
];

/** How many cases it made. */
async function ask({ folder, ready }: Chain, credential: string, seconds: number, selected: readonly string[]): Promise<number> {
  const tester = await run(
    SCHEMATHESIS ?? 'schemathesis',
    [
      ...['run', `${ready['url']}/openapi.json`, '--tls-verify', 'false', '--header', `Authorization: Bearer ${credential}`],
      ...['--checks', CHECKS.join(), '--max-time', String(seconds), '--seed', SEED, '--continue-on-failure', '--no-color', '--suppress-health-check', 'all'],
      ...selected,
    ],
    { cwd: folder },
  );
  assert.equal(tester.code, 0, `${tester.stdout.slice(-20_000)}\n${tester.stderr}`);
  return Number(/(\d+) generated/.exec(tester.stdout)?.[1]);
}

const flagged = (flag: string, operations: readonly string[]) => operations.flatMap((operation) => [flag, operation]);

test(`schemathesis over the API, seed ${SEED}`, { skip: lackingSchemathesis() }, async (t) => {
  const chain = await startChain(t);
  const [token, admin] = [join(chain.folder, 'root.token'), join(chain.folder, 'root')];
  await succeed(['token', 'mint', '--data-dir', chain.gatewayFolder, '--kind', 'admin', '--name', 'root', '--out', token]);
  await succeed(['login', '--token-file', token, '--config-dir', admin]);
  const { credential } = JSON.parse(readFileSync(join(admin, 'login.json'), 'utf8')) as { credential: string };

  const seconds = FULL ? 300 : 40;
  const cases = await ask(chain, credential, seconds, flagged('--exclude-name', [...NEVER_ASKED, ...ASKED_LAST]));
  assert.ok(cases >= 5 * seconds, `so many cases: ${cases}`);
  const { agents } = (await succeed(['agent', 'list', '--json', '--data-dir', chain.gatewayFolder])).json() as { agents: { name: string; state: string }[] };
  assert.equal(agents.find(({ name }) => name === 'web1')?.state, 'online', 'the agent was there all the time');
  const last = await ask(chain, credential, seconds / 5, flagged('--include-name', ASKED_LAST));
  t.diagnostic(`${cases} cases, and ${last} of what takes the agent away`);
  assert.equal(chain.gateway.child.exitCode, null);
});
