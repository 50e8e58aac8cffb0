// Targets whose session was taken back, with what words, until the gateway has said whether there can be another.
import { TunnelError } from '../base/errors.ts';

export class TakenBack {
  readonly #words = new Map<string, string>();

  get any(): boolean {
    return this.#words.size > 0;
  }

  has(target: string): boolean {
    return this.#words.has(target);
  }

  add(targets: Iterable<string>, message: string): void {
    for (const target of targets) this.#words.set(target, message);
  }

  /** Why it was taken back says more than that it is refused; without a target, what was said of the first. */
  inWords(error: TunnelError, target: string | undefined = this.#words.keys().next().value): TunnelError {
    const message = target === undefined ? undefined : this.#words.get(target);
    return message === undefined ? error : new TunnelError(error.code, message, { hint: error.hint, cause: error });
  }

  /** The gateway was asked: all of them, and none from now on. */
  take(): readonly (readonly [target: string, message: string])[] {
    const taken = [...this.#words];
    this.#words.clear();
    return taken;
  }
}
