// The last line of a terminal, written over and over; everything else goes above it. Nothing where no terminal is.

const EVERY_MS = 1000;
const CLEAR = '\r\u001b[K';

export class StatusLine implements Disposable {
  readonly #stream: NodeJS.WriteStream;
  readonly #timer: NodeJS.Timeout | undefined;
  #shown = '';

  /** `text` is asked every second; it is harmless and shorter than a line. */
  constructor(stream: NodeJS.WriteStream, text: () => string) {
    this.#stream = stream;
    if (stream.isTTY) this.#timer = setInterval(() => this.#show(text()), EVERY_MS).unref();
  }

  /** Before anything else is written to the terminal. */
  clear(): void {
    if (this.#shown !== '') this.#stream.write(CLEAR);
    this.#shown = '';
  }

  #show(text: string): void {
    if (text === this.#shown) return;
    this.clear();
    this.#shown = text.slice(0, Math.max(0, this.#stream.columns - 1));
    this.#stream.write(this.#shown);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.clear();
  }
}
