// Another CA for this gateway: begun, looked at, ended; and what that means for agents that have not followed (docs/adr/0009).
import type { RotationAnswer } from '../../api/contract.ts';
import { TunnelError } from '../../base/errors.ts';
import { actorOf, assertAdmin, type Caller } from './caller.ts';
import type { ControlContext } from './context.ts';

const SHORTEST_WINDOW_MS = 1000;
/** Names in a warning, at most. */
const NAMED = 20;

/** Errors `scope.missing`, `request.malformed`, `ca.rotating`, `ca.passphrase`, `file.failed`. */
export async function rotateCa(context: ControlContext, caller: Caller, windowMs: number): Promise<RotationAnswer> {
  assertAdmin(caller);
  if (windowMs < SHORTEST_WINDOW_MS) throw new TunnelError('request.malformed', 'the window is shorter than a second');
  const before = context.authority.spkiSha256;
  await context.ca.rotate(windowMs);
  const rotation = await showRotation(context);
  const { spki_sha256, accepted_until } = rotation;
  await context.store.audit.append({ code: 'ca.rotated', actor: actorOf(caller), subject: 'ca', detail: { spki_sha256, before, accepted_until } });
  return { ...rotation, warnings: warningsFor(context) };
}

/** Errors `scope.missing`, `ca.not-rotating`, `file.failed`. */
export async function finishRotation(context: ControlContext, caller: Caller): Promise<RotationAnswer> {
  assertAdmin(caller);
  const behind = await agentsBehind(context);
  await context.ca.finish();
  await endRotation(context, actorOf(caller), behind);
  const warnings = behind.length === 0 ? [] : [`${behind.length} agents have not followed and must enrol again: ${named(behind.map(({ name }) => name))}`];
  return { ...(await showRotation(context)), agents_behind: behind.length, warnings };
}

/** How it stands. `agents_behind` counts only while a rotation runs. */
export async function showRotation(context: ControlContext): Promise<RotationAnswer> {
  const { spkiSha256, notAfter, previous } = context.authority;
  return {
    spki_sha256: spkiSha256,
    not_after: new Date(notAfter).toISOString(),
    accepted_until: previous ? new Date(previous.notAfter).toISOString() : null,
    agents_behind: (await agentsBehind(context)).length,
    warnings: [],
  };
}

/** The window is over, on disk and at the listeners: whoever has not followed is cut off. */
export async function endRotation(context: ControlContext, actor: string, behind?: readonly Behind[]): Promise<void> {
  const { authority, registry, serving, store } = context;
  const left = behind ?? (await agentsBehind(context, true));
  const detail = { spki_sha256: authority.spkiSha256, agents_behind: left.length };
  await store.audit.append({ code: 'ca.rotation-ended', actor, subject: 'ca', detail });
  const edge = serving()?.edge;
  const links = left.flatMap(({ id }) => registry.linksOf(id));
  await Promise.all(links.map(({ linkId }) => edge?.closeLink(linkId, 'its certificate is of a CA that is no longer accepted')));
}

interface Behind {
  readonly id: string;
  readonly name: string;
}

/** Whose newest certificate is older than the CA that issues now. */
async function agentsBehind({ authority, registry, store }: ControlContext, ended = false): Promise<Behind[]> {
  if (!authority.previous && !ended) return [];
  const agents = registry.all();
  const newest = await store.certificates.newestOf(agents.map(({ id }) => id));
  return agents.filter(({ id }) => (newest.get(id)?.notBefore ?? Number.POSITIVE_INFINITY) < authority.notBefore).map(({ id, name }) => ({ id, name }));
}

function warningsFor({ authority, registry }: ControlContext): string[] {
  if (!authority.previous) return ['the CA before had ended: every agent must enrol again, and every operator log in again'];
  const until = new Date(authority.previous.notAfter).toISOString();
  const agents = registry.all();
  const stock = agents.filter(({ link, os }) => (link ? link.protocol === 1 : os === null));
  const away = agents.filter((agent) => !agent.online && !stock.includes(agent));
  return [
    ...(stock.length === 0
      ? []
      : [
          `version 1 agents renew only in the last 15 days of their certificates; those that have not by ${until} must enrol again: ${named(stock.map(({ name }) => name))}`,
        ]),
    ...(away.length === 0 ? [] : [`agents that are offline now must link before ${until}, or enrol again: ${named(away.map(({ name }) => name))}`]),
  ];
}

function named(names: readonly string[]): string {
  return names.length > NAMED ? `${names.slice(0, NAMED).join(', ')} and ${names.length - NAMED} more` : names.join(', ');
}
