// Strings: what may be minted by whom, and the row whose uses are spent later.
import type { MintAnswer } from '../../api/tokens.ts';
import { TunnelError } from '../../base/errors.ts';
import { exceedsMinter } from '../../policy/mint-rights.ts';
import { parseRoute } from '../../routing/route.ts';
import type { NewToken } from '../../store/tokens.ts';
import { mintEnrolment } from '../../tokens/enrolment-string.ts';
import { mintLogin } from '../../tokens/login-string.ts';
import { hashSecret } from '../../tokens/secret.ts';
import { parsePublicUrl } from '../addresses.ts';
import { connectEndpoint } from '../config.ts';
import { actorOf, type Caller } from './caller.ts';
import type { ControlContext, PublicPlaces } from './context.ts';
import { type Grant, type GrantRequest, parseGrant } from './grant.ts';
import { overlapWarnings } from './overlaps.ts';

/** Errors `scope.missing`, `name.malformed`, `name.taken`, `route.malformed`, `ports.malformed`, `target.malformed`, `request.malformed`, `gateway.never-started`. */
export async function mint(context: ControlContext, caller: Caller, request: GrantRequest): Promise<MintAnswer> {
  const { store, world } = context;
  const grant = parseGrant(request);
  assertMayMint(caller, grant);
  const places = placesFor(context, request.public_url);
  await judgeName(context, grant);
  const now = world.clock.now();
  const id = world.random.uuid();
  const expiresAt = now + request.expires_ms;
  const string = await signString(context, grant, places, { id, now, expiresAt });
  const token: NewToken = {
    ...grant,
    id,
    hash: hashSecret(string),
    createdBy: actorOf(caller),
    expiresAt,
  };
  const warnings = warningsFor(context, grant);
  await store.transaction(async (tables) => {
    await tables.tokens.insert(token);
    const detail = {
      kind: grant.kind,
      name: grant.name,
      routes: grant.routes,
      ports: grant.ports,
      agents: grant.agents,
      targets: grant.targets,
      uses: grant.maxUses,
      ephemeral: grant.ephemeral,
      sources: grant.sources,
      site: grant.site,
      replaces: grant.replaces,
      expires_at: new Date(expiresAt).toISOString(),
      warnings,
    };
    await tables.audit.append({ code: 'token.minted', actor: actorOf(caller), subject: `token:${id}`, detail });
  });
  return { token: string, id, kind: grant.kind, name: grant.name, expires_at: new Date(expiresAt).toISOString(), warnings };
}

/** Error `scope.missing`. */
function assertMayMint({ kind, operator }: Caller, grant: Grant): void {
  const excess = exceedsMinter({ kind, agents: operator?.agents ?? null, targets: operator?.targets ?? null }, grant);
  if (excess !== undefined)
    throw new TunnelError('scope.missing', excess, { hint: 'Log in with a string of --kind admin, or run it on the gateway with --data-dir.' });
}

function placesFor(context: ControlContext, publicUrl: string | undefined): PublicPlaces {
  const places = context.places();
  if (publicUrl !== undefined) {
    const url = parsePublicUrl(publicUrl);
    return { url, quic: places?.url === url ? places.quic : connectEndpoint(url) };
  }
  if (places) return places;
  throw new TunnelError('gateway.never-started', 'nobody knows yet how this gateway is reached: it was never started', {
    hint: 'Start it first (tunnel gateway start), or mint with --public-url https://HOST:PORT.',
  });
}

async function judgeName({ store }: ControlContext, { kind, name, replaces, maxUses }: Grant): Promise<void> {
  if (replaces || maxUses > 1) return;
  const taken = kind === 'agent' ? await store.agents.byName(name) : await store.operators.byName(name);
  if (taken)
    throw new TunnelError('name.taken', `${kind === 'agent' ? 'an agent' : 'an operator'} ${name} exists`, {
      hint: 'Choose another name, or mint with --replace to take its place.',
    });
}

function signString(
  { authority, keys }: ControlContext,
  { kind, name }: Grant,
  { url, quic }: PublicPlaces,
  { id, now, expiresAt }: { id: string; now: number; expiresAt: number },
): Promise<string> {
  const claims = { tokenId: id, gatewayUrl: url, caSpkiSha256: authority.spkiSha256, tls: 'tunnel' } as const;
  const times = { now, expiresAt };
  return kind === 'agent'
    ? mintEnrolment({ ...claims, agentName: name, quicEndpoint: quic }, keys[0], times)
    : mintLogin({ ...claims, name, kind }, keys[0], times);
}

function warningsFor({ registry }: ControlContext, { kind, name, routes, agents }: Grant): string[] {
  if (kind === 'operator') return agents === null ? [`operator ${name} may reach all agents, also those that come later`] : [];
  if (kind !== 'agent') return [];
  return overlapWarnings(
    registry,
    name,
    routes.map((text) => parseRoute(text)),
  );
}
