// What control does when a linked agent speaks: its hello, its advertisements, its end.
import { auditText } from '../../audit/text.ts';
import { TunnelError } from '../../base/errors.ts';
import { defaultPorts } from '../../policy/ports.ts';
import { formatRoute, parseRoute, type Route } from '../../routing/route.ts';
import { formatAddressPort } from '../../streams/happy-eyeballs.ts';
import type { Advertisement, PeerHello } from '../contract.ts';
import { assignmentOf, type ControlContext } from './context.ts';
import type { Wishes } from './known-agent.ts';
import { overlapsOf } from './overlaps.ts';
import type { Introduction } from './registry.ts';

/** Of the refused routes of one advertisement. */
const MOST_NAMED = 20;

/** The system decides which ports are open by default, so the assignment may change with it. Error `agent.flapping`. */
export async function introduce(context: ControlContext, linkId: string, hello: PeerHello): Promise<void> {
  const { registry, store } = context;
  assertWelcome(context, linkId, { instance: hello.instance, transportReason: hello.transportReason && auditText(hello.transportReason) });
  const link = registry.findLink(linkId);
  const row = link && registry.row(link.agentId);
  if (!link || !row) return;
  const [os, hostname] = [hello.os.slice(0, 32), auditText(hello.hostname)];
  if (row.os === os && row.hostname === hostname) return;
  const changed = await store.agents.change(link.agentId, { os, hostname });
  if (!changed || !registry.row(link.agentId)) return;
  registry.know(changed);
  const agent = registry.byId(link.agentId);
  if (agent && row.ports === null && defaultPorts(row.os) !== defaultPorts(os)) await context.serving()?.edge.assign(linkId, assignmentOf(agent));
}

/** Two processes with one identity would replace each other for ever: the one that is linked keeps its place. Error `agent.flapping`, and the first time an alarm. */
export function assertWelcome({ audit, registry, world }: ControlContext, linkId: string, introduction: Introduction): void {
  const judged = registry.introduce(linkId, introduction);
  const link = registry.findLink(linkId);
  const row = link && registry.row(link.agentId);
  if (!link || !row || !judged || judged.welcome) return;
  const remotes = [judged.holder, link].flatMap((one) => (one ? [formatAddressPort(one.remote)] : []));
  if (judged.raised) {
    world.log.warn({ agent: row.name, remotes }, 'two processes hold the identity of this agent and replace each other; the newer one is held off');
    audit.keepProvoked({ code: 'agent.flapping', actor: `agent:${row.name}`, subject: `agent:${row.name}`, detail: { agent_id: row.id, remotes } });
  }
  throw new TunnelError('agent.flapping', `flapping: another process is linked with the identity of ${row.name}`, {
    hint: 'Each machine needs an enrolment of its own: tunnel token mint --kind agent --name NAME.',
  });
}

/** Known to routing before this first waits; what is written down comes after. */
export async function advertise(context: ControlContext, linkId: string, advertisement: Advertisement): Promise<void> {
  const { registry, store, world } = context;
  const verdict = registry.advertise(linkId, wishesOf(context, advertisement));
  const link = registry.findLink(linkId);
  const row = link && registry.row(link.agentId);
  if (!link || !row || verdict !== 'replaced') return;
  world.log.info(
    { agent: row.name, epoch: String(advertisement.epoch), subnets: advertisement.subnets.length, names: advertisement.names.length },
    'routes advertised',
  );
  noteRefused(context, row);
  // Only released stock agents mark a bare name as found by itself, and they mean everything below it too (reference.md, 5).
  const released = link.protocol === 1 && advertisement.names.some(({ name, autoDetected }) => autoDetected && !name.startsWith('*.'));
  if (!released || row.bareNamesAreSuffixes) return;
  const changed = await store.agents.change(link.agentId, { bareNamesAreSuffixes: true });
  if (changed && registry.row(link.agentId)) registry.know(changed);
}

/** What an agent asks for beyond what it is allowed, when that changes: nothing is routed by it, and somebody should know. */
function noteRefused({ audit, registry, world }: ControlContext, { id, name }: { readonly id: string; readonly name: string }): void {
  const refused = registry.byId(id)?.refused ?? [];
  if (!registry.refusedAnew(id) || refused.length === 0) return;
  const routes = refused.slice(0, MOST_NAMED);
  world.log.warn({ agent: name, routes: routes.map(formatRoute), count: refused.length }, 'an agent asks for routes that it is not allowed');
  const overlaps = routes.flatMap((route) => overlapsOf(registry, name, route).slice(0, 1));
  audit.keepProvoked({
    code: 'agent.routes-refused',
    actor: `agent:${name}`,
    subject: `agent:${name}`,
    detail: { agent_id: id, count: refused.length, routes: routes.map(formatRoute), overlaps },
  });
}

/** Its sessions end with the agent's last link; what another link carries is untouched. */
export async function unlink(context: ControlContext, linkId: string, reason: string): Promise<void> {
  const { audit, registry, sessions, store, world } = context;
  const ended = registry.unlink(linkId);
  const row = ended && registry.row(ended.link.agentId);
  if (!ended || !row) return;
  audit.keepProvoked({
    code: 'link.closed',
    actor: `agent:${row.name}`,
    subject: `agent:${row.name}`,
    detail: { link_id: linkId, reason: auditText(reason), current: ended.current, last: ended.last },
  });
  if (!ended.last) return;
  context.ephemerals.away(row);
  const lost = await sessions.endAll({ agentId: row.id }, 'agent-lost');
  if (lost.length > 0) world.log.warn({ agent: row.name, sessions: lost.length }, 'sessions ended with their agent');
  await store.agents.seen([row.id]);
}

function wishesOf({ world }: ControlContext, { epoch, subnets, names }: Advertisement): Wishes {
  const routes = [...subnets, ...names.map(({ name }) => name)].flatMap((text): Route[] => {
    try {
      return [parseRoute(text)];
    } catch (error) {
      world.log.warn({ error }, 'an advertised route is dropped');
      return [];
    }
  });
  return { epoch, routes, autoDetected: new Set(names.filter(({ autoDetected }) => autoDetected).map(({ name }) => name.toLowerCase())) };
}
