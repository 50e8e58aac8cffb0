import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exceedsMinter } from './mint-rights.ts';

const ALL = { agents: null, targets: null };
const limited = { kind: 'admin', agents: ['web1', 'web2'], targets: ['10.0.0.0/8:1-1024', '*.corp.example:443'] } as const;
for (const [minter, wanted, may] of [
  [{ kind: 'local-admin', ...ALL }, { kind: 'admin', ...ALL }, true],
  [{ kind: 'admin', ...ALL }, { kind: 'agent', ...ALL }, true],
  [{ kind: 'admin', ...ALL }, { kind: 'operator', agents: ['web9'], targets: ['0.0.0.0/0:1-65535'] }, true],
  [{ kind: 'operator', ...ALL }, { kind: 'operator', agents: [], targets: [] }, false],
  [limited, { kind: 'admin', ...ALL }, false],
  [limited, { kind: 'agent', ...ALL }, false],
  [limited, { kind: 'operator', ...ALL }, false],
  [limited, { kind: 'operator', agents: ['web1'], targets: null }, false],
  [limited, { kind: 'operator', agents: null, targets: ['10.0.0.0/24:22'] }, false],
  [limited, { kind: 'operator', agents: ['web1', 'web3'], targets: ['10.0.0.0/24:22'] }, false],
  [limited, { kind: 'operator', agents: ['web1'], targets: ['10.0.0.0/24:22', '*.eu.corp.example:443'] }, true],
  [limited, { kind: 'operator', agents: ['web1'], targets: ['10.0.0.0/24:22', '10.0.0.0/24:2222'] }, false],
  [{ ...limited, targets: null }, { kind: 'operator', agents: ['web1'], targets: null }, true],
] as const)
  test(`${JSON.stringify(minter)} mints ${JSON.stringify(wanted)}: ${may}`, () => assert.equal(exceedsMinter(minter, wanted) === undefined, may));
