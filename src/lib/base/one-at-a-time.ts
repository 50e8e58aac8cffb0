// Work of which two at once would spoil each other: each begins when the one before has ended, however that ended.

export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  /** Rejects as `work` does. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const running = this.#last.then(work);
    this.#last = running.catch(() => {});
    return running;
  }
}
