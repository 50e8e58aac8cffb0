// The agent paths of version 1, under both prefixes, with the statuses and shapes that stock agents and their tools know (reference.md, 1 and 8).
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { StockAgent } from '../../../api/contract.ts';
import { STOCK_ENDPOINTS } from '../../../api/endpoints/stock.ts';
import { TunnelError } from '../../../base/errors.ts';
import { parseUuid } from '../../../base/ids.ts';
import { formatRoute } from '../../../routing/route.ts';
import { deleteAgent } from '../agents.ts';
import type { ControlContext } from '../context.ts';
import { enrol } from '../enrol.ts';
import type { KnownAgent } from '../known-agent.ts';
import { resolve } from '../resolve.ts';
import type { Answering } from './answering.ts';
import { statusOf } from './status.ts';
import { bearerOf, sourceOf } from './who-calls.ts';

export function stockRoutes(answer: Answering, context: ControlContext): void {
  for (const stock of STOCK_ENDPOINTS) {
    answer(
      stock.enroll,
      ({ request, query, body }) => {
        const string = bearerOf(request) ?? query.token;
        if (string === undefined) throw new TunnelError('string.refused', 'the enrolment string is missing');
        return enrol(context, string, body, sourceOf(request));
      },
      plainly,
    );
    answer(
      stock.agents,
      () => {
        const online = context.registry.all().filter(({ link }) => link !== null);
        return online.sort((a, b) => (a.name < b.name ? -1 : 1)).map(stockAgent);
      },
      plainly,
    );
    answer(stock.agent, ({ params }) => stockAgent(knownAgent(context, params.id)), plainly);
    answer(stock.deleteAgent, ({ caller, params }) => deleteAgent(context, caller, knownAgent(context, params.id).id), plainly);
    answer(stock.resolveTarget, ({ caller, body }) => resolve(context, caller, body), plainly);
  }
}

/** Who does not ask for our JSON gets a bare status, as at the reference, and words only for a body that is wrong. */
async function plainly(request: FastifyRequest, reply: FastifyReply, work: () => Promise<unknown>): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TunnelError) || wantsJson(request) || statusOf(error) >= 429) throw error;
    const otherShape = error.code === 'request.malformed' && error.cause instanceof z.ZodError;
    reply.code(otherShape ? 422 : statusOf(error));
    return error.code === 'request.malformed' ? reply.type('text/plain').send(error.message) : reply.send();
  }
}

function wantsJson({ headers }: FastifyRequest): boolean {
  return headers.accept?.includes('application/json') ?? false;
}

function knownAgent({ registry }: ControlContext, id: string): KnownAgent {
  const uuid = parseUuid(id);
  if (uuid === undefined) throw new TunnelError('request.malformed', 'the agent id is not a UUID');
  const agent = registry.byId(uuid);
  if (!agent) throw new TunnelError('agent.unknown', `there is no agent ${uuid}`);
  return agent;
}

function stockAgent(agent: KnownAgent): z.infer<typeof StockAgent> {
  const names = agent.routes.filter(({ kind }) => kind === 'name').map(formatRoute);
  return {
    agent_id: agent.id,
    name: agent.name,
    cert_fingerprint: agent.link?.certificate.fingerprintSha256 ?? null,
    is_online: agent.online,
    last_seen_ms: agent.lastSeen,
    subnets: agent.routes.filter(({ kind }) => kind === 'subnet').map(formatRoute),
    domains: names.map((domain) => ({ domain, auto_detected: agent.autoDetected.has(domain) })),
    route_epoch: Number(agent.link?.epoch ?? 0),
  };
}
