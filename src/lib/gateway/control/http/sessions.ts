// Sessions of operators: a client asks for a token for its targets; who has them looks at them and closes them.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { PATHS, SessionRequest } from '../../../api/contract.ts';
import { SessionsQuery } from '../../../api/locks.ts';
import type { ControlContext } from '../context.ts';
import { closeSession, getSession, listSessions } from '../list-sessions.ts';
import { openSession } from '../open-session.ts';
import { readAs } from './json-body.ts';
import type { WhoCalls } from './who-calls.ts';

const ById = z.object({ id: z.string().min(1).max(100) });

export function sessionsRoutes(app: FastifyInstance, context: ControlContext, whoCalls: WhoCalls): void {
  app.post(PATHS.sessions, async (request) => {
    const caller = await whoCalls(request);
    return openSession(context, caller, readAs(SessionRequest, request.body));
  });

  app.get(PATHS.sessions, async (request) => {
    const caller = await whoCalls(request);
    const { after, limit, ended } = readAs(SessionsQuery, request.query, 'the query');
    return listSessions(context, caller, { after: after ?? null, limit, ended: ended === 'true' });
  });

  app.get(`${PATHS.sessions}/:id`, async (request) => getSession(context, await whoCalls(request), readAs(ById, request.params, 'the path').id));

  app.delete(`${PATHS.sessions}/:id`, async (request) => closeSession(context, await whoCalls(request), readAs(ById, request.params, 'the path').id));
}
