// Two ends of a link over node:stream's duplexPair, for tests of what is spoken on a link: streams, resets, close, a stream limit; no bytes are packed anywhere.
import { type Duplex, duplexPair } from 'node:stream';
import { TunnelError } from '../../src/lib/base/errors.ts';
import { type Link, type LinkEnd, type LinkStream, StreamReset } from '../../src/lib/transport/link.ts';

class DuplexLink implements Link {
  readonly transport = 'memory';
  readonly remote = { address: '127.0.0.1', port: 1 };
  readonly peerCertificate = new Uint8Array();
  readonly closed: Promise<LinkEnd>;
  readonly open = new Set<Duplex>();
  readonly alpn: string;
  credit = Number.POSITIVE_INFINITY;
  peer: DuplexLink | undefined;
  readonly #arrived: LinkStream[] = [];
  readonly #acceptors: { resolve(stream: LinkStream): void; reject(error: unknown): void }[] = [];
  readonly #end: (end: LinkEnd) => void;
  #over = false;

  constructor(alpn: string) {
    this.alpn = alpn;
    const { promise, resolve } = Promise.withResolvers<LinkEnd>();
    this.closed = promise;
    this.#end = resolve;
  }

  get streams(): number {
    return this.open.size;
  }

  lastReceived = (): number => 0;

  async openStream(signal: AbortSignal): Promise<LinkStream> {
    signal.throwIfAborted();
    if (this.#over) throw lost();
    if (this.open.size >= this.credit) return await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const streamId = this.open.size * 4;
    const [ours, theirs] = duplexPair().map((side) => Object.assign(side, { streamId }));
    if (ours === undefined || theirs === undefined || this.peer === undefined) throw lost();
    this.#track(ours, theirs);
    this.peer.#track(theirs, ours);
    this.peer.#arrive(theirs);
    return ours;
  }

  async acceptStream(signal: AbortSignal): Promise<LinkStream> {
    signal.throwIfAborted();
    if (this.#over) throw lost();
    const waiting = this.#arrived.shift();
    if (waiting !== undefined) return waiting;
    return await new Promise((resolve, reject) => {
      const acceptor = { resolve, reject };
      this.#acceptors.push(acceptor);
      signal.addEventListener('abort', () => {
        const at = this.#acceptors.indexOf(acceptor);
        if (at >= 0) this.#acceptors.splice(at, 1);
        reject(signal.reason);
      });
    });
  }

  async close(code = 0, reason = ''): Promise<void> {
    this.#finish({ by: 'us', code, reason });
    const peer = this.peer;
    if (peer !== undefined) peer.#finish({ by: 'peer', code, reason });
  }

  [Symbol.asyncDispose] = (): Promise<void> => this.close();

  #track(side: LinkStream, other: LinkStream): void {
    this.open.add(side);
    side.on('error', () => {});
    side.on('close', () => this.open.delete(side));
    // Replaces duplexPair's own, which ends the other side without the code.
    side._destroy = (error, done) => {
      const whole = side.readableEnded && side.writableFinished;
      if (!whole) other.destroy(error instanceof TunnelError ? error : new StreamReset(error instanceof StreamReset ? error.code : 0));
      done(error);
    };
  }

  #arrive(stream: LinkStream): void {
    const acceptor = this.#acceptors.shift();
    if (acceptor === undefined) this.#arrived.push(stream);
    else acceptor.resolve(stream);
  }

  #finish(end: LinkEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#end(end);
    for (const stream of this.open) stream.destroy(lost());
    for (const acceptor of this.#acceptors.splice(0)) acceptor.reject(lost());
  }
}

/** `agent` dialled `gateway`. Lower `credit` on one to make its next openStream wait. */
export function duplexLinks(alpn: string): { agent: DuplexLink; gateway: DuplexLink } {
  const agent = new DuplexLink(alpn);
  const gateway = new DuplexLink(alpn);
  agent.peer = gateway;
  gateway.peer = agent;
  return { agent, gateway };
}

function lost(): TunnelError {
  return new TunnelError('link.lost', 'the link has ended');
}
