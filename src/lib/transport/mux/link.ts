// A Link over one authenticated byte stream, such as a TLS connection: streams by our frames, signs of life, and an end that says why.
import type { Duplex } from 'node:stream';
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Clock, SocketAddress } from '../../base/world.ts';
import { Arrivals } from '../arrivals.ts';
import type { Link, LinkEnd, LinkStream, TransportName } from '../link.ts';
import type { Liveness } from '../liveness.ts';
import {
  closeFrame,
  endFrame,
  FRAME,
  LAST_STREAM_ID,
  readClose,
  readNumber,
  readSettings,
  resetFrame,
  settingsFrame,
  violation,
  windowFrame,
} from './frame.ts';
import type { Verdict } from './patience.ts';
import { Pulse } from './pulse.ts';
import { type Carrier, MuxStream } from './stream.ts';
import { Wire } from './wire.ts';

const VERSION = 1;
/** What a stream begins with; one that is read as fast as it comes grows while the link's budget lasts. */
const FIRST_WINDOW_BYTES = 64 * 1024;
/** A process on the way reads a window of 1 MiB in one turn of its loop, and whoever sends it would stand still meanwhile (docs/performance.md). */
const GROWN_WINDOW_BYTES = 2 * LIMITS.streamBufferBytes;
/** How long an end waits for what was sent before it. */
const FAREWELL_MS = 1000;
/** How a fault of the peer is named to it (docs/protocol.md, 6). */
const VIOLATION_CODE = 1;

export interface MuxLinkParts {
  /** Belongs to the link from here on. */
  readonly socket: Duplex;
  readonly role: 'dialler' | 'listener';
  readonly transport: TransportName;
  readonly alpn: string;
  readonly remote: SocketAddress;
  readonly peerCertificate: Uint8Array;
  /** Streams that the peer may have open. */
  readonly incomingStreams: number;
  readonly liveness: Liveness;
}

export class MuxLink implements Link {
  readonly transport: TransportName;
  readonly alpn: string;
  readonly remote: SocketAddress;
  readonly peerCertificate: Uint8Array;
  readonly closed: Promise<LinkEnd>;
  readonly #parts: MuxLinkParts;
  readonly #clock: Clock;
  readonly #wire: Wire;
  readonly #settleClosed: (end: LinkEnd) => void;
  readonly #gone = Promise.withResolvers<void>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #open = new Map<number, MuxStream>();
  /** Of ours, those that have said nothing yet. */
  readonly #unnamed = new Set<MuxStream>();
  readonly #waiting = new Set<MuxStream>();
  readonly #arrived = new Arrivals<LinkStream>();
  readonly #credited = new Arrivals<LinkStream>();
  /** Known with the peer's settings, which are its first frame. */
  #theirs: { readonly window: number; readonly streams: number } | undefined;
  #ourOpen = 0;
  #theirOpen = 0;
  #nextOurs: number;
  #lastTheirs = 0;
  /** What all windows together have grown beyond their first size. */
  #grown = 0;
  readonly #pulse: Pulse;
  #ended = false;

