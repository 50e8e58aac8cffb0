// The policy by the real command line: set, shown, tested, explained, replayed, and felt by what runs.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { auditRows } from '../support/audit-rows.ts';
import { type Chain, connectTo, startChain } from '../support/chain.ts';
import { BIN, succeed, tunnel } from '../support/cli.ts';
import { cleanEnvironment } from '../support/environment.ts';
import { dial, readToEnd, startTarget } from '../support/tcp.ts';

const NONE = { version: 1, allow: [] };
const echo = (t: TestContext) => startTarget(t, (socket) => void socket.pipe(socket));
const allowing = (...targets: string[]) => ({ version: 1, groups: { ops: ['alice'] }, allow: [{ name: 'ours', groups: ['ops'], agents: ['web*'], targets }] });

function by(chain: Chain) {
  let files = 0;
  const file = (content: object | string) => {
    const path = join(chain.folder, `file-${++files}.yaml`);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };
  const at = ['--data-dir', chain.gatewayFolder, '--json'];
  return {
    file,
    policy: (...args: string[]) => tunnel(['policy', ...args, ...at]),
    set: async (content: object | string, ...more: string[]) => (await succeed(['policy', 'set', file(content), ...more, ...at])).json(),
    codeOf: (finished: Awaited<ReturnType<typeof tunnel>>) => [finished.code, (finished.json()['error'] as Record<string, unknown>)['code']],
  };
}

test('how long policy lets a session last is said when it begins, in JSON and in words', async (t) => {
  const chain = await startChain(t);
  const { set } = by(chain);
  await set({ version: 1, allow: [{ operators: ['alice'], max_length: '2h' }] });
  const target = await echo(t);
  const began = Date.now();
  const { running } = await connectTo(t, chain, `127.0.0.1:${target}`);
  const { longest_ends_at: end } = await running.event('session');
  const hours = (Date.parse(String(end)) - began) / 3_600_000;
  assert.ok(hours > 1.9 && hours < 2.1, String(end));
  const inWords = spawn(process.execPath, [BIN, 'connect', `127.0.0.1:${target}`, '--config-dir', chain.operatorFolder], { env: cleanEnvironment() });
  const ended = once(inWords, 'exit');
  let said = '';
  for await (const part of inWords.stderr) {
    said += String(part);
    if (said.includes('\n')) break;
  }
  inWords.kill();
  await ended;
  assert.match(said, /ends after 15m without anything sent .*, by policy through web1 on \d{4}-.*Z, and with the login on/);
});

test('a policy is a file: printed, set, refused with the field, tested, explained; nothing is half done', async (t) => {
  const chain = await startChain(t);
  const { file, policy, set, codeOf } = by(chain);
  assert.deepEqual((await policy('show')).json(), {
    revision: 0,
    set_at: null,
    set_by: null,
    policy: { version: 1, allow: [{ name: "whoever's login grants it", operators: ['*'] }] },
  });
  const printed = (await succeed(['policy', 'show', '--data-dir', chain.gatewayFolder])).stdout;
  assert.equal((await set(printed, '--if-revision', '0'))['revision'], 1);
  const again = (await succeed(['policy', 'show', '--data-dir', chain.gatewayFolder])).stdout;
  assert.deepEqual(again.split('\n').slice(1), printed.split('\n').slice(1));
  assert.deepEqual(codeOf(await policy('set', file(NONE), '--if-revision', '0')), [8, 'policy.changed']);

  const bad = await policy('set', file('version: 1\nallow:\n  - operators: [alice]\n    targets: ["10.0.0.1/24:22"]\n'));
  assert.deepEqual(codeOf(bad), [2, 'policy.malformed']);
  assert.match(bad.stdout, /allow\[0\]\.targets\[0\]/);
  assert.deepEqual(codeOf(await policy('set', file('version: 1\nallow: [\n'))), [2, 'policy.malformed']);
  assert.equal((await policy('show')).json()['revision'], 1);

  const changed = await set(
    '# kept by nobody\nversion: 1\ngroups: {ops: [alice]}\nallow:\n- {groups: [ops], targets: ["10.0.0.0/8:22", "127.0.0.0/8:22"]}\n- {operators: [zoe]}\n',
  );
  assert.deepEqual([changed['revision'], changed['rules']], [2, 2]);
  assert.deepEqual(changed['warnings'], ['no operator zoe has logged in yet']);
  assert.deepEqual((await policy('show')).json()['policy'], {
    version: 1,
    groups: { ops: ['alice'] },
    allow: [{ groups: ['ops'], targets: ['10.0.0.0/8:22', '127.0.0.0/8:22'] }, { operators: ['zoe'] }],
  });

  const line = 'policy rule 1 allows group ops 127.0.0.0/8:22 on agent web1, ports 1-65535';
  const explained = (await policy('explain', '--as', 'alice', '127.0.0.1:22')).json();
  assert.deepEqual([explained['login'], (explained['candidates'] as { policy: string }[])[0]?.policy], [true, line]);
  const denied = (await policy('explain', '--as', 'alice', '127.0.0.1:23')).json();
  assert.match(JSON.stringify(denied['decision']), /policy allows operator alice other targets than 127\.0\.0\.1:23 on agent web1: rule 1/);
  assert.equal((await policy('explain', '--as', 'nobody', '127.0.0.1:22')).json()['login'], false);

  const tests =
    'tests:\n- {as: alice, target: "127.0.0.1:22", expect: allow, agent: web1}\n- {as: alice, target: "127.0.0.1:80", expect: deny}\n- {as: mallory, target: "127.0.0.1:22", expect: deny}\n';
  assert.deepEqual([(await policy('test', file(tests))).code, (await policy('test', file(tests), '--policy', file(NONE))).code], [0, 1]);
  const failed = (await policy('test', file(tests), '--policy', file({ version: 1, allow: [{ operators: ['*'] }] }))).json();
  assert.deepEqual([failed['passed'], failed['failed']], [1, 2]);
  assert.deepEqual(codeOf(await policy('test', file('tests: [{as: alice, target: "x:1", expect: maybe}]'))), [2, 'policy.malformed']);

  // From elsewhere: an administrator may, an operator may not.
  const asAlice = await tunnel(['policy', 'show', '--config-dir', chain.operatorFolder, '--json']);
  assert.deepEqual(codeOf(asAlice), [4, 'scope.missing']);
  const admin = join(chain.folder, 'admin');
  await succeed(['token', 'mint', '--kind', 'admin', '--name', 'root', '--data-dir', chain.gatewayFolder, '--out', join(chain.folder, 'root.token')]);
  await succeed(['login', '--token-file', join(chain.folder, 'root.token'), '--config-dir', admin]);
  const byRoot = await succeed(['policy', 'set', file(NONE), '--config-dir', admin, '--json']);
  assert.deepEqual(byRoot.json()['warnings'], ['nobody may reach anything']);
  assert.equal((await succeed(['policy', 'show', '--config-dir', admin, '--json'])).json()['set_by'], 'operator:root');
  const rows = (await auditRows(chain.gatewayFolder)).filter(({ code }) => code === 'policy.set');
  assert.deepEqual(
    rows.map(({ detail }) => detail['revision']),
    [1, 2, 3],
  );

  // And without a running gateway.
  await chain.gateway.stop();
  assert.equal((await policy('show')).json()['revision'], 3);
  assert.equal((await set({ version: 1, allow: [{ operators: ['*'] }] }))['revision'], 4);
});

