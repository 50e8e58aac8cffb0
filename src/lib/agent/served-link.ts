// A link with the service on it: whether it is online, how it ended, and whether it asks for another in its place.
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { CLOSE, closeLink } from '../link/version.ts';
import { type Link, REFUSED_BY_PEER } from '../transport/link.ts';
import { type LinkOutcome, type LinkService, type Online, type Serving, serveLink } from './serve-link.ts';

export type Ended = LinkOutcome | { readonly why: 'failed'; readonly error: unknown };

/** What those need who keep an agent linked. */
export type KeptLink = Pick<ServedLink, 'link' | 'wish' | 'ended' | 'retire' | 'giveUp'>;

/** What those need who say how an agent fares. */
export type PresentLink = Pick<ServedLink, 'link' | 'reason' | 'ended' | 'online' | 'retired' | 'certificatePem' | 'renew' | 'advertise'>;

export class ServedLink {
  readonly link: Link;
  /** Why this transport; null where nothing needs an explanation. */
  readonly reason: string | null;
  /** Settles when the gateway has answered for the first time. Errors `link.lost` and those of `serveLink` where it ended before. */
  readonly answered: Promise<void>;
  /** The link asks for another in its place and goes on meanwhile. */
  readonly wish: Promise<'renewed' | 'drained'>;
  /** Never rejects. The link is closed then. */
  readonly ended: Promise<Ended>;
  /** With which it was made. */
  readonly certificatePem: string;
  readonly #leave = Promise.withResolvers<void>();
  #service: LinkService | undefined;
  #retired = false;
  #online: { readonly now: Online; readonly since: number } | undefined;

  /** `heard` is called whenever the gateway has answered an advertisement. `signal` ends the link, telling the gateway. */
  constructor(
    link: Link,
    reason: string | null,
    serving: Omit<Serving, 'online' | 'replace' | 'standing' | 'retired'>,
    heard: (link: ServedLink) => void,
    world: World,
    signal: AbortSignal,
  ) {
    const answered = Promise.withResolvers<void>();
    const wish = Promise.withResolvers<'renewed' | 'drained'>();
    const online = (now: Online) => {
      this.#online = { now, since: this.#online?.since ?? world.clock.now() };
      answered.resolve();
      heard(this);
    };
    this.link = link;
    this.reason = reason;
    this.wish = wish.promise;
    this.answered = answered.promise;
    this.answered.catch(() => {}); // whoever waits for it hears of it
    const standing = (service: LinkService) => {
      this.#service = service;
    };
    this.certificatePem = serving.identity.certificatePem;
    const events = { online, replace: wish.resolve, standing, retired: this.#leave.promise };
    this.ended = serveLink(link, { ...serving, ...events }, world, signal).catch((error: unknown): Ended => ({ why: 'failed', error }));
    void this.ended.then((ended) => {
      this.#online = undefined;
      answered.reject(ended.why === 'failed' ? ended.error : endedEarly(ended));
    });
  }

  /** What the gateway has answered for, and since when the link is online in wall-clock ms; undefined before and after. */
  get online(): { readonly now: Online; readonly since: number } | undefined {
    return this.#online;
  }

  /** A newer link took its place: it ends with its last channel, or when the grace has passed. */
  get retired(): boolean {
    return this.#retired;
  }

  retire(): void {
    this.#retired = true;
    this.#leave.resolve();
  }

  /** Asks for another certificate over this link and stores it. Errors as `Renewal.renew`, `gateway.unreachable` before its control stream stands. */
  async renew(wanted: { readonly rotateKey: boolean }, signal: AbortSignal): Promise<void> {
    if (this.#service === undefined) throw new TunnelError('gateway.unreachable', 'the link is only beginning');
    await this.#service.renew(wanted, signal);
  }

  /** Offers what agent.json says now; a link that only begins does so by itself. Errors where the link ends. */
  async advertise(): Promise<void> {
    await this.#service?.advertise();
  }

  /** Ends it now, whatever it carries. */
  async giveUp(reason: string): Promise<void> {
    await closeLink(this.link, 'ended', reason);
    await this.ended;
  }
}

function endedEarly(ended: LinkOutcome): TunnelError {
  if (ended.why === 'ended' && ended.end.by === 'peer' && ended.end.code === CLOSE.deleted) {
    return new TunnelError('agent.deleted', `this agent is not there any more at the gateway: ${ended.end.reason}`, {
      hint: 'Enrol it again with a new string.',
      remote: true,
    });
  }
  if (ended.why === 'ended' && ended.end.by === 'peer' && (ended.end.code === CLOSE.refused || ended.end.reason.startsWith(REFUSED_BY_PEER))) {
    return new TunnelError('certificate.refused', `the gateway refuses this agent: ${ended.end.reason}`, { remote: true });
  }
  const reason = ended.why === 'ended' ? ended.end.reason || ended.end.by : ended.why;
  return new TunnelError('link.lost', `the link ended before the gateway had answered: ${reason}`);
}
