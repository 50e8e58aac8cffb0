// Sessions of operators: a client asks for a token for its targets; who has them looks at them, keeps them and closes them.
import { sessionEndpoints } from '../../../api/endpoints/sessions.ts';
import type { ControlContext } from '../context.ts';
import { closeSession, getSession, keepSession, listSessions } from '../list-sessions.ts';
import { openSession } from '../open-session.ts';
import type { Answering } from './answering.ts';

export function sessionsRoutes(answer: Answering, context: ControlContext): void {
  answer(sessionEndpoints.openSession, ({ caller, body }) => openSession(context, caller, body));
  answer(sessionEndpoints.listSessions, ({ caller, query: { after, limit, ended } }) =>
    listSessions(context, caller, { after: after ?? null, limit, ended: ended === 'true' }),
  );
  answer(sessionEndpoints.getSession, ({ caller, params }) => getSession(context, caller, params.id));
  answer(sessionEndpoints.closeSession, ({ caller, params }) => closeSession(context, caller, params.id));
  answer(sessionEndpoints.keepSession, ({ caller, params }) => keepSession(context, caller, params.id));
}
