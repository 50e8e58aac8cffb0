// What an enrolled agent knows: agent.json, whose unknown keys survive every rewrite (A4).
import { join } from 'node:path';
import { z } from 'zod';
import { parseConfigFile, takes } from '../base/config-file.ts';
import { formatDuration, parseDuration } from '../base/duration.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Defaults, type Given, givenFlags } from '../base/settings.ts';
import type { Files } from '../base/world.ts';
import { parseRoute, type Route } from '../routing/route.ts';
import { LOG_LEVELS, type LogLevel } from '../system/log.ts';
import { TRANSPORT_CHOICES, type TransportChoice } from './choose-transport.ts';

const pin = z.string().regex(/^[0-9a-f]{64}$/, 'not a pin: 64 lower-case hex digits');

/** What enrolment writes and what people set; unknown keys survive. */
export const AgentConfig = z.looseObject({
  agent_id: z.uuid().describe('Written by enrolment: the id that its certificate names.'),
  name: z.string().min(1).max(255).describe('Written by enrolment: the name that the gateway knows it by.'),
  gateway: z.url().describe('Written by enrolment: the URL of the gateway.'),
  quic_endpoint: z.string().min(3).max(300).describe('Written by enrolment: where the gateway takes QUIC, HOST:PORT.'),
  identity: z
    .string()
    .regex(/^identity-[1-9]\d{0,8}$/, 'not the name of an identity folder')
    .describe('Written by enrolment and renewal: the folder, inside the data folder, of the key and certificate in use.'),
  ca_spki_sha256: pin.nullable().describe("Written by enrolment: the pin of the gateway's CA; null from a stock gateway, whose strings hold none."),
  server_spki_sha256: pin.describe("Written by enrolment: the pin of the gateway's own key."),
  tls: z.enum(['tunnel', 'public']).describe('Written by enrolment: whether the API has a certificate of the CA of the tunnel or of a public one.'),
  session_keys: z
    .string()
    .nullable()
    .describe('Written by enrolment and renewal: public keys that session material is verified with, JWKS as text; null from a stock gateway.'),
  enrolled_with: pin.describe('Written by enrolment: SHA-256 of the string that was used, so that the same command can be run again.'),
  routes: z
    .array(takes(z.string(), (text) => parseRoute(text, 'routes')))
    .default([])
    .describe(
      'Subnets and names to advertise, for those who do not want all that is assigned; empty: whatever is assigned. Towards a version 1 gateway the only ones.',
    ),
  transport: z
    .enum(TRANSPORT_CHOICES)
    .optional()
    .describe('QUIC first and TLS where QUIC does not get through (auto), or only one of them; auto where missing.'),
  quic_return: takes(z.string().optional(), (text) => parseDuration(text, 'quic_return')).describe(
    'How often an agent that is on TLS by auto tries QUIC again, as a duration; 5m where missing.',
  ),
  log_level: z.enum(LOG_LEVELS).optional().describe('The least that is logged to standard error; info where missing.'),
});
export type AgentConfig = z.infer<typeof AgentConfig>;

const HINT = 'Correct it (tunnel config check says when it is good), or move it away and enrol again.';

/** What goes before the file. */
export interface AgentFlags {
  /** host:port. */
  readonly quicEndpoint?: string | undefined;
  readonly transport?: TransportChoice | undefined;
  readonly logLevel?: LogLevel | undefined;
}

const SETTING_OF = { quicEndpoint: 'quic_endpoint', transport: 'transport', logLevel: 'log_level' } as const satisfies Record<keyof AgentFlags, string>;

/** `byVariable`: the settings whose flag came from its variable. */
export function givenBy(flags: AgentFlags, byVariable: ReadonlySet<string>): Given {
  return givenFlags(SETTING_OF, flags, byVariable);
}

/** What people set, with the defaults; the rest is written by enrolment. */
export const AGENT_DEFAULTS = {
  routes: [],
  transport: 'auto',
  quic_return: formatDuration(LIMITS.quicReturnMs),
  log_level: 'info',
} as const satisfies Defaults;
/** Of a running agent, they change by a reload alone. */
export function settingsOf({ routes, transport, quic_return, log_level }: AgentConfig): Pick<AgentConfig, keyof typeof AGENT_DEFAULTS> {
  return { routes, transport, quic_return, log_level };
}

/** All that is shown: not the public keys and hashes, which tell nobody anything. */
export const SHOWN_DEFAULTS = {
  agent_id: null,
  name: null,
  gateway: null,
  quic_endpoint: null,
  identity: null,
  tls: null,
  ...AGENT_DEFAULTS,
} as const satisfies Defaults;

export function configPath(dataDir: string): string {
  return join(dataDir, 'agent.json');
}

/** Undefined where none is. Errors `config.invalid`, `file.loose-mode`. */
export async function findConfig(dataDir: string, files: Files): Promise<AgentConfig | undefined> {
  const path = configPath(dataDir);
  const content = await files.readSecret(path);
  if (content === undefined) return undefined;
  return parseConfig(path, content);
}

/** Error `config.invalid`, naming field and line. */
export function parseConfig(path: string, content: Uint8Array): AgentConfig {
  return parseConfigFile({ path, content }, AgentConfig, HINT);
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
