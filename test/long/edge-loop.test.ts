// An endless loop in the edge, through a hook that only a gateway started for tests has.
import { test } from 'node:test';
import { startChain } from '../support/chain.ts';
import { assertReplaced } from '../support/edge-watch.ts';

test('an edge that loops for ever is replaced, and so is the next one', async (t) => {
  const chain = await startChain(t, { gatewayEnv: { TUNNEL_TEST_HOOKS: '1' } });
  for (let round = 0; round < 2; round++) {
    const { tookMs, slowestMs } = await assertReplaced(t, chain, (pid) => process.kill(pid, 'SIGUSR2'), /^it was silent for more than 5000 ms$/);
    t.diagnostic(`agent online again after ${tookMs.toFixed()} ms, slowest answer ${slowestMs.toFixed()} ms`);
  }
});
