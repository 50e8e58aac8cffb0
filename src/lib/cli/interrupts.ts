// SIGINT and SIGTERM as an AbortSignal: the first ends the command cleanly, a second one at once.
import { TunnelError } from '../base/errors.ts';
import { EXIT_CODES } from './exit-codes.ts';

export class Interrupts implements Disposable {
  readonly #controller = new AbortController();
  #graceful = false;
  #child = false;

  constructor() {
    process.on('SIGINT', this.#heard).on('SIGTERM', this.#heard);
  }

  /** Until it was asked for nobody could end cleanly, and the first interrupt ends the process at once. */
  get signal(): AbortSignal {
    this.#graceful = true;
    return this.#controller.signal;
  }

  /** Resolves at the first interrupt. */
  async wait(): Promise<void> {
    const { signal } = this;
    if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  get happened(): boolean {
    return this.#controller.signal.aborted;
  }

  /** From here on the terminal's Ctrl-C is for the child process alone, which decides what it means; SIGTERM still ends us. */
  leaveCtrlCToChild(): void {
    this.#child = true;
  }

  #heard = (name: 'SIGINT' | 'SIGTERM'): void => {
    if (this.#child && name === 'SIGINT') return;
    if (!this.#graceful || this.happened) process.exit(EXIT_CODES.interrupted);
    this.#controller.abort(new TunnelError('interrupted', `interrupted by ${name}`));
  };

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#heard).off('SIGTERM', this.#heard);
  }
}
