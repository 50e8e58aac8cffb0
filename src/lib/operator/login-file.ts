// The shapes of login.json and login-pending.json: what the operator's side keeps of a login, and of one that is not answered yet.
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
  /** SHA-256 of the string, so that the same command can be run again. */
  logged_in_with: z.string().optional(),
});

export type Credentials = z.infer<typeof Stored>;

const Made = z.object({ logged_in_with: z.string(), credential: z.string().min(1) });

/** A credential that was made for a string and may be good by now. */
export type MadeCredential = z.infer<typeof Made>;

/** Undefined for anything else. A login is one, too. */
export function readMadeCredential(content: Uint8Array): MadeCredential | undefined {
  return Made.safeParse(parseJson(content)).data;
}

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
