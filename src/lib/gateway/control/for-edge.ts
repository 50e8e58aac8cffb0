// What an edge may ask of control, and what is left to do when an edge is lost with everything it held (security.md, Faults).
import { TunnelError } from '../../base/errors.ts';
import type { Admission, AttachRequest, ConnectRequest, ControlForEdge, EdgeKeeping, Plan, PresentedLink } from '../contract.ts';
import { admit, noteRefused } from './admit.ts';
import { attach } from './attach.ts';
import { authorise, SeenTokens } from './authorise.ts';
import type { ControlContext } from './context.ts';
import { advertise, introduce, unlink } from './links.ts';
import { renew } from './renew.ts';
import { ChannelReports } from './report.ts';

export type EdgeDesk = ControlForEdge & EdgeKeeping;

/** There is one edge at a time. What an edge asked before it was lost is undone when it is answered after. */
export function edgeDesk(context: ControlContext): EdgeDesk {
  const { audit, registry, users } = context;
  const seen = new SeenTokens();
  const reports = new ChannelReports();
  let losses = 0;
  let lastReason = '';
  /** Runs `work`; `undo` where the edge was lost meanwhile, which nobody else will. Error `gateway.stopping` then. */
  const unlessLost = async <Value>(work: Promise<Value>, undo: (value: Value) => unknown): Promise<Value> => {
    const before = losses;
    const value = await work;
    if (before === losses) return value;
    await undo(value);
    throw new TunnelError('gateway.stopping', 'the edge that asked was lost', { hint: 'Try again in a moment.' });
  };
  return {
    admit: (presented: PresentedLink): Promise<Admission> => unlessLost(admit(context, presented), ({ linkId }) => unlink(context, linkId, lastReason)),
    refused: async (peer) => noteRefused(context, peer),
    introduce: (linkId, hello) => introduce(context, linkId, hello),
    advertise: (linkId, advertisement) => advertise(context, linkId, advertisement),
    alive: async (linkId) => registry.alive(linkId),
    unlink: (linkId, reason) => unlink(context, linkId, reason),
    async authorise(request: ConnectRequest): Promise<Plan> {
      const { connection } = request;
      const planned = await unlessLost(authorise(context, seen, request), () => connection !== undefined && users.leave(connection));
      reports.expect(planned);
      return planned.plan;
    },
    attach: (request: AttachRequest) => unlessLost(attach(context, seen, request), () => users.leave(request.connection)),
    detach: async (connection) => users.leave(connection),
    renew: (linkId, request) => renew(context, linkId, request),
    report: async (event) => reports.hear(context, event),

    async lost({ pid, reason }) {
      losses += 1;
      lastReason = `the edge was lost: ${reason}`;
      const links = registry.links();
      const channels = reports.lost(context, lastReason);
      users.leaveAll();
      audit.keep({ code: 'edge.lost', actor: 'gateway', subject: 'gateway', detail: { pid, reason, links: links.length, channels } });
      await Promise.all(links.map(({ linkId }) => unlink(context, linkId, lastReason)));
    },
    restarted({ pid, reason, restarts }) {
      audit.keep({ code: 'edge.restarted', actor: 'gateway', subject: 'gateway', detail: { pid, reason, restarts } });
    },
  };
}
