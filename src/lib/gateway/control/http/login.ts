// Login, logout and whoami.
import type { FastifyInstance } from 'fastify';
import { PATHS } from '../../../api/contract.ts';
import type { ControlContext } from '../context.ts';
import { login, logout, whoami } from '../login.ts';
import { bearerOf, sourceOf, type WhoCalls } from './who-calls.ts';

export function loginRoutes(app: FastifyInstance, context: ControlContext, whoCalls: WhoCalls): void {
  app.post(PATHS.login, async (request) => login(context, bearerOf(request), sourceOf(request)));

  app.post(PATHS.logout, async (request, reply) => {
    await logout(context, await whoCalls(request));
    return reply.code(204).send();
  });

  app.get(PATHS.whoami, async (request) => whoami(context, await whoCalls(request)));
}
