// Calls over a channel of messages: each gets its answer, or an error when that comes too late or never, and only so many wait at once.
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Clock, Timer } from '../../base/world.ts';
import type { Answer, Call, PlainError } from './messages.ts';

interface Waiting extends PromiseWithResolvers<unknown> {
  readonly timer: Timer;
}

export class Calls<Method extends string> {
  readonly #send: (call: Call<Method>) => void;
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #ended: TunnelError | undefined;

  constructor(send: (call: Call<Method>) => void, clock: Clock) {
    this.#send = send;
    this.#clock = clock;
  }

  /** Errors: the other side's, `timeout`, `limit.reached`, and after `end` what it was given. */
  ask(method: Method, args: readonly unknown[], ms: number = LIMITS.edgeCallMs): Promise<unknown> {
    if (this.#ended) return Promise.reject(this.#ended);
    if (this.#waiting.size >= LIMITS.edgeCallsWaiting)
      return Promise.reject(new TunnelError('limit.reached', `${LIMITS.edgeCallsWaiting} calls between control and edge wait for their answer`));
    const id = ++this.#lastId;
    const late = () => this.#take(id)?.reject(new TunnelError('timeout', `no answer to ${method} within ${ms} ms`));
    const waiting = { ...Promise.withResolvers<unknown>(), timer: this.#clock.after(ms, late) };
    this.#waiting.set(id, waiting);
    this.#send({ kind: 'call', id, method, arguments: args });
    return waiting.promise;
  }

  /** An answer that nobody waits for any more changes nothing. */
  settle(answer: Answer): void {
    const waiting = this.#take(answer.id);
    if (answer.kind === 'done') waiting?.resolve(answer.value);
    else waiting?.reject(new TunnelError(answer.error.code, answer.error.message, { hint: answer.error.hint }));
  }

  /** The other side is gone. */
  end(error: TunnelError): void {
    this.#ended ??= error;
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(this.#ended);
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.timer.cancel();
    return waiting;
  }
}

/** Runs `work` and makes its answer. What is no TunnelError is for `log` alone. */
export async function answerTo(id: number, work: () => Promise<unknown>, log: (error: unknown) => void): Promise<Answer> {
  try {
    return { kind: 'done', id, value: await work() };
  } catch (error) {
    return { kind: 'failed', id, error: plainError(error, log) };
  }
}

function plainError(error: unknown, log: (error: unknown) => void): PlainError {
  if (error instanceof TunnelError) return { code: error.code, message: error.message, hint: error.hint };
  log(error);
  return { code: 'internal', message: 'the gateway failed', hint: undefined };
}
