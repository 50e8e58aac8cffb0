// Sessions of operators: an operator's client asks for a token for its targets.
import type { FastifyInstance } from 'fastify';
import { PATHS, SessionRequest } from '../../../api/contract.ts';
import type { ControlContext } from '../context.ts';
import { openSession } from '../open-session.ts';
import { readAs } from './json-body.ts';
import type { WhoCalls } from './who-calls.ts';

export function sessionsRoutes(app: FastifyInstance, context: ControlContext, whoCalls: WhoCalls): void {
  app.post(PATHS.sessions, async (request) => {
    const caller = await whoCalls(request);
    return openSession(context, caller, readAs(SessionRequest, request.body));
  });
}
