// What an enrolled agent knows: agent.json, whose unknown keys survive every rewrite (A4).
import { join } from 'node:path';
import { z } from 'zod';
import { parseDuration } from '../base/duration.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Files } from '../base/world.ts';
import { parseRoute, type Route } from '../routing/route.ts';
import { TRANSPORT_CHOICES } from './choose-transport.ts';

const pin = z.string().regex(/^[0-9a-f]{64}$/, 'not a pin: 64 lower-case hex digits');

const AgentConfig = z.looseObject({
  agent_id: z.uuid(),
  name: z.string().min(1).max(255),
  /** The gateway's URL. */
  gateway: z.url(),
  /** host:port for QUIC. */
  quic_endpoint: z.string().min(3).max(300),
  /** The folder, inside the data folder, of the identity in use. */
  identity: z.string().regex(/^identity-[1-9]\d{0,8}$/, 'not the name of an identity folder'),
  /** Null: enrolled at a stock gateway, whose strings hold no pin. */
  ca_spki_sha256: pin.nullable(),
  server_spki_sha256: pin,
  tls: z.enum(['tunnel', 'public']),
  /** JWKS as JSON text; null from a stock gateway. */
  session_keys: z.string().nullable(),
  /** SHA-256 of the string it was enrolled with, so that the same command can be run again. */
  enrolled_with: pin,
  /** Own routes, for those who do not want all that is assigned; the only ones towards a version 1 gateway. */
  routes: z.array(z.string()).default([]),
  /** Where `--transport` does not say. */
  transport: z.enum(TRANSPORT_CHOICES).optional(),
  /** How often an agent that is on TLS tries QUIC again, as a duration; LIMITS.quicReturnMs where missing. */
  quic_return: z.string().optional(),
});
export type AgentConfig = z.infer<typeof AgentConfig>;

function configPath(dataDir: string): string {
  return join(dataDir, 'agent.json');
}

/** Undefined where none is. Errors `config.invalid`, `file.loose-mode`. */
export async function findConfig(dataDir: string, files: Files): Promise<AgentConfig | undefined> {
  const path = configPath(dataDir);
  const content = await files.readSecret(path);
  if (content === undefined) return undefined;
  const parsed = AgentConfig.safeParse(parseJson(path, content));
  if (parsed.success) return parsed.data;
  throw invalid(path, z.prettifyError(parsed.error).replace(/\s+/g, ' '));
}

/** Errors as `findConfig`, and `agent.not-enrolled`. */
export async function readConfig(dataDir: string, files: Files): Promise<AgentConfig> {
  const config = await findConfig(dataDir, files);
  if (config !== undefined) return config;
  throw new TunnelError('agent.not-enrolled', `no agent is enrolled in ${dataDir}`, {
    hint: `tunnel agent enroll --token-file FILE --data-dir '${dataDir}'`,
  });
}

/** One atomic replacement: the moment at which another identity comes into force. */
export async function writeConfig(dataDir: string, config: AgentConfig, files: Files): Promise<void> {
  await files.replaceAtomically(configPath(dataDir), `${JSON.stringify(config, null, 2)}\n`);
}

/** What a second enrolment keeps of the first: the administrator's own settings and every key that we do not know. */
export function mergeConfig(before: AgentConfig | undefined, enrolled: Omit<AgentConfig, 'routes'>): AgentConfig {
  return AgentConfig.parse({ ...before, ...enrolled });
}

/** Error `route.malformed`, naming agent.json. */
export function ownRoutes({ routes }: AgentConfig): Route[] {
  return routes.map((text) => parseRoute(text, 'routes in agent.json'));
}

/** Milliseconds. Error `duration.malformed`, naming agent.json. */
export function quicReturnMs({ quic_return }: AgentConfig): number {
  return quic_return === undefined ? LIMITS.quicReturnMs : parseDuration(quic_return, 'quic_return in agent.json');
}

function parseJson(path: string, content: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(content).toString('utf8'));
  } catch {
    throw invalid(path, 'not JSON');
  }
}

function invalid(path: string, why: string): TunnelError {
  return new TunnelError('config.invalid', `${path} is not the configuration of an agent: ${why}`, {
    hint: 'Correct it, or move it away and enrol again.',
  });
}
