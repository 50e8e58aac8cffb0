// Keeps an agent linked for ever (A3): the next link is brought up when the last one ended, asked for it, or the network moved, and before the old one goes.
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { World } from '../base/world.ts';
import { CLOSE, versionOf } from '../link/version.ts';
import type { TransportChoice } from './choose-transport.ts';
import type { NetworkWatch } from './network-watch.ts';
import { Pace } from './pace.ts';
import type { Ended, KeptLink } from './served-link.ts';

export interface BringRequest {
  readonly choice: TransportChoice;
  /** Why QUIC does not come first this time. */
  readonly distrust: string | undefined;
  /** The link before was lost without a word to the gateway. */
  readonly afterLoss: boolean;
}

export interface Preference {
  readonly choice: TransportChoice;
  /** While a link is on TLS by `auto`, QUIC is tried again so often. */
  readonly quicReturnMs: number;
}

export interface Keeping {
  /** As it is now; `onPreference` says when it, or the next, has changed. */
  readonly preference: Preference;
  onPreference(callback: () => void): Disposable;
  readonly network: Pick<NetworkWatch, 'onMove'>;
  /** A link on which the gateway has answered. An abort rejects with the signal's reason. */
  bring(request: BringRequest, signal: AbortSignal): Promise<KeptLink>;
  /** A round in which nothing came up; another follows. */
  failed(error: unknown): void;
}

/** Why the next link is brought up. `preferred`: over the other transport. `return`: back to QUIC, if that works again. `none`: this one goes on. */
type Need = 'ended' | 'renewed' | 'drained' | 'moved' | 'preferred' | 'return' | 'none';

/**
 * Keeps a link up until `signal` aborts, then resolves; nothing else ends it. An older link is retired once the newer one is answered, and lives until it ends by itself.
 * On version 1 it has ended before the next one is dialled: stock gateways lose an agent that has two (reference.md, 7).
 */
export async function keepLinked(keeping: Keeping, world: Pick<World, 'clock' | 'random' | 'log'>, signal: AbortSignal): Promise<void> {
  const keeper = new Keeper(keeping, world, signal);
  let current = await keeper.bringUp({ distrust: undefined, afterLoss: false });
  while (current !== undefined) {
    const next: KeptLink | undefined = await keeper.succeed(current);
    if (next !== current) current.retire();
    current = next;
  }
}

class Keeper {
  readonly #keeping: Keeping;
  readonly #world: Pick<World, 'clock' | 'random' | 'log'>;
  readonly #signal: AbortSignal;
  readonly #pace: Pace;
  #upSince = 0;

  constructor(keeping: Keeping, world: Pick<World, 'clock' | 'random' | 'log'>, signal: AbortSignal) {
    this.#keeping = keeping;
    this.#world = world;
    this.#signal = signal;
    this.#pace = new Pace(world);
  }

