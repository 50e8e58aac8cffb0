// What a version 2 agent demands before it opens anything: control's signature under session, operator, agent, targets, ports and kinds (protocol.md, version 2).

import { z } from 'zod';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { nameClaim, secondsClaim, targetClaim, uuidClaim } from './claim-shapes.ts';
import { type Purpose, sign, type Times, verify } from './jws.ts';
import { readPublicKeys, type SigningKey, type VerifyingKey } from './signing-keys.ts';

const PURPOSE: Purpose = {
  cty: 'MATERIAL',
  audience: 'tunnel:agent',
  keyed: true,
  refusal: { code: 'session.refused', message: 'the session material is invalid, has expired or is for another agent' },
};

const Claims = z.object({
  sid: uuidClaim,
  sub: nameClaim,
  agent_id: uuidClaim,
  targets: z.array(targetClaim),
  ports: z.array(z.string().regex(/^\d{1,5}(-\d{1,5})?$/)),
  kinds: z.array(z.string().min(1).max(32)),
  exp: secondsClaim,
});

export interface SessionMaterial {
  readonly sessionId: string;
  readonly operator: string;
  readonly agentId: string;
  /** Scopes of targets, canonical: `10.0.0.5:22`, `10.0.0.0/24:22`, `*.corp.example:1-1024`; `["*"]` is whatever the ports and the agent's routes allow. */
  readonly targets: readonly string[];
  /** `22` or `1000-2000`. */
  readonly ports: readonly string[];
  /** Kinds that an agent does not know grant nothing. */
  readonly kinds: readonly string[];
}

/** Error `limit.reached`: too many or too long targets. */
export function mintMaterial({ sessionId, operator, agentId, targets, ports, kinds }: SessionMaterial, key: SigningKey, times: Times): Promise<string> {
  return sign(PURPOSE, { sid: sessionId, sub: operator, agent_id: agentId, targets, ports, kinds }, key, times);
}

/** For the agent `agentId`, by the JWKS that it got at enrolment or renewal. Error `session.refused`, the same for every reason. `expiresAt` in ms. */
export async function verifyMaterial(
  text: string,
  jwksJson: string,
  { now, agentId }: { now: number; agentId: string },
): Promise<SessionMaterial & { readonly expiresAt: number }> {
  const claims = await verify(PURPOSE, Claims, text, keysOf(jwksJson), { now, toleranceMs: LIMITS.clockSkewMs });
  if (claims.agent_id !== agentId) throw refused(`for the agent ${claims.agent_id}`);
  const { sid, sub, agent_id, targets, ports, kinds, exp } = claims;
  return { sessionId: sid, operator: sub, agentId: agent_id, targets, ports, kinds, expiresAt: exp * 1000 };
}

function keysOf(jwksJson: string): readonly VerifyingKey[] {
  try {
    return readPublicKeys(jwksJson);
  } catch (cause) {
    throw refused(cause);
  }
}

function refused(cause: unknown): TunnelError {
  return new TunnelError(PURPOSE.refusal.code, PURPOSE.refusal.message, { cause });
}
