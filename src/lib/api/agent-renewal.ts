// What a renewal on demand came to, as a running agent answers on the socket in its data folder, and as `agent renew --json` prints it.
import { z } from 'zod';

export const AgentRenewalAnswer = z.object({
  agent_id: z.string(),
  name: z.string(),
  gateway: z.string(),
  /** End of the new certificate. */
  not_after: z.iso.datetime(),
  key_changed: z.boolean(),
});
export type AgentRenewalAnswer = z.infer<typeof AgentRenewalAnswer>;
