// How a running agent fares, as it answers on the socket in its data folder, and as `agent status --json` prints it.
import { z } from 'zod';
import { TunnelError } from '../base/errors.ts';

const Instant = z.iso.datetime();

const Failure = z.object({ code: z.string(), message: z.string(), at: Instant });

const LinkStatus = z.object({
  transport: z.string(),
  /** Why this transport; null where nothing needs an explanation. */
  reason: z.string().nullable(),
  remote: z.string(),
  /** `current` has what is new, `beginning` waits for its answer, `ending` still carries what it had. */
  state: z.enum(['current', 'beginning', 'ending']),
  /** Online since then; null while it begins. */
  since: Instant.nullable(),
  channels: z.int(),
});

export const AgentStatusAnswer = z.object({
  state: z.enum(['online', 'connecting']),
  /** `tunnel` while sessions or channels of operators are open; its links stay as they are. */
  mode: z.enum(['idle', 'tunnel']),
  sessions: z.int(),
  agent_id: z.string(),
  name: z.string(),
  gateway: z.string(),
  /** Of the newest link that is online; null while there is none. */
  transport: z.string().nullable(),
  reason: z.string().nullable(),
  since: Instant.nullable(),
  routes: z.array(z.string()),
  links: z.array(LinkStatus),
  /** The last failure of dialling or of a link, also when it was overcome. */
  last_error: Failure.nullable(),
  /** End of the certificate. */
  not_after: Instant,
  /** Why the certificate could not be renewed when that was last tried; null once it was. */
  renewal_error: Failure.nullable(),
  pid: z.int(),
});
export type AgentStatusAnswer = z.infer<typeof AgentStatusAnswer>;

/** `now` in wall-clock ms. */
export function failureOf(error: unknown, now: number): z.infer<typeof Failure> {
  const { code, message } = error instanceof TunnelError ? error : new TunnelError('internal', String(error));
  return { code, message, at: new Date(now).toISOString() };
}
