"""A client that shows whatever certificates it is told to, signed for with whatever key: over QUIC, and over TLS 1.3 with records of its own.

Reads one JSON document: {"host", "tcp", "udp", "seconds", "cases": [{"name", "chain": [DER in base64], "key": PEM or null}]}.
Says one line of JSON for each case and transport: whether its side of the handshake completed, and how the gateway ended it, if it did within
so many seconds.
"""

import base64
import json
import socket
import ssl
import sys
import time

from aioquic.buffer import Buffer
from aioquic.quic import events
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.tls import Alert, CipherSuite, Context, Direction, Epoch, hkdf_expand_label
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

ALPN = ["gw-agent-tunnel/2"]
RECORD_BYTES = 16384
ALERT, HANDSHAKE, APPLICATION = 21, 22, 23
CLOSE_NOTIFY = b"\x01\x00"


class Raw:
    """Bytes in the place of a certificate, whether they are one or not."""

    def __init__(self, der: bytes) -> None:
        self.der = der

    def public_bytes(self, _encoding) -> bytes:
        return self.der


def over_quic(host: str, port: int, chain: list, key, seconds: float) -> dict:
    configuration = QuicConfiguration(is_client=True, alpn_protocols=ALPN, verify_mode=ssl.CERT_NONE)
    configuration.certificate = chain[0] if chain else None
    configuration.certificate_chain = chain[1:]
    configuration.private_key = key
    quic = QuicConnection(configuration=configuration)
    said = {"completed": False, "ended": None}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.connect((host, port))
        quic.connect((host, port), time.monotonic())
        deadline = time.monotonic() + seconds
        while said["ended"] is None and time.monotonic() < deadline:
            for datagram, _ in quic.datagrams_to_send(time.monotonic()):
                udp.send(datagram)
            timer = quic.get_timer() or deadline
            udp.settimeout(max(0.001, min(timer, deadline) - time.monotonic()))
            try:
                quic.receive_datagram(udp.recv(65536), (host, port), time.monotonic())
            except TimeoutError:
                if time.monotonic() >= timer:
                    quic.handle_timer(time.monotonic())
            while (event := quic.next_event()) is not None:
                if isinstance(event, events.HandshakeCompleted):
                    said["completed"] = True
                if isinstance(event, events.ConnectionTerminated):
                    said["ended"] = f"{event.error_code} {event.reason_phrase}"
    return said


class Records:
    """RFC 8446, 5: one direction of a TLS connection."""

    def __init__(self) -> None:
        self.key = None
        self.sequence = 0

    def use(self, secret: bytes) -> None:
        self.key = AESGCM(hkdf_expand_label(SHA256(), secret, b"key", b"", 16))
        self.iv = hkdf_expand_label(SHA256(), secret, b"iv", b"", 12)
        self.sequence = 0

    def nonce(self) -> bytes:
        number = self.sequence.to_bytes(12, "big")
        self.sequence += 1
        return bytes(a ^ b for a, b in zip(self.iv, number))

    def wrap(self, kind: int, data: bytes) -> bytes:
        if self.key is None:
            return bytes([kind, 3, 3]) + len(data).to_bytes(2, "big") + data
        inner = data + bytes([kind])
        header = bytes([APPLICATION, 3, 3]) + (len(inner) + 16).to_bytes(2, "big")
        return header + self.key.encrypt(self.nonce(), inner, header)

    def unwrap(self, header: bytes, body: bytes) -> tuple:
        if self.key is None or header[0] != APPLICATION:
            return header[0], body
        inner = self.key.decrypt(self.nonce(), body, header).rstrip(b"\0")
        return inner[-1], inner[:-1]


def over_tls(host: str, port: int, chain: list, key, seconds: float) -> dict:
    ours, theirs = Records(), Records()
    tls = Context(is_client=True, alpn_protocols=ALPN, verify_mode=ssl.CERT_NONE, cipher_suites=[CipherSuite.AES_128_GCM_SHA256])
    tls.certificate, tls.certificate_chain, tls.certificate_private_key = (chain[0] if chain else None), chain[1:], key
    written = {epoch: Buffer(capacity=1 << 20) for epoch in (Epoch.INITIAL, Epoch.HANDSHAKE, Epoch.ONE_RTT)}
    behind = []  # our key for what follows our Finished, which itself goes under the one before

    def new_key(direction, epoch, _suite, secret) -> None:
        if direction == Direction.DECRYPT:
            theirs.use(secret)
        elif epoch == Epoch.HANDSHAKE:
            ours.use(secret)
        else:
            behind.append(secret)

    tls.update_traffic_key_cb = new_key
    said = {"completed": False, "ended": None, "heard": ""}
    heard = b""
    with socket.create_connection((host, port)) as tcp:
        tcp.settimeout(seconds)

        def handle(data: bytes) -> None:
            tls.handle_message(data, written)
            for buffer in written.values():
                for at in range(0, buffer.tell(), RECORD_BYTES):
                    tcp.sendall(ours.wrap(HANDSHAKE, buffer.data[at : at + RECORD_BYTES]))
                buffer.seek(0)
            while behind:
                ours.use(behind.pop())
                said["completed"] = True

        def exactly(count: int) -> bytes:
            got = b""
            while len(got) < count:
                part = tcp.recv(count - len(got))
                if part == b"":
                    raise EOFError
                got += part
            return got

        try:
            handle(b"")
            while True:
                header = exactly(5)
                kind, data = theirs.unwrap(header, exactly(int.from_bytes(header[3:5], "big")))
                if kind == HANDSHAKE and not said["completed"]:
                    handle(data)
                elif kind == ALERT and data != CLOSE_NOTIFY:
                    said["ended"] = f"alert {data[1]}"
                elif kind == APPLICATION:
                    heard += data
        except TimeoutError:
            pass
        except (EOFError, ConnectionError):
            said["ended"] = said["ended"] or "closed"
    said["heard"] = heard.hex()
    return said


def main() -> None:
    asked = json.load(sys.stdin)
    for case in asked["cases"]:
        chain = [Raw(base64.b64decode(der)) for der in case["chain"]]
        key = load_pem_private_key(case["key"].encode(), None) if case["key"] else None
        for transport, show, port in (("quic", over_quic, asked["udp"]), ("tls", over_tls, asked["tcp"])):
            try:
                said = show(asked["host"], port, chain, key, asked["seconds"])
            except Alert as error:  # what the gateway said was no TLS to us
                said = {"completed": False, "ended": f"our own: {error!r}"}
            print(json.dumps({"name": case["name"], "transport": transport, **said}), flush=True)


main()
