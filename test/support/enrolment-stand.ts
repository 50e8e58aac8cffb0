// A gateway of the real CLI that agents enrol at, and what must be true of an enrolment afterwards, on both sides.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { startAgent } from '../../src/lib/agent/start.ts';
import type { ApiClient } from '../../src/lib/api/client.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { type Finished, type Running, start, succeed, temporaryFolder, tunnel } from './cli.ts';
import { adminOf } from './fleet.ts';

const world = realWorld({ level: 'silent' });
const LINKED_WITHIN_MS = 30_000;

export interface EnrolmentStand {
  readonly folder: string;
  readonly gatewayFolder: string;
  readonly url: string;
  /** host:port each. */
  readonly tcp: string;
  readonly udp: string;
  readonly admin: ApiClient;
  readonly gateway: () => Running;
  /** After it was killed, at the same place. */
  startAgain(): Promise<void>;
  mint(name: string, more?: { readonly replace?: boolean }): Promise<string>;
}

/** `gatewayFolder`: where there is nothing yet; a folder of its own otherwise. */
export async function startEnrolmentStand(t: TestContext, env: NodeJS.ProcessEnv = {}, gatewayFolder?: string): Promise<EnrolmentStand> {
  const folder = temporaryFolder(t);
  return await standIn(t, env, folder, gatewayFolder ?? join(folder, 'gw'));
}

async function standIn(t: TestContext, env: NodeJS.ProcessEnv, folder: string, gatewayFolder: string): Promise<EnrolmentStand> {
  await succeed(['ca', 'init', '--data-dir', gatewayFolder]);
  let gateway = start(t, ['gateway', 'start', '--data-dir', gatewayFolder, '--listen', '127.0.0.1:0'], { env });
  const { url, tcp, udp } = await gateway.event('ready');
  const admin = adminOf({ gatewayFolder });
  return {
    folder,
    gatewayFolder,
    url: String(url),
    tcp: String(tcp),
    udp: String(udp),
    admin,
    gateway: () => gateway,
    async startAgain() {
      gateway = start(t, ['gateway', 'start', '--data-dir', gatewayFolder, '--wait', '10s'], { env });
      await gateway.event('ready');
    },
    async mint(name, { replace = false } = {}) {
      return (await admin.mintToken({ kind: 'agent', name, routes: ['192.0.2.0/24'], expires_ms: 3_600_000, replace }, t.signal)).token;
    },
  };
}

/** `agent enroll --json`, the string on standard input. */
export async function enroll(
  string: string,
  dataDir: string,
  { env = {}, flags = [] }: { env?: NodeJS.ProcessEnv; flags?: readonly string[] } = {},
): Promise<Finished> {
  return await tunnel(['agent', 'enroll', '--token-file', '-', '--data-dir', dataDir, '--json', ...flags], { input: string, env });
}

export function configOf(dataDir: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(dataDir, 'agent.json'), 'utf8')) as Record<string, unknown>;
}

/** Paths below the data folder, sorted. */
export function pathsIn(dataDir: string): string[] {
  return existsSync(dataDir) ? readdirSync(dataDir, { recursive: true }).map(String).sort() : [];
}

/** One identity, complete, and nothing else but what the agent wrote down: no key of an attempt, no temporary file. */
export function assertTidy(dataDir: string, where = dataDir): void {
  const identity = String(configOf(dataDir)['identity']);
  const files = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => join(identity, name));
  const found = pathsIn(dataDir).filter((path) => path !== 'audit.jsonl');
  assert.deepEqual(found, ['agent.json', 'agent.lock', identity, ...files].sort(), where);
}

/** The identity in force gets a link, with the code of `agent start`. */
export async function assertLinks(dataDir: string): Promise<void> {
  await using agent = await startAgent({ dataDir }, world);
  await agent.online(AbortSignal.timeout(LINKED_WITHIN_MS));
}

/** One agent of that name, the one in the data folder, enrolled once, with one certificate in force. */
export async function assertEnrolledOnce({ admin }: EnrolmentStand, name: string, dataDir: string, signal: AbortSignal): Promise<void> {
  const { agents } = await admin.listAgents({ limit: 1000 }, signal);
  const ids = agents.filter((agent) => agent.name === name).map(({ id }) => id);
  assert.deepEqual(ids, [configOf(dataDir)['agent_id']], `agents named ${name}`);
}

/** Of the error that a command printed. */
export function codeOf(finished: Finished): unknown {
  const { error } = finished.json();
  return error instanceof Object && 'code' in error ? error.code : undefined;
}

/** Every file below a data folder but the lock, with its content. */
export function contentOf(dataDir: string): Record<string, string> {
  const files = pathsIn(dataDir).filter((path) => path !== 'agent.lock' && path !== 'audit.jsonl' && statSync(join(dataDir, path)).isFile());
  return Object.fromEntries(files.map((path) => [path, readFileSync(join(dataDir, path), 'utf8')]));
}
