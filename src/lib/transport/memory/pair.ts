// Two links in memory, joined, with real flow control and a real stream limit: the transport of simulations and of tests above it.
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Clock } from '../../base/world.ts';
import { Arrivals } from '../arrivals.ts';
import type { Link, LinkEnd, LinkStream } from '../link.ts';
import { joinedStreams, type MemoryStream } from './stream.ts';

export interface MemoryPairOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly alpn: string;
  /** Leaves in DER, as each side would show them. */
  readonly agentCertificate?: Uint8Array;
  readonly gatewayCertificate?: Uint8Array;
}

/** The agent's end lets the gateway open LIMITS.streamsPerAgentV2 streams, the gateway's end LIMITS.streamsPerAgentV1, as over QUIC. */
export function memoryPair({ clock, alpn, agentCertificate, gatewayCertificate }: MemoryPairOptions): { agent: Link; gateway: Link } {
  const agent = new MemoryLink({ alpn, peerCertificate: gatewayCertificate ?? new Uint8Array(0), mayOpen: LIMITS.streamsPerAgentV1, firstId: 0, clock });
  const gateway = new MemoryLink({ alpn, peerCertificate: agentCertificate ?? new Uint8Array(0), mayOpen: LIMITS.streamsPerAgentV2, firstId: 1, clock });
  agent.peer = gateway;
  gateway.peer = agent;
  return { agent, gateway };
}

interface MemoryLinkParts {
  readonly alpn: string;
  readonly peerCertificate: Uint8Array;
  readonly mayOpen: number;
  readonly firstId: number;
  readonly clock: Pick<Clock, 'monotonic'>;
}

class MemoryLink implements Link {
  readonly transport = 'memory';
  readonly remote = { address: '127.0.0.1', port: 0 };
  readonly alpn: string;
  readonly peerCertificate: Uint8Array;
  readonly closed: Promise<LinkEnd>;
  peer: MemoryLink | undefined;
  readonly #settleClosed: (end: LinkEnd) => void;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #open = new Set<MemoryStream>();
  readonly #arrived = new Arrivals<LinkStream>();
  readonly #credited = new Arrivals<LinkStream>();
  #credit: number;
  #nextId: number;
  #heardAt: number;
  #ended = false;

  constructor({ alpn, peerCertificate, mayOpen, firstId, clock }: MemoryLinkParts) {
    this.alpn = alpn;
    this.peerCertificate = peerCertificate;
    this.#credit = mayOpen;
    this.#nextId = firstId;
    this.#clock = clock;
    this.#heardAt = clock.monotonic();
    const { promise, resolve } = Promise.withResolvers<LinkEnd>();
    this.closed = promise;
    this.#settleClosed = resolve;
  }

  get streams(): number {
    return this.#open.size;
  }

  lastReceived(): number {
    return this.#heardAt;
  }

  openStream(signal: AbortSignal): Promise<LinkStream> {
    const opening = this.#credited.next(signal);
    this.#spendCredit();
    return opening;
  }

  acceptStream(signal: AbortSignal): Promise<LinkStream> {
    return this.#arrived.next(signal);
  }

  async close(code = 0, reason = ''): Promise<void> {
    this.#end({ by: 'us', code, reason });
    const { peer } = this;
    if (peer) peer.#end({ by: 'peer', code, reason });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #spendCredit(): void {
    const peer = this.peer;
    while (peer && this.#credited.wanted > 0 && this.#credit > 0) {
      this.#credit -= 1;
      const [ours, theirs] = joinedStreams(this.#nextId);
      this.#nextId += 4;
      this.#track(ours);
      peer.#track(theirs);
      theirs.once('close', () => this.#creditBack()); // as over QUIC, the peer gives credit back when the stream is over on its side
      ours.onFirstWord = () => peer.#arrived.push(theirs);
      this.#credited.push(ours);
    }
  }

  #creditBack(): void {
    this.#credit += 1;
    this.#spendCredit();
  }

  #track(stream: MemoryStream): void {
    this.#open.add(stream);
    stream.onHeard = () => {
      this.#heardAt = this.#clock.monotonic();
    };
    stream.once('close', () => this.#open.delete(stream));
  }

  #end(end: LinkEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    const error = new TunnelError('link.lost', `the link has ended${end.reason ? `: ${end.reason}` : ''}`);
    this.#arrived.fail(error);
    this.#credited.fail(error);
    for (const stream of [...this.#open]) stream.destroy(error);
    this.#settleClosed(end);
  }
}
