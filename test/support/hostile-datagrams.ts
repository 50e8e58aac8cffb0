// Datagrams of people without credentials, of every kind of security.md N, from a seed: the same seed and the same captures give the same datagrams.
import { QUIC_V1 } from '../../src/lib/transport/quic/packet.ts';

export interface Captured {
  readonly packet: Uint8Array;
  readonly toGateway: boolean;
}

export interface HostileDatagram {
  readonly kind: string;
  readonly datagram: Uint8Array;
  /** To be sent from the address of the link that was captured. */
  readonly forged: boolean;
}

export interface Dice {
  /** Whole, from 0 to below `limit`. */
  below(limit: number): number;
  bytes(count: number): Buffer;
}

/** mulberry32: small, and the same everywhere. */
export function dice(seed: number): Dice {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    below: (limit) => next() % limit,
    bytes(count) {
      const made = Buffer.alloc(count);
      for (let at = 0; at < count; at += 1) made[at] = next();
      return made;
    },
  };
}

const ODD_VERSIONS = [0, 2, 0x6b3343cf, 0xff00001d, 0xdeadbeef, 0x1a2a3a4a, 0xffffffff];

function long(first: number, version: number, { below, bytes }: Dice, rest: Uint8Array, length: number, idBytes = below(21)): Buffer {
  const header = Buffer.alloc(5);
  header[0] = first;
  header.writeUInt32BE(version, 1);
  const [destination, source] = [bytes(idBytes), bytes(below(21))];
  const made = Buffer.concat([header, Buffer.of(destination.length), destination, Buffer.of(source.length), source, rest]);
  return made.length >= length ? made.subarray(0, length) : Buffer.concat([made, bytes(length - made.length)]);
}

function token(length: number, content: Buffer): Buffer {
  return length < 64 ? Buffer.concat([Buffer.of(length), content]) : Buffer.concat([Buffer.of(0x40 | (length >> 8), length & 255), content]);
}

function mutated(packet: Uint8Array, { below, bytes }: Dice): Buffer {
  const made = Buffer.from(packet);
  for (let flips = 1 + below(4); flips > 0; flips -= 1) {
    const at = below(made.length);
    made[at] = (made[at] ?? 0) ^ (1 << below(8));
  }
  if (below(4) === 0) return made.subarray(0, 1 + below(made.length));
  if (below(4) === 0) return Buffer.concat([made, bytes(below(200))]);
  return made;
}

function spliced(one: Uint8Array, other: Uint8Array, { below }: Dice): Buffer {
  return Buffer.concat([one.subarray(0, below(one.length)), other.subarray(below(other.length))]);
}

type Make = (dice: Dice, pick: () => Uint8Array) => Uint8Array;

const KINDS: Readonly<Record<string, Make>> = {
  'random bytes': ({ below, bytes }) => bytes(below(1500)),
  '0-RTT, unknown id': (dice) => long(0xd0 | dice.below(4), QUIC_V1, dice, dice.bytes(40), 1200),
  'Handshake, unknown id': (dice) => long(0xe0, QUIC_V1, dice, dice.bytes(40), 1200),
  'Retry from a client': (dice) => long(0xf0, QUIC_V1, dice, dice.bytes(40), 30 + dice.below(1300)),
  'short header, unknown id': ({ below, bytes }) => Buffer.concat([Buffer.of(0x40 | below(64)), bytes(below(100))]),
  'Initial without a token': (dice) => long(0xc0, QUIC_V1, dice, Buffer.of(0, 0x44, 0x50), 1200, 8 + dice.below(13)),
  'Initial, small': (dice) => long(0xc0, QUIC_V1, dice, Buffer.of(0, 0x44, 0x50), 40 + dice.below(1160)),
  'Initial, cut short': (dice) => long(0xc0, QUIC_V1, dice, Buffer.of(0x7f), dice.below(60)),
  'Initial, junk token': (dice) => {
    const length = dice.below(200);
    return long(0xc0, QUIC_V1, dice, token(length, dice.bytes(length)), 1200, 8 + dice.below(13));
  },
  'Initial, token of the right size': (dice) => long(0xc0, QUIC_V1, dice, token(60, dice.bytes(60)), 1200, 20),
  'Initial, token past the end': (dice) => long(0xc0, QUIC_V1, dice, Buffer.of(0x40 | dice.below(64), dice.below(256)), 1200),
  'unknown version': (dice) => long(0x80 | dice.below(128), ODD_VERSIONS[dice.below(ODD_VERSIONS.length)] ?? 0, dice, dice.bytes(20), 7 + dice.below(1400)),
  'ids of 255 bytes': ({ bytes }) => Buffer.concat([Buffer.of(0xc0, 0, 0, 0, 1, 255), bytes(255), Buffer.of(255), bytes(900)]),
  replayed: (_dice, pick) => pick(),
  mutated: (dice, pick) => mutated(pick(), dice),
  spliced: (dice, pick) => spliced(pick(), pick(), dice),
};

/** Half of what is made of captured packets is forged: from the address of the link that they were captured of. */
export function* hostileDatagrams(seed: number, count: number, captured: readonly Captured[]): Generator<HostileDatagram> {
  const rolls = dice(seed);
  const kinds = Object.entries(KINDS);
  const pick = () => captured[rolls.below(captured.length)]?.packet ?? rolls.bytes(1200);
  for (let made = 0; made < count; made += 1) {
    const [kind, make] = kinds[rolls.below(kinds.length)] ?? ['random bytes', ({ bytes }: Dice) => bytes(100)];
    let used = false;
    const datagram = make(rolls, () => {
      used = true;
      return pick();
    });
    yield { kind, datagram, forged: used && rolls.below(2) === 0 };
  }
}
