// A hundred enrolments at once with one string, again and again: exactly one agent each, one serial, and the audit log has the other 99. FULL=1 for the full counts.
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LOCAL_ADMIN } from '../../src/lib/gateway/control/caller.ts';
import { mint } from '../../src/lib/gateway/control/mint.ts';
import { controlStand } from '../support/control-stand.ts';
import { openConnections, raceToEnrol } from '../support/enrol-by-hand.ts';
import { countEnrolments } from '../support/enrolment-counts.ts';
import type { RacerOrder } from '../support/enrolment-racer.ts';
import { startEnrolmentStand } from '../support/enrolment-stand.ts';

const ROUNDS = process.env['FULL'] === '1' ? 50 : 5;
const RACERS = 100;
const PROCESSES = 2;

for (const sockets of ['fresh sockets', 'sockets that are open already'] as const) {
  test(`${ROUNDS} rounds of ${RACERS} enrolments over TLS, ${sockets}`, async (t) => {
    const stand = await startEnrolmentStand(t);
    const agent = sockets === 'fresh sockets' ? false : await openConnections(stand.url, RACERS);
    let reused = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const answers = await raceToEnrol(stand.url, await stand.mint(`racer${round}`), RACERS, agent);
      reused += answers.filter((answer) => answer.onOpenSocket).length;
      const won = answers.filter(({ status }) => status === 200);
      const lost = new Set(answers.filter((answer) => !won.includes(answer)).map(({ status, body }) => `${status} ${body}`));
      assert.deepEqual([won.length, [...lost]], [1, ['401 ']], `round ${round}`);
      const { id } = await stand.admin.getAgent(`racer${round}`, t.signal);
      assert.equal(id, JSON.parse(won[0]?.body ?? '').agent_id);
    }
    if (agent !== false) agent.destroy();
    await stand.gateway().stop(); // every row is on disk then
    assertOneEach(stand.gatewayFolder);
    if (agent === false) assert.equal(reused, 0);
    else assert.ok(reused > (ROUNDS * RACERS) / 2, `only ${reused} came on sockets that were open`);
  });
}

test(`${ROUNDS} rounds of ${RACERS} enrolments in ${PROCESSES} processes on one store`, async (t) => {
  const { control, directory } = await controlStand(t);
  const racers = await Promise.all(Array.from({ length: PROCESSES }, () => startRacer(t, directory)));
  const wins = Array<number>(PROCESSES).fill(0);
  for (let round = 0; round < ROUNDS; round++) {
    const { token } = await mint(control.context, LOCAL_ADMIN, { kind: 'agent', name: `racer${round}`, routes: [], expires_ms: 3_600_000, replace: false });
    await Promise.all(racers.map((racer) => order(racer, { prepare: { token, count: RACERS / PROCESSES } })));
    const statuses = (await Promise.all(racers.map((racer) => order(racer, 'go')))) as number[][];
    for (const [index, own] of statuses.entries()) wins[index] = (wins[index] ?? 0) + own.filter((status) => status === 200).length;
    const all = statuses.flat().sort();
    assert.deepEqual([all.length, all[0], new Set(all.slice(1))], [RACERS, 200, new Set([401])], `round ${round}`);
  }
  for (const racer of racers) {
    racer.send('close' satisfies RacerOrder);
    await once(racer, 'exit');
  }
  t.diagnostic(`won by the processes: ${wins.join(', ')}`);
  assertOneEach(directory);
});

function assertOneEach(gatewayFolder: string): void {
  const [one, others] = [ROUNDS, ROUNDS * (RACERS - 1)];
  assert.deepEqual(countEnrolments(gatewayFolder), { agents: one, certificates: one, serials: one, uses: one, enrolled: one, refused: others });
}

async function startRacer(t: TestContext, directory: string): Promise<ChildProcess> {
  const racer = fork(fileURLToPath(new URL('../support/enrolment-racer.ts', import.meta.url)), [directory]);
  t.after(() => racer.kill('SIGKILL'));
  await once(racer, 'message');
  return racer;
}

async function order(racer: ChildProcess, what: RacerOrder): Promise<unknown> {
  const answered = once(racer, 'message');
  racer.send(what);
  return (await answered)[0];
}
