// SIGHUP as "read the configuration again", for programs that run until they are stopped. One that comes too early is kept; Windows has none.

export class Hangups implements Disposable {
  #reload: (() => Promise<unknown>) | undefined;
  #early = false;

  constructor() {
    if (process.platform !== 'win32') process.on('SIGHUP', this.#heard);
  }

  /** `reload` says itself, in its log, how it went. */
  use(reload: () => Promise<unknown>): void {
    this.#reload = reload;
    if (this.#early) this.#heard();
  }

  readonly #heard = (): void => {
    this.#early = this.#reload === undefined;
    void this.#reload?.().catch(() => {});
  };

  [Symbol.dispose](): void {
    process.off('SIGHUP', this.#heard);
  }
}
