// Hands what arrives to whoever waits, in order, for the transports: the peer's streams, and stream credit.
export class Arrivals<T> {
  #arrived: T[] = [];
  #waiting: { resolve: (item: T) => void; reject: (error: unknown) => void }[] = [];
  #failure: { error: unknown } | undefined;

  /** How many wait for an item. */
  get wanted(): number {
    return this.#waiting.length;
  }

  /** How many items wait to be taken. */
  get untaken(): number {
    return this.#arrived.length;
  }

  push(item: T): void {
    const first = this.#waiting.shift();
    if (first) first.resolve(item);
    else this.#arrived.push(item);
  }

  /** The next item; rejects with the signal's reason, or with what `fail` was given. */
  next(signal: AbortSignal): Promise<T> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#failure) return Promise.reject(this.#failure.error);
    const ready = this.#arrived.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const settle = () => {
      signal.removeEventListener('abort', abort);
      this.#waiting = this.#waiting.filter((other) => other !== entry);
    };
    const abort = () => {
      settle();
      reject(signal.reason);
    };
    const entry = {
      resolve: (item: T) => {
        settle();
        resolve(item);
      },
      reject: (error: unknown) => {
        settle();
        reject(error);
      },
    };
    signal.addEventListener('abort', abort, { once: true });
    this.#waiting.push(entry);
    return promise;
  }

  /** No more will come: who waits now or asks later is told so. What had arrived is dropped. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#arrived = [];
    for (const { reject } of [...this.#waiting]) reject(this.#failure.error);
  }
}