  /** Tries until a link is up; undefined after an abort. A network that moves, or another preference, makes the attempt that runs worthless, and the failures before it too. */
  async bringUp(request: Omit<BringRequest, 'choice'>): Promise<KeptLink | undefined> {
    while (!this.#signal.aborted) {
      const round = new AbortController();
      using _moved = this.#onTurn((what) => round.abort(new TunnelError('interrupted', what)));
      try {
        return await this.#bring({ ...request, choice: this.#keeping.preference.choice }, round.signal);
      } catch (error) {
        if (this.#signal.aborted) return undefined;
        if (round.signal.aborted) {
          this.#pace.forget();
          continue;
        }
        this.#world.log.warn({ error, failures: this.#pace.failures }, 'dial failed');
        this.#keeping.failed(error);
      }
      await this.#pause();
    }
    return undefined;
  }

  /** Waits until another link is needed and brings it up; the same one where a return to QUIC did not work; undefined after an abort. */
  async succeed(current: KeptLink): Promise<KeptLink | undefined> {
    const need = await this.#nextNeed(current);
    if (need === undefined) return undefined;
    if (need === 'none') return current;
    if (need === 'return') return await this.#returnToQuic(current);
    const { transport, remote } = current.link;
    if (need !== 'ended') this.#world.log.info({ remote, transport, need }, 'another link is to take over');
    this.#pace.left(this.#upSince);
    const ended = need === 'ended' ? await current.ended : undefined;
    const distrust = this.#distrust(current, ended);
    if (need === 'drained' || wasEnded(ended, CLOSE.stopping)) this.#pace.expectSoon();
    if (need === 'moved') {
      this.#pace.forget();
      if (versionOf(current.link) === 1) await current.giveUp('the network moved');
    }
    if (need === 'drained' || (ended !== undefined && !isAtOnce(ended))) await this.#pause();
    const lost = need === 'moved' || wasLost(ended);
    return await this.bringUp({ distrust, afterLoss: lost });
  }

  async #nextNeed(current: KeptLink): Promise<Need | undefined> {
    const { clock } = this.#world;
    const { promise, resolve } = Promise.withResolvers<Need | undefined>();
    const stop = () => resolve(undefined);
    const { choice, quicReturnMs } = this.#keeping.preference;
    const mayReturn = choice === 'auto' && current.link.transport === 'tls';
    using _return = mayReturn ? clock.after(quicReturnMs, () => resolve('return')) : undefined;
    using _preferred = this.#keeping.onPreference(() => resolve(needAfter(choice, this.#keeping.preference.choice, current)));
    using _moved = this.#keeping.network.onMove(() => resolve('moved'));
    if (choice !== 'auto' && current.link.transport !== choice) resolve('preferred'); // it changed while this one came up
    void current.ended.then(() => resolve('ended'));
    void current.wish.then(resolve);
    this.#signal.addEventListener('abort', stop, { once: true });
    if (this.#signal.aborted) stop();
    try {
      return await promise;
    } finally {
      this.#signal.removeEventListener('abort', stop);
    }
  }

  /** Quietly: that it does not work is what we knew. */
  async #returnToQuic(current: KeptLink): Promise<KeptLink | undefined> {
    const request: BringRequest = { choice: 'quic', distrust: undefined, afterLoss: false };
    const round = new AbortController();
    let moved = false;
    using _moved = this.#onTurn((what) => {
      moved = true;
      round.abort(new TunnelError('interrupted', what));
    });
    void current.ended.then((ended) => {
      // The gateway lets an idle link go when it has heard the newer one, which may be before we have heard its answer there.
      if (!wasEnded(ended, CLOSE.replaced)) round.abort(new TunnelError('link.lost', 'the link over TLS ended'));
    });
    try {
      return await this.#bring(request, round.signal);
    } catch (error) {
      if (this.#signal.aborted) return undefined;
      this.#world.log.debug({ error }, 'no way back to QUIC yet');
    }
    return moved ? await this.bringUp(request) : current;
  }

  async #bring(request: BringRequest, round: AbortSignal): Promise<KeptLink> {
    const link = await this.#keeping.bring(request, AbortSignal.any([this.#signal, round]));
    this.#upSince = this.#world.clock.monotonic(); // not before dialling: a slow refusal is no success
    return link;
  }

  /** What was tried before counts no more. */
  #onTurn(callback: (what: string) => void): Disposable {
    const turn = new DisposableStack();
    turn.use(this.#keeping.network.onMove(callback));
    turn.use(this.#keeping.onPreference(() => callback('another transport is preferred')));
    return turn;
  }

  /** Ended early by a turn. */
  async #pause(): Promise<void> {
    const stop = new AbortController();
    using _turn = this.#onTurn(() => {
      this.#pace.forget();
      stop.abort();
    });
    await this.#world.clock.sleep(this.#pace.next(), AbortSignal.any([this.#signal, stop.signal]));
  }

  /** Some networks let a handshake over UDP pass and nothing after it. */
  #distrust({ link }: KeptLink, ended: Ended | undefined): string | undefined {
    const upMs = this.#world.clock.monotonic() - this.#upSince;
    if (link.transport !== 'quic' || !wasLost(ended) || upMs >= LIMITS.goodLinkMs) return undefined;
    return `the QUIC link before was lost after ${Math.round(upMs / 1000)} s`;
  }
}

/** Of a link that stands, when the preference has changed. */
function needAfter(before: TransportChoice, now: TransportChoice, { link: { transport } }: KeptLink): Need {
  if (now === 'auto') return before !== 'auto' && transport === 'tls' ? 'return' : 'none';
  return transport === now ? 'none' : 'preferred';
}

/** Back without a pause: the gateway expects it. */
function isAtOnce(ended: Ended): boolean {
  return ended.why === 'renewed' || ended.why === 'forgotten';
}

/** By the gateway, with that code. */
function wasEnded(ended: Ended | undefined, code: number): boolean {
  return ended?.why === 'ended' && ended.end.by === 'peer' && ended.end.code === code;
}

function wasLost(ended: Ended | undefined): boolean {
  return ended?.why === 'ended' && (ended.end.by === 'silence' || ended.end.by === 'fault');
}
