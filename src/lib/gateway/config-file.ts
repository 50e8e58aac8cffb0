// gateway.json: every setting of a gateway, what it means, and what may stand there. Its JSON schema and its man page are made from here.
import { z } from 'zod';
import { parseConfigFile, takes } from '../base/config-file.ts';
import { formatDuration, parseDuration } from '../base/duration.ts';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { parseDirect } from '../policy/direct.ts';
import { parseSessionLength } from '../policy/session-length.ts';
import { LOG_LEVELS } from '../system/log.ts';
import { parseListen, parsePublicUdp, parsePublicUrl } from './addresses.ts';

/** Renewed with a third left, and not more often than every ten seconds. */
const SHORTEST_CERT_MS = 30_000;
const LONGEST_CERT_MS = 3650 * 86_400_000;

const lifetime = (field: string) => takes(z.string().optional(), (text) => parseLifetime(text, field));

/** Unknown keys survive. */
export const StoredConfig = z.looseObject({
  listen: takes(z.string(), (text) => parseListen(text, 'listen')).describe(
    'Address for TCP and UDP, HOST:PORT or [V6]:PORT. Port 0 lets the system choose at the start. Changed: needs a restart.',
  ),
  public_url: takes(z.string(), (text) => parsePublicUrl(text, 'public_url')).describe(
    'Where agents and operators reach this gateway: https, a name or an address, a port. Changed: the server certificate is issued for the new name with the same key, and new strings and logins carry it.',
  ),
  public_udp: takes(z.string().nullable().default(null), (text) => parsePublicUdp(text, 'public_udp')).describe(
    'Where agents reach its UDP port, HOST:PORT, if elsewhere than public_url says.',
  ),
  proxy_listen: takes(z.string().nullable().default(null), (text) => parseListen(text, 'proxy_listen')).describe(
    'Where plain clients as curl and git are served, HOST:PORT; null: nowhere. Changed: needs a restart.',
  ),
  agent_cert_lifetime: lifetime('agent_cert_lifetime').describe(
    'How long certificates of agents last, from their next renewal on: 30s to 3650d, 90d where missing. Version 1 agents always get 365d.',
  ),
  server_cert_lifetime: lifetime('server_cert_lifetime').describe("How long the gateway's own certificate lasts: 30s to 3650d, 365d where missing."),
  longest_session: takes(z.string().nullish(), (text) => parseSessionLength(text, 'longest_session')).describe(
    'After how long every session that begins from now on ends, whatever policy says, as a duration from 1m; null or missing: as long as policy allows and it is used.',
  ),
  direct: z
    .array(takes(z.string(), (text) => parseDirect([text])))
    .optional()
    .describe(
      'Networks with ports that the gateway connects to itself where no agent carries a target, as 10.1.0.0/16:443 or [fd00::/64]:22; none where missing.',
    ),
  log_level: z.enum(LOG_LEVELS).optional().describe('The least that is logged to standard error; info where missing.'),
});
export type StoredConfig = z.infer<typeof StoredConfig>;

const HINT = 'Correct it (tunnel config check says when it is good), or remove it and start the gateway with --listen and --public-url.';

/** Undefined before the first start. Errors `config.invalid`, `file.loose-mode`. */
export async function readConfig(path: string, files: World['files']): Promise<StoredConfig | undefined> {
  const content = await files.readSecret(path);
  return content && parseConfig(path, content);
}

/** Error `config.invalid`, naming field and line. */
export function parseConfig(path: string, content: Uint8Array): StoredConfig {
  return parseConfigFile({ path, content }, StoredConfig, HINT);
}

/** Milliseconds. Error `duration.malformed`. */
export function parseLifetime(text: string, field: string): number {
  const ms = parseDuration(text, field);
  if (ms >= SHORTEST_CERT_MS && ms <= LONGEST_CERT_MS) return ms;
  throw new TunnelError('duration.malformed', `${field} is not between ${formatDuration(SHORTEST_CERT_MS)} and ${formatDuration(LONGEST_CERT_MS)}: ${text}`);
}