test('a changed policy cuts what it no longer allows, with the reason, and nothing else; unset it is as before', async (t) => {
  const chain = await startChain(t);
  const { set, file, policy } = by(chain);
  const [kept, lost, alone] = [await echo(t), await echo(t), await echo(t)];
  const to = (port: number) => `127.0.0.1:${port}`;
  await set(allowing('127.0.0.0/8:1-65535'));
  const both = await connectTo(t, chain, to(kept));
  const second = await connectTo(t, chain, to(lost));
  const third = await connectTo(t, chain, to(alone));
  const through = async ({ host, port }: { host: string; port: number }) => {
    const socket = await dial(t, port, host);
    socket.write('hello');
    await once(socket, 'data');
    return socket;
  };
  const [one, two, three] = [await through(both), await through(second), await through(third)];
  const endings = [two, three].map((socket) => readToEnd(socket));
  const exits = [second, third].map(({ running }) => once(running.child, 'exit'));
  const errors = [second, third].map(({ running }) => running.event('error'));

  const begun = performance.now();
  const { cut, revision } = await set(allowing(to(kept)));
  await Promise.all(endings);
  const tookMs = performance.now() - begun;
  assert.ok(tookMs < 5000, `cut after ${Math.round(tookMs)} ms`);
  assert.deepEqual(cut, { links: 0, sessions: 0, channels: 2 });
  for (const error of await Promise.all(errors)) assert.match(JSON.stringify(error), /policy no longer allows it/);
  assert.deepEqual(
    (await Promise.all(exits)).map(([code]) => code),
    [4, 4],
  );
  one.write('again');
  assert.equal(String((await once(one, 'data'))[0]), 'again');
  t.diagnostic(`policy set and two connections cut: ${Math.round(tookMs)} ms`);

  const refused = await tunnel(['connect', to(lost), '--config-dir', chain.operatorFolder, '--json']);
  assert.equal(refused.code, 4);
  const rows = await auditRows(chain.gatewayFolder);
  const ended = rows.filter(({ code, detail }) => code === 'channel.ended' && detail['reason'] === 'policy-changed').map(({ subject }) => subject);
  assert.deepEqual(ended.sort(), [`target:${to(alone)}`, `target:${to(lost)}`].sort());
  const denial = rows.findLast(({ code, subject }) => code === 'session.refused' && subject === `target:${to(lost)}`);
  assert.ok(denial);
  const [candidate] = (denial.detail['decision'] as { candidates: { policy: string }[] }).candidates;
  const explained = (await policy('explain', '--as', 'alice', to(lost))).json();
  assert.equal(candidate?.policy, (explained['candidates'] as { policy: string }[])[0]?.policy);

  // What was asked for since, replayed: the policy in force lists nothing; a wider and a narrower one what they change.
  const diff = async (content: object) => (await policy('diff', file(content), '--since', '1h')).json();
  const same = await diff(allowing(to(kept)));
  assert.deepEqual(same['differences'], []);
  assert.ok(Number(same['requests']) >= 4, `${same['requests']} requests`);
  const changes = async (content: object) =>
    ((await diff(content))['differences'] as Record<string, unknown>[]).map(({ change, target }) => `${change} ${target}`).sort();
  assert.deepEqual(await changes(NONE), [`refused ${to(kept)}`]);
  assert.deepEqual(await changes(allowing('127.0.0.0/8:1-65535')), [`allowed ${to(alone)}`, `allowed ${to(lost)}`].sort());
  assert.equal((await policy('show')).json()['revision'], revision);

  // A port of the agent, too, ends only what it carried.
  const ending = readToEnd(one);
  await succeed(['agent', 'set', 'web1', '--ports', '22', '--data-dir', chain.gatewayFolder]);
  await ending;
});