  constructor(parts: MuxLinkParts, clock: Clock) {
    this.#parts = parts;
    this.#clock = clock;
    this.transport = parts.transport;
    this.alpn = parts.alpn;
    this.remote = parts.remote;
    this.peerCertificate = parts.peerCertificate;
    const { promise, resolve } = Promise.withResolvers<LinkEnd>();
    this.closed = promise;
    this.#settleClosed = resolve;
    this.#nextOurs = parts.role === 'dialler' ? 1 : 2;
    this.#wire = new Wire(parts.socket, {
      data: (id, bytes) => this.#data(id, bytes),
      frame: (type, id, payload) => this.#frame(type, id, payload),
      drained: () => this.#drained(),
      heard: () => this.#pulse.hear(),
      over: (error) => this.#cut(error),
    });
    const isGreeted = () => this.#theirs !== undefined;
    this.#pulse = new Pulse({ wire: this.#wire, liveness: parts.liveness, isGreeted, over: (verdict) => this.#losePatience(verdict) }, clock);
    this.#ready.promise.catch(() => {}); // for those who wait, and a listener does not
    this.#wire.send(settingsFrame({ version: VERSION, window: FIRST_WINDOW_BYTES, streams: parts.incomingStreams }));
    this.#pulse.start();
  }

  /** The peer has spoken: it is one of us and has judged our certificate. Rejects with what the byte stream failed with, or with `link.lost`. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get streams(): number {
    return this.#open.size + this.#unnamed.size;
  }

  async openStream(signal: AbortSignal): Promise<LinkStream> {
    const opening = this.#credited.next(signal);
    this.#spendCredit();
    return opening;
  }

  async acceptStream(signal: AbortSignal): Promise<LinkStream> {
    return this.#arrived.next(signal);
  }

  /** From the last ping to its pong; undefined before there was one. */
  get roundTripMs(): number | undefined {
    return this.#pulse.roundTripMs;
  }

  lastReceived(): number {
    return this.#pulse.heardAt;
  }

  async close(code = 0, reason = ''): Promise<void> {
    this.#end({ by: 'us', code, reason }, closeFrame(code, reason));
    await this.#gone.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #spendCredit(): void {
    while (this.#theirs !== undefined && this.#credited.wanted > 0 && this.#ourOpen < this.#theirs.streams) {
      if (this.#nextOurs + 2 * this.#unnamed.size > LAST_STREAM_ID) return void this.close(0, 'its stream ids are used up');
      const stream = this.#make(0, this.#theirs.window);
      this.#unnamed.add(stream);
      this.#ourOpen += 1;
      this.#credited.push(stream);
    }
  }

  #make(id: number, theirWindow: number): MuxStream {
    return new MuxStream(id, this.#carrier, { ours: FIRST_WINDOW_BYTES, theirs: theirWindow });
  }

  /** Ids must rise in the order of first frames, which is not that of opening: one stream may wait for room on the connection while the next one need not. */
  #idOf(stream: MuxStream): number {
    if (this.#unnamed.delete(stream)) {
      stream.streamId = this.#nextOurs;
      this.#nextOurs += 2;
      this.#open.set(stream.streamId, stream);
    }
    return stream.streamId;
  }

  #data(id: number, bytes: Buffer): void {
    if (this.#ended) return;
    this.#streamOf(id)?.receive(bytes);
  }

  #frame(type: number, id: number, payload: Buffer): void {
    if (this.#ended) return;
    if (type === FRAME.settings) this.#settings(payload);
    else if (type === FRAME.close) this.#end({ by: 'peer', ...readClose(payload) });
    else if (this.#theirs === undefined) throw violation('the first frame is not the settings');
    else if (type === FRAME.end) this.#streamOf(id)?.receiveEnd();
    else if (type === FRAME.reset) this.#streamOf(id)?.receiveReset(readNumber(payload));
    else if (type === FRAME.window) this.#streamOf(id, 'known')?.receiveCredit(readNumber(payload));
    else if (type === FRAME.ping) this.#pulse.hearPing();
    else if (type === FRAME.pong) this.#pulse.hearPong();
    // what else there is a later version says
  }

  #settings(payload: Buffer): void {
    if (this.#theirs !== undefined) throw violation('settings twice');
    const { window, streams } = readSettings(payload);
    this.#theirs = { window, streams: Math.min(streams, LIMITS.streamsPerAgentV2) };
    this.#ready.resolve();
    this.#spendCredit();
  }

  /** The stream that a frame is for, made when the peer opens it with this very frame, if that may; undefined for one that is over. Error `protocol.violation`. */
  #streamOf(id: number, which: 'known' | 'known or new' = 'known or new'): MuxStream | undefined {
    const known = this.#open.get(id);
    if (known !== undefined) return known;
    if (this.#theirs === undefined) throw violation('the first frame is not the settings');
    const isOurs = id % 2 === this.#nextOurs % 2;
    if (isOurs ? id < this.#nextOurs : id <= this.#lastTheirs) return undefined;
    if (isOurs || which === 'known') throw violation(`stream ${id} was never opened`);
    // Those that are over before anyone took them count for the second: opened and reset, again and again, they would fill the memory.
    const most = this.#parts.incomingStreams;
    if (this.#theirOpen >= most || this.#arrived.untaken >= most) throw violation('more streams than allowed');
    this.#lastTheirs = id;
    this.#theirOpen += 1;
    const stream = this.#make(id, this.#theirs.window);
    this.#open.set(id, stream);
    this.#arrived.push(stream);
    return stream;
  }

  #drained(): void {
    for (const stream of this.#waiting) {
      if (this.#wire.congested) break;
      this.#waiting.delete(stream);
      stream.resumeSending();
    }
    if (this.#waiting.size > 0) this.#wire.tellWhenDrained();
  }

  readonly #carrier: Carrier = {
    data: (stream, bytes) => this.#wire.data(this.#idOf(stream), bytes),
    end: (stream) => this.#wire.send(endFrame(this.#idOf(stream))),
    reset: (stream, code) => this.#wire.send(resetFrame(this.#idOf(stream), code)),
    grant: (stream, bytes) => this.#wire.sendNow(windowFrame(stream.streamId, bytes)),
    grow: (window) => {
      const left = LIMITS.agentBufferBytes - this.#grown;
      const more = Math.min(window, GROWN_WINDOW_BYTES - window, left >> 2); // never all of it: the next stream wants some too
      this.#grown += more;
      return window + more;
    },
    release: (window) => {
      this.#grown -= window - FIRST_WINDOW_BYTES;
    },
    isCongested: () => this.#wire.congested,
    wait: (stream) => {
      this.#waiting.add(stream);
      this.#wire.tellWhenDrained();
    },
    over: (stream) => {
      this.#open.delete(stream.streamId);
      if (stream.streamId % 2 === this.#nextOurs % 2) {
        this.#ourOpen -= 1;
        this.#spendCredit();
      } else this.#theirOpen -= 1;
    },
    gone: (stream) => void this.#waiting.delete(stream),
  };

  #losePatience(verdict: Exclude<Verdict, { kind: 'alive' }>): void {
    if (verdict.kind === 'violation') this.#cut(violation(verdict.what));
    else this.#end({ by: 'silence', code: undefined, reason: 'nothing was received' });
  }

  /** The byte stream ended without a word, or broke the rules. */
  #cut(error: Error | undefined): void {
    if (error instanceof TunnelError && error.code === 'protocol.violation') {
      this.#end({ by: 'fault', code: undefined, reason: error.message }, closeFrame(VIOLATION_CODE, error.message));
    } else this.#end({ by: 'silence', code: undefined, reason: error?.message ?? 'the connection was cut' }, undefined, error);
  }

  #end(end: LinkEnd, lastWord?: Buffer, cause?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#pulse.stop();
    if (lastWord !== undefined) this.#wire.send(lastWord);
    const error = new TunnelError('link.lost', `the link has ended${end.reason ? `: ${end.reason}` : ''}`);
    this.#ready.reject(cause ?? error);
    this.#arrived.fail(error);
    this.#credited.fail(error);
    const left = end.by === 'silence' ? undefined : this.#wire.finish();
    for (const stream of [...this.#open.values(), ...this.#unnamed]) stream.destroy(error);
    this.#settleClosed(end);
    void this.#leave(left).then(this.#gone.resolve);
  }

  async #leave(left: Promise<void> | undefined): Promise<void> {
    if (left !== undefined) {
      const patience = new AbortController();
      await Promise.race([left, this.#clock.sleep(FAREWELL_MS, patience.signal)]);
      patience.abort();
    }
    this.#wire.destroy();
  }
}
