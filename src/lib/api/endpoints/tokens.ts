// Endpoints of strings.
import { z } from 'zod';
import { PATHS } from '../contract.ts';
import type { Endpoint } from '../endpoint.ts';
import * as tokens from '../tokens.ts';

const Which = z.object({ which: z.string().min(1).max(300) });

export const tokenEndpoints = {
  mint: {
    method: 'POST',
    path: PATHS.tokens,
    who: 'admin',
    summary: 'make a string for an agent, an operator or an administrator',
    body: tokens.MintRequest,
    answer: tokens.MintAnswer,
    failures: [404, 409],
  },
  listTokens: { method: 'GET', path: PATHS.tokens, who: 'admin', summary: 'strings that were made', query: tokens.TokenQuery, answer: tokens.TokenList },
  findTokens: {
    method: 'GET',
    path: `${PATHS.tokens}/:which`,
    who: 'admin',
    summary: 'strings of a name, an id or a hash',
    params: Which,
    answer: tokens.TokensFound,
    failures: [404],
  },
  revokeTokens: {
    method: 'DELETE',
    path: `${PATHS.tokens}/:which`,
    who: 'admin',
    summary: 'revoke them',
    params: Which,
    answer: tokens.TokensRevoked,
    failures: [404],
  },
} as const satisfies Record<string, Endpoint>;
