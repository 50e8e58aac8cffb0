// SIGINT and SIGTERM as an AbortSignal: the first ends the command cleanly, a second one at once.
import { TunnelError } from '../base/errors.ts';
import { EXIT_CODES } from './exit-codes.ts';

/** What is written takes no longer to leave, if anybody reads it. */
const LEAVE_WITHIN_MS = 500;

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
    if (!this.#graceful || this.happened) leave(EXIT_CODES.interrupted);
    this.#controller.abort(new TunnelError('interrupted', `interrupted by ${name}`));
  };

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#heard).off('SIGTERM', this.#heard);
    // What can be given up was; a name that no DNS server answers cannot, and node would wait for it, 10 s by default.
    if (this.happened) setTimeout(() => leave(process.exitCode), LEAVE_WITHIN_MS).unref();
  }
}

/** Node's own exit joins its threads, so it waits for that name too (24.21). Another program in the same process does not. */
function leave(code: typeof process.exitCode): void {
  if (process.platform === 'win32' || process.execve === undefined) process.exit(code);
  process.execve(process.execPath, [process.execPath, '-e', `process.exitCode = ${Number(code ?? 0)}`], {});
}
