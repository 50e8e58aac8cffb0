// Which operator a credential is of: asked for every channel, so it is remembered here; every end of a login passes through here too.

import type { Clock } from '../../base/world.ts';
import type { Store } from '../../store/open.ts';
import type { FoundCredential } from '../../store/operators.ts';
import { lockedError } from './may-open.ts';

const MOST = 10_000;

export type Login = FoundCredential;

export class Logins {
  readonly #store: Pick<Store, 'credentials'>;
  readonly #clock: Clock;
  readonly #found = new Map<string, Login>();
  /** Grows with every change, so that what was read before a change is not remembered after it. */
  #changes = 0;

  constructor(store: Pick<Store, 'credentials'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Undefined when it is unknown, expired or revoked. Error `operator.locked`. */
  async find(credentialHash: string): Promise<Login | undefined> {
    const login = await this.#find(credentialHash);
    if (login?.lock) throw lockedError(login.operator.lock ? `operator ${login.operator.name}` : `this login of ${login.operator.name}`, login.lock);
    return login;
  }

  /** A credential was revoked, or an operator was changed: call it after the store has it, before anybody is told. */
  changed(): void {
    this.#changes += 1;
    this.#found.clear();
  }
  async #find(credentialHash: string): Promise<Login | undefined> {
    const known = this.#found.get(credentialHash);
    if (known && this.#clock.now() < known.credential.expiresAt) return known;
    this.#found.delete(credentialHash);
    const before = this.#changes;
    const login = await this.#store.credentials.find(credentialHash);
    if (!login || before !== this.#changes) return login;
    if (this.#found.size >= MOST) this.#found.clear();
    this.#found.set(credentialHash, login);
    return login;
  }
}
