// The shape of login.json: what the operator's side keeps of a login.
import { z } from 'zod';

const Stored = z.object({
  gateway: z.url(),
  ca_pem: z.string().min(1),
  operator: z.string().min(1),
  kind: z.enum(['operator', 'admin']),
  credential: z.string().min(1),
  expires_at: z.iso.datetime(),
  /** Whose certificate the API shows: the tunnel's own CA, or one that the system trusts. */
  tls: z.enum(['tunnel', 'public']).default('tunnel'),
});

export type Credentials = z.infer<typeof Stored>;

/** Undefined for anything that is no login. */
export function readLoginFile(content: Uint8Array): Credentials | undefined {
  return Stored.safeParse(parseJson(content)).data;
}

function parseJson(content: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(content).toString('utf8'));
  } catch {
    return undefined;
  }
}
