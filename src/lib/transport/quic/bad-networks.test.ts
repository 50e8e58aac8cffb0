// A few seeds of each bad network; test/long/bad-networks.test.ts has the counts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attempt, CONDITIONS, hangingEnds, summary } from '../../../../test/support/bad-network.ts';

for (const [name, weather] of Object.entries(CONDITIONS)) {
  test(`${name}: a handshake and 2 MiB`, { timeout: 60_000 }, async (t) => {
    const attempts = await Promise.all([1, 2].map((seed) => attempt(t, weather, seed, 2)));
    t.diagnostic(summary(attempts, 12_000));
    for (const { doneMs, whole } of attempts) assert.ok(whole && doneMs < 20_000);
  });
}

for (const loss of [0.05, 0.2]) {
  test(`${loss * 100} % loss: every end of 1000 short streams beside a busy one arrives`, { timeout: 60_000 }, async (t) => {
    assert.equal(await hangingEnds(t, { loss }, 5, 1000), 0);
  });
}
