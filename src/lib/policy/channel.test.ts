import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTarget } from '../routing/target.ts';
import { type ChannelTerms, judgeChannel } from './channel.ts';
import { parsePorts } from './ports.ts';

const NOW = Date.UTC(2026, 0, 1);
const terms: ChannelTerms = {
  targets: ['10.0.0.5:22', '[fd00::7]:22', 'db.corp.example:5432'],
  ports: parsePorts('22,5000-6000'),
  kinds: ['tcp'],
  expiresAt: NOW + 300_000,
};

for (const [target, change, reason] of [
  ['10.0.0.5:22', {}, null],
  ['[FD00::7]:22', {}, null],
  ['DB.corp.example:5432', {}, null],
  ['[::ffff:10.0.0.5]:22', {}, null],
  ['10.0.0.6:22', {}, /does not grant 10\.0\.0\.6:22/],
  ['10.0.0.6:22', { targets: ['*'] }, null],
  ['10.0.0.6:22', { targets: [] }, /does not grant 10\.0\.0\.6:22/],
  ['10.0.0.6:22', { targets: ['10.0.0.0/24:22-23'] }, null],
  ['10.0.1.6:22', { targets: ['10.0.0.0/24:22-23'] }, /does not grant 10\.0\.1\.6:22/],
  ['10.0.0.6:23', { targets: ['*'] }, /port 23/],
  ['10.0.0.6:5500', { targets: ['*'] }, null],
  ['10.0.0.6:22', { targets: ['*'], ports: [] }, /port 22/],
  ['10.0.0.5:22', { kinds: ['udp'] }, /no tcp channels/],
  ['10.0.0.5:22', { expiresAt: NOW - 59_999 }, null],
  ['10.0.0.5:22', { expiresAt: NOW - 60_000 }, /ended at 2025-12-31T23:59:00.000Z, this machine's clock says 2026-01-01/],
  ['10.0.0.5:22', { expiresAt: 1e300 }, null],
  ['10.0.0.5:22', { expiresAt: -1e300 }, /ended at no time/],
] as const) {
  test(`${target} under ${JSON.stringify(change)}: ${reason === null ? 'allowed' : 'refused'}`, () => {
    const verdict = judgeChannel({ ...terms, ...change }, 'tcp', parseTarget(target), NOW);
    if (reason === null) assert.deepEqual(verdict, { allowed: true });
    else assert.match(verdict.allowed ? 'allowed' : verdict.reason, reason);
  });
}
