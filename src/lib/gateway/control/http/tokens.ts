// Strings: mint, list, find, revoke.
import { tokenEndpoints } from '../../../api/endpoints/tokens.ts';
import type { ControlContext } from '../context.ts';
import { mint } from '../mint.ts';
import { findTokens, listTokens, revokeTokens } from '../tokens.ts';
import type { Answering } from './answering.ts';

export function tokensRoutes(answer: Answering, context: ControlContext): void {
  answer(tokenEndpoints.mint, ({ caller, body }) => mint(context, caller, body));
  answer(tokenEndpoints.listTokens, ({ caller, query }) => listTokens(context, caller, query));
  answer(tokenEndpoints.findTokens, ({ caller, params }) => findTokens(context, caller, params.which));
  answer(tokenEndpoints.revokeTokens, ({ caller, params }) => revokeTokens(context, caller, params.which));
}
