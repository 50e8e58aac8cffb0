// Nobody grants more than they have: what of a string goes beyond the rights of whoever mints it (security.md, O). Pure.
import { coversTargets, parseTargetScope } from './target-scope.ts';

/** Null: all of them. */
interface Rights {
  readonly agents: readonly string[] | null;
  readonly targets: readonly string[] | null;
}

export interface Minter extends Rights {
  readonly kind: 'operator' | 'admin' | 'local-admin';
}

export interface WantedString extends Rights {
  readonly kind: 'agent' | 'operator' | 'admin';
}

/** Why it may not be minted; undefined where it may. An administrator has every right; one whose rights were limited may mint operators within them. */
export function exceedsMinter(minter: Minter, wanted: WantedString): string | undefined {
  if (minter.kind === 'operator') return 'only an administrator mints strings';
  const { agents, targets } = minter;
  if (wanted.kind !== 'operator')
    return agents === null && targets === null ? undefined : `who may not reach everything mints no string of kind ${wanted.kind}`;
  if (agents !== null && !wanted.agents?.every((agent) => agents.includes(agent))) return 'it would reach agents that its minter does not reach';
  if (targets === null) return undefined;
  const own = targets.map((text) => parseTargetScope(text));
  const within = wanted.targets?.every((text) => own.some((scope) => coversTargets(scope, parseTargetScope(text))));
  return within ? undefined : 'it would reach targets that its minter does not reach';
}
