// Looks after certificates that are about to end: people are told once a day, and stock agents, which renew only right after they have linked, are made to link again (A13).
import { endsSoon, renewalPace, STOCK_RENEWS_WITHIN_MS, type Validity } from '../../pki/renewal-pace.ts';
import type { ControlContext } from './context.ts';
import type { KnownAgent, RegisteredLink } from './known-agent.ts';

const DAY_MS = 86_400_000;
/** Agents whose certificates are asked for at once. */
const AT_ONCE = 500;
/** Links are closed one after the other: a clock that was set must not bring all stock agents back in one moment. */
const APART_MS = 1000;

/** When a link was last told to end, monotonic. */
type Told = WeakMap<RegisteredLink, number>;

/** Until it is disposed of, it looks every hour; more often where certificates of agents live shorter than a day. */
export function watchExpiry(context: ControlContext): AsyncDisposable {
  const { world } = context;
  const stop = new AbortController();
  const told: Told = new WeakMap();
  const everyMs = () => renewalPace({ notBefore: 0, notAfter: context.settings.agentCertMs }).lookAgainMs;
  const loop = async () => {
    while (!stop.signal.aborted) {
      await world.clock.sleep(everyMs(), stop.signal);
      if (!stop.signal.aborted)
        await lookAtExpiry(context, told, stop.signal).catch((error: unknown) => world.log.warn({ error }, 'ends of certificates were not looked at'));
    }
  };
  const done = loop();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done;
    },
  };
}

/** One look at all agents. Errors of the store. */
export async function lookAtExpiry(context: ControlContext, told: Told, signal: AbortSignal): Promise<void> {
  const { registry, store, world } = context;
  const all = registry.all().filter(({ barred }) => barred === null);
  for (let from = 0; from < all.length && !signal.aborted; from += AT_ONCE) {
    const agents = all.slice(from, from + AT_ONCE);
    const newest = await store.certificates.newestOf(agents.map(({ id }) => id));
    for (const agent of agents) {
      const validity = validityInUse(agent, newest.get(agent.id));
      if (validity === undefined || !endsSoon(validity, world.clock.now())) continue;
      await warn(context, agent, validity);
      await relinkStock(context, told, agent, validity, signal);
    }
  }
}

/** Of the certificate with which it is linked, where it is; `newest` may never have reached it. */
export function validityInUse({ link }: Pick<KnownAgent, 'link'>, newest: Validity | undefined): Validity | undefined {
  return link?.certificate ?? newest;
}

/** Not for ever: who has been gone for a day after the end is history. */
async function warn({ store, world }: ControlContext, { id, name }: KnownAgent, { notAfter }: Validity): Promise<void> {
  const left = notAfter - world.clock.now();
  if (left < -DAY_MS) return;
  await store.transaction(async (tables) => {
    if (!(await tables.expiryWarnings.claim(id, DAY_MS))) return;
    const detail = { agent_id: id, not_after: new Date(notAfter).toISOString(), expired: left <= 0 };
    await tables.audit.append({ code: 'agent.certificate-expiring', actor: 'gateway', subject: `agent:${name}`, detail });
  });
}

/** Once a day, when it carries nothing: what it carries is worth more than a day of fifteen. After the end it could not come back. */
async function relinkStock(
  { serving, world }: ControlContext,
  told: Told,
  { name, link }: KnownAgent,
  { notAfter }: Validity,
  signal: AbortSignal,
): Promise<void> {
  const left = notAfter - world.clock.now();
  if (link?.protocol !== 1 || left <= 0 || left > STOCK_RENEWS_WITHIN_MS) return;
  const last = told.get(link);
  if (last === undefined ? world.clock.now() - link.since < DAY_MS : world.clock.monotonic() - last < DAY_MS) return;
  told.set(link, world.clock.monotonic());
  await serving()?.edge.endWhenIdle(link.linkId, 'its certificate ends soon: dial again and renew it');
  world.log.info({ agent: name, not_after: new Date(notAfter).toISOString() }, 'a version 1 agent is to dial again, so that it renews its certificate');
  await world.clock.sleep(APART_MS, signal);
}
