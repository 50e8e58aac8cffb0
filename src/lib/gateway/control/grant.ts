// What a string shall be good for, as an administrator asks for it: checked, and brought into canonical form.
import type { z } from 'zod';
import type { MintRequest } from '../../api/tokens.ts';
import { TunnelError } from '../../base/errors.ts';
import { parseName } from '../../base/ids.ts';
import { LONGEST_SHARED_NAME } from '../../policy/enrolment.ts';
import { formatPorts, parsePorts } from '../../policy/ports.ts';
import { formatTargetScope, parseTargetScope } from '../../policy/target-scope.ts';
import { formatRoute, parseRoute } from '../../routing/route.ts';
import { formatSubnet, parseSubnet } from '../../routing/subnet.ts';
import type { NewToken } from '../../store/tokens.ts';

const CREDENTIAL_MS = 30 * 86_400_000;
const LONGEST_MS = 366 * 86_400_000;
/** They travel in every session's material, whose frame has 16 KiB. */
const LONGEST_TARGETS = 4096;

export type GrantRequest = z.output<typeof MintRequest>;

/** What a string will be good for, in canonical text. */
export type Grant = Omit<NewToken, 'id' | 'hash' | 'createdBy' | 'expiresAt'>;

/** Errors `name.malformed`, `route.malformed`, `ports.malformed`, `target.malformed`, `request.malformed`. */
export function parseGrant(request: GrantRequest): Grant {
  const { kind, replace, ports, agents, sources, targets } = request;
  assertFitting(request);
  return {
    kind,
    name: parseName(request.name),
    routes: once(request.routes, (text) => formatRoute(parseRoute(text))),
    ports: ports === undefined ? null : formatPorts(parsePorts(ports)),
    site: request.site === undefined ? null : parseName(request.site, 'site'),
    maxUses: request.uses ?? 1,
    ephemeral: request.ephemeral ?? false,
    sources: sources === undefined ? null : once(sources, (text) => formatSubnet(parseSubnet(text, 'sources'))),
    agents: agents === undefined ? null : once(agents, (agent) => parseName(agent, 'agents')),
    targets: targets === undefined ? null : once(targets, (text) => formatTargetScope(parseTargetScope(text))),
    replaces: replace,
    credentialMs: kind === 'agent' ? null : (request.credential_expires_ms ?? CREDENTIAL_MS),
  };
}

/** Error `request.malformed` for what makes no sense together. */
function assertFitting({ kind, name, uses = 1, replace, ...request }: GrantRequest): void {
  const refuse = (why: string): never => {
    throw new TunnelError('request.malformed', why);
  };
  const meant = {
    agent: {
      routes: request.routes.length > 0,
      ports: request.ports,
      uses: uses > 1,
      ephemeral: request.ephemeral,
      sources: request.sources,
      site: request.site,
    },
    operator: { agents: request.agents, targets: request.targets },
  };
  for (const [whom, fields] of Object.entries(meant))
    for (const [field, value] of Object.entries(fields))
      if (whom !== kind && value !== undefined && value !== false) refuse(`${field} is for ${whom}s only, not for --kind ${kind}`);
  if (kind === 'agent' && request.credential_expires_ms !== undefined) refuse('credential_expires_ms is for operators and administrators only');
  if (request.expires_ms > LONGEST_MS || (request.credential_expires_ms ?? 0) > LONGEST_MS) refuse('nothing is minted for longer than 366 days');
  if ((request.targets ?? []).join().length > LONGEST_TARGETS) refuse(`targets have at most ${LONGEST_TARGETS} characters together`);
  if (uses > 1 && replace) refuse('replace is for one agent: it does not go with more than one use');
  if (uses > 1 && name.length > LONGEST_SHARED_NAME) refuse(`the name of several agents has at most ${LONGEST_SHARED_NAME} characters: each adds its own end`);
}

function once(texts: readonly string[], canonical: (text: string) => string): string[] {
  return [...new Set(texts.map(canonical))];
}
