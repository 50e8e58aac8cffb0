// Login, logout and whoami; and the operators that there are.
import { loginEndpoints } from '../../../api/endpoints/logins.ts';
import type { ControlContext } from '../context.ts';
import { login, logout, whoami } from '../login.ts';
import { deleteOperator, listOperators } from '../operators.ts';
import type { Answering } from './answering.ts';
import { bearerOf, sourceOf } from './who-calls.ts';

export function loginRoutes(answer: Answering, context: ControlContext): void {
  answer(loginEndpoints.login, ({ body, request }) => login(context, bearerOf(request), body, sourceOf(request)));
  answer(loginEndpoints.logout, ({ caller }) => logout(context, caller));
  answer(loginEndpoints.whoami, ({ caller }) => whoami(context, caller));
  answer(loginEndpoints.listOperators, ({ caller, query }) => listOperators(context, caller, { after: query.after ?? null, limit: query.limit }));
  answer(loginEndpoints.deleteOperator, ({ caller, params }) => deleteOperator(context, caller, params.name));
}
