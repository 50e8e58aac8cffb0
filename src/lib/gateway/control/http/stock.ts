// The agent paths of version 1, under both prefixes, with the statuses and shapes that stock agents and their tools know (reference.md, 1 and 8).
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AGENT_PREFIXES, EnrollRequest, ResolveRequest, type StockAgent } from '../../../api/contract.ts';
import { TunnelError } from '../../../base/errors.ts';
import { parseUuid } from '../../../base/ids.ts';
import { formatRoute } from '../../../routing/route.ts';
import { deleteAgent } from '../agents.ts';
import { assertAdmin } from '../caller.ts';
import type { ControlContext } from '../context.ts';
import { enrol } from '../enrol.ts';
import type { KnownAgent } from '../registry.ts';
import { resolve } from '../resolve.ts';
import { readAs } from './json-body.ts';
import { statusOf } from './status.ts';
import { bearerOf, sourceOf, type WhoCalls } from './who-calls.ts';

const ById = z.object({ id: z.string().max(100) });
const TokenQuery = z.object({ token: z.string().max(20_000).optional() });

export function stockRoutes(app: FastifyInstance, context: ControlContext, whoCalls: WhoCalls): void {
  for (const prefix of AGENT_PREFIXES) {
    app.post(`${prefix}/enroll`, (request, reply) =>
      plainly(request, reply, async () => {
        const string = bearerOf(request) ?? readAs(TokenQuery, request.query, 'the query').token;
        if (string === undefined) throw new TunnelError('string.refused', 'the enrolment string is missing');
        return enrol(context, string, readAs(EnrollRequest, request.body), sourceOf(request));
      }),
    );

    app.get(`${prefix}/agents`, (request, reply) =>
      plainly(request, reply, async () => {
        assertAdmin(await whoCalls(request));
        const online = context.registry.all().filter(({ link }) => link !== null);
        return online.sort((a, b) => (a.name < b.name ? -1 : 1)).map(stockAgent);
      }),
    );

    app.get(`${prefix}/agents/:id`, (request, reply) =>
      plainly(request, reply, async () => {
        assertAdmin(await whoCalls(request));
        return stockAgent(knownAgent(context, request));
      }),
    );

    app.delete(`${prefix}/agents/:id`, (request, reply) =>
      plainly(request, reply, async () => {
        await deleteAgent(context, assertAdmin(await whoCalls(request)), knownAgent(context, request).id);
        return undefined;
      }),
    );

    app.post(`${prefix}/agents/resolve-target`, (request, reply) =>
      plainly(request, reply, async () => {
        return await resolve(context, await whoCalls(request), readAs(ResolveRequest, request.body));
      }),
    );
  }
}

/** Answers 200 or 204; who does not ask for our JSON gets a bare status, as at the reference, and words only for a body that is wrong. */
async function plainly(request: FastifyRequest, reply: FastifyReply, work: () => Promise<object | undefined>): Promise<FastifyReply> {
  try {
    const answer = await work();
    return answer === undefined ? reply.code(204).send() : reply.send(answer);
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

function knownAgent({ registry }: ControlContext, request: FastifyRequest): KnownAgent {
  const { id } = readAs(ById, request.params, 'the path');
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
