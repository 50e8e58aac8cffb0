// What an agent asks to carry, and what of it an administrator allows: active is both, refused is what was asked for beyond.
import { allows, formatRoute, type Route } from '../routing/route.ts';

/** For each wish the part that is allowed: the wish itself, or the narrower allowance inside it. No duplicates, order of the wishes. */
export function activeRoutes(allowed: readonly Route[], requested: readonly Route[]): Route[] {
  const active = new Map<string, Route>();
  for (const wish of requested) {
    if (allowed.some((allowance) => allows(allowance, wish))) active.set(formatRoute(wish), wish);
    else for (const allowance of allowed) if (allows(wish, allowance)) active.set(formatRoute(allowance), allowance);
  }
  return [...active.values()];
}

/** The wishes that are not allowed, or not as wide as they are. */
export function refusedRoutes(allowed: readonly Route[], requested: readonly Route[]): Route[] {
  return requested.filter((wish) => !allowed.some((allowance) => allows(allowance, wish)));
}
