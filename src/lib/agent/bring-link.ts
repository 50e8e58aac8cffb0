// One round of reaching the gateway: QUIC, TLS or both as the rule says, until one link is answered (architecture.md, decision 3).
import { messageOf, TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { closeLink } from '../link/version.ts';
import type { DialLink, Link } from '../transport/link.ts';
import { type Attempt, nextStep, type Round } from './choose-transport.ts';
import type { ServedLink } from './served-link.ts';

export interface Ways {
  readonly quic: DialLink;
  /** A stock gateway has none. */
  readonly tls: DialLink | undefined;
}

/** What the race needs of a link that is served. */
type Raced = Pick<ServedLink, 'answered' | 'giveUp'>;

export type Serve<Served extends Raced> = (link: Link, reason: string | null) => Served;

/**
 * The first link on which the gateway has answered; nothing else that was begun stays. The gateway serves the newest link of an agent, so a QUIC link that still
 * waits for its answer is given up when TLS has completed. Errors: those of the ways, both named where both failed; an abort rejects with the signal's reason.
 */
export async function bringLink<Served extends Raced>(
  { choice, distrust }: Pick<Round, 'choice' | 'distrust'>,
  ways: Ways,
  serve: Serve<Served>,
  world: Pick<World, 'clock' | 'log'>,
  signal: AbortSignal,
): Promise<Served> {
  using race = new Race(ways, serve, world, signal);
  const round = { choice, distrust, hasTls: ways.tls !== undefined };
  for (;;) {
    if (race.winner !== undefined) return race.winner;
    signal.throwIfAborted();
    const step = nextStep(round, { quic: race.quic.attempt, tls: race.tls.attempt }, world.clock.monotonic());
    if (step.step === 'give up') throw failure(race.quic.error, race.tls.error);
    if (step.step === 'dial') race.begin(step.transport, step.reason);
    else await race.news(step.until);
  }
}

interface Runner {
  attempt: Attempt;
  error: unknown;
  /** Of this attempt alone. */
  readonly over: AbortController;
}

class Race<Served extends Raced> implements Disposable {
  winner: Served | undefined;
  readonly quic: Runner = { attempt: { state: 'untried' }, error: undefined, over: new AbortController() };
  readonly tls: Runner = { attempt: { state: 'untried' }, error: undefined, over: new AbortController() };
  readonly #ways: Ways;
  readonly #serve: Serve<Served>;
  readonly #world: Pick<World, 'clock' | 'log'>;
  readonly #signal: AbortSignal;
  #wake = () => {};

  constructor(ways: Ways, serve: Serve<Served>, world: Pick<World, 'clock' | 'log'>, signal: AbortSignal) {
    this.#ways = ways;
    this.#serve = serve;
    this.#world = world;
    this.#signal = signal;
    signal.addEventListener('abort', this.#abort, { once: true });
  }

  begin(transport: 'quic' | 'tls', reason: string | null): void {
    const runner = this[transport];
    runner.attempt = { state: 'trying', since: this.#world.clock.monotonic() };
    void this.#run(transport, reason, runner).then(
      (link) => {
        this.winner ??= link;
        this.#wake();
      },
      (error: unknown) => {
        // The other way may take its time to fail; whoever reads the log wants to know what is shut before that.
        const other = transport === 'quic' ? this.tls : this.quic;
        if (other.attempt.state === 'trying' && !runner.over.signal.aborted) this.#world.log.info({ transport, error }, 'no link this way');
        runner.error = error;
        runner.attempt = { state: 'failed', why: messageOf(error) };
        this.#wake();
      },
    );
  }

  /** Resolves when something has happened, or at `until` in monotonic ms. */
  async news(until: number | undefined): Promise<void> {
    const woken = Promise.withResolvers<void>();
    this.#wake = woken.resolve;
    using _timer = until === undefined ? undefined : this.#world.clock.after(Math.max(0, until - this.#world.clock.monotonic()), woken.resolve);
    await woken.promise;
  }

  /** Whoever has not won by now ends. */
  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#abort);
    const reason = new TunnelError('interrupted', 'another way was faster');
    for (const { over } of [this.quic, this.tls]) over.abort(this.#signal.aborted ? this.#signal.reason : reason);
  }

  readonly #abort = (): void => {
    for (const { over } of [this.quic, this.tls]) over.abort(this.#signal.reason);
    this.#wake();
  };

  async #run(transport: 'quic' | 'tls', reason: string | null, { over }: Runner): Promise<Served> {
    const dial = this.#ways[transport];
    if (dial === undefined) throw new TunnelError('usage', 'this gateway can be reached over QUIC only', { hint: 'Use --transport auto or quic.' });
    const link = await dial(over.signal);
    if (over.signal.aborted || this.winner !== undefined) {
      await closeLink(link, 'ended', 'another way was faster');
      throw over.signal.reason ?? new TunnelError('interrupted', 'another way was faster');
    }
    if (transport === 'tls') this.quic.over.abort(new TunnelError('interrupted', 'TLS completed first'));
    const served = this.#serve(link, reason);
    const giveUp = () => {
      if (this.winner !== served) void served.giveUp('another way was faster');
    };
    over.signal.addEventListener('abort', giveUp, { once: true });
    await served.answered;
    return served;
  }
}

function failure(quic: unknown, tls: unknown): unknown {
  if (quic === undefined || tls === undefined) return quic ?? tls;
  // Where there is no QUIC at all, or TLS had come further, or only there the gateway said something, what TLS met is the news.
  const tlsFirst = isRemote(tls) ? !isRemote(quic) : quic instanceof TunnelError && (quic.code === 'quic.unavailable' || quic.code === 'interrupted');
  const [first, second] = tlsFirst ? [tls, quic] : [quic, tls];
  if (!(first instanceof TunnelError)) return first;
  return new TunnelError(first.code, `${first.message}; ${messageOf(second)}`, { hint: first.hint, cause: first });
}

function isRemote(error: unknown): boolean {
  return error instanceof TunnelError && (error.remote || isRemote(error.cause));
}
