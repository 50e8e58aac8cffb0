// The policy that every decision is made by, and what it grants each operator on each agent, remembered until it changes.
import { type Grantee, grantedKinds, grantedTargets } from '../../policy/evaluate.ts';
import { BUILT_IN, type Policy, policyOf } from '../../policy/rules.ts';
import type { Store } from '../../store/open.ts';

export interface Granted {
  readonly targets: readonly string[];
  readonly kinds: readonly string[];
}

const MOST = 10_000;

export class PolicyInForce {
  #current: Policy;
  /** By operator and agent; good for the very lists of the login that it was made from. */
  readonly #granted = new Map<string, { readonly operator: Grantee; readonly granted: Granted }>();

  constructor(policy: Policy) {
    this.#current = policy;
  }

  /** Errors of the store. */
  static async load(store: Pick<Store, 'policy'>): Promise<PolicyInForce> {
    const stored = await store.policy.read();
    return new PolicyInForce(stored ? policyOf(stored.document, stored.revision) : BUILT_IN);
  }

  get current(): Policy {
    return this.#current;
  }

  /** After the store has it, before anybody is told. An older one is no news. */
  take(policy: Policy): void {
    if (policy.revision < this.#current.revision) return;
    this.#current = policy;
    this.#granted.clear();
  }

  /** For session material. Error `limit.reached`. */
  granted(operator: Grantee, agent: string): Granted {
    const key = `${operator.name} ${agent}`;
    const known = this.#granted.get(key);
    if (known && known.operator.agents === operator.agents && known.operator.targets === operator.targets) return known.granted;
    const granted = { targets: grantedTargets(this.#current, operator, agent), kinds: grantedKinds(this.#current, operator.name, agent) };
    if (this.#granted.size >= MOST) this.#granted.clear();
    this.#granted.set(key, { operator, granted });
    return granted;
  }
}
