// Stores in a folder of their own, and rows to put into them.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { NewAgent } from '../../src/lib/store/agents.ts';
import type { EnrolmentRequest } from '../../src/lib/store/enrol.ts';
import { openStore, type Store } from '../../src/lib/store/open.ts';
import type { NewToken } from '../../src/lib/store/tokens.ts';
import { ManualClock } from './manual-clock.ts';

export const HOUR = 3_600_000;
export const START = Date.UTC(2026, 0, 1);

export async function storePath(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tunnel-store-'));
  t.after(() => rm(folder, { recursive: true }));
  return join(folder, 'gateway.db');
}

/** Stamps rows by a clock that the test moves; deadlines run by it too. */
export async function openAt(t: TestContext): Promise<{ store: Store; clock: ManualClock; path: string }> {
  const path = await storePath(t);
  const clock = new ManualClock(START);
  const store = await openStore(path, { clock });
  t.after(() => store[Symbol.asyncDispose]());
  return { store, clock, path };
}

export const agentToken = (more: Partial<NewToken> = {}): NewToken => ({
  id: 'jti-1',
  kind: 'agent',
  name: 'web1',
  hash: 'hash-1',
  routes: ['10.0.0.0/24'],
  ports: ['22'],
  agents: null,
  replaces: false,
  credentialMs: null,
  maxUses: 1,
  ephemeral: false,
  sources: null,
  targets: null,
  createdBy: 'local-admin',
  expiresAt: START + HOUR,
  ...more,
});

export const newAgent = (more: Partial<NewAgent> = {}): NewAgent => ({
  id: 'agent-1',
  name: 'web1',
  allowedRoutes: [],
  ports: null,
  os: null,
  hostname: null,
  ...more,
});

let serials = 0;
export const enrolment = (more: Partial<EnrolmentRequest> = {}): EnrolmentRequest => ({
  tokenId: 'jti-1',
  tokenHash: 'hash-1',
  spkiSha256: 'spki-1',
  agentId: 'agent-1',
  hostname: null,
  os: 'linux',
  remote: '192.0.2.1',
  issue: async ({ id }) => {
    const serial = `serial-${++serials}`;
    return { certificate: { serial, fingerprint: 'f', notBefore: 0, notAfter: START + HOUR }, answer: `${id} ${serial}` };
  },
  ...more,
});

export const codes = async (store: Store) => (await store.audit.list(0, 1000)).rows.map(({ code }) => code);
