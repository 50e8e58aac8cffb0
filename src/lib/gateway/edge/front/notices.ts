// Who hears why its session ended: the connections of our own CLI, each by the stream on which it attached.
import type { SessionNotice } from '../../contract.ts';

type Tell = (notice: SessionNotice) => void;

export class Notices {
  readonly #listening = new Map<string, Set<Tell>>();

  /** Until it is disposed of. */
  listen(connection: string, tell: Tell): Disposable {
    const those = this.#listening.get(connection) ?? new Set();
    this.#listening.set(connection, those.add(tell));
    return {
      [Symbol.dispose]: () => {
        those.delete(tell);
        if (those.size === 0 && this.#listening.get(connection) === those) this.#listening.delete(connection);
      },
    };
  }

  tell(connections: readonly string[], notice: SessionNotice): void {
    for (const connection of connections) for (const tell of this.#listening.get(connection) ?? []) tell(notice);
  }
}
