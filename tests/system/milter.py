"""A filter program for tests, speaking the milter protocol (version 6) on a loopback port or a Unix
socket. It decides by the Subject of a message and keeps what it heard.

    with Milter() as milter:
        server.cli("milter", "add", "test", "--address", milter.address)

Subjects: "reject", "tempfail", "discard", "quarantine" (with a reason), "tag" (X-Test and a new Subject),
"body" (replaced), "sender" (changed), "reroute:ADDRESS" (added; the others are taken away), "reply" (a
reply of its own), "hang" (no answer). Anything else is accepted with a field X-Seen. Standard library only.
"""

import pathlib
import socketserver
import struct
import threading
import time


def packet(letter, data=b""):
    return struct.pack("!I", len(data) + 1) + letter + data


def texts(*parts):
    return b"".join(part.encode() + b"\0" for part in parts)


CONTINUE = packet(b"c")


def changes_for(subject, recipients):
    """The answers to the end of a message."""
    if subject == "reject":
        return packet(b"r")
    if subject == "tempfail":
        return packet(b"t")
    if subject == "discard":
        return packet(b"d")
    if subject == "reply":
        return packet(b"y", texts("554 5.7.9 Not of this kind"))
    if subject == "quarantine":
        return packet(b"q", texts("looks bad")) + CONTINUE
    if subject == "tag":
        return (packet(b"h", texts("X-Test", "yes")) +
                packet(b"m", struct.pack("!I", 1) + texts("Subject", "tagged")) + CONTINUE)
    if subject == "body":
        return packet(b"b", b"Another body\r\n") + CONTINUE
    if subject == "sender":
        return packet(b"e", texts("<changed@example.org>")) + CONTINUE
    if subject.startswith("reroute:"):
        gone = b"".join(packet(b"-", texts(recipient)) for recipient in recipients)
        return gone + packet(b"+", texts(f"<{subject.partition(':')[2]}>")) + CONTINUE
    return packet(b"h", texts("X-Seen", "1")) + packet(b"a")


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        subject, recipients = "", []
        while head := self.rfile.read(4):
            body = self.rfile.read(struct.unpack("!I", head)[0])
            letter, data = body[:1], body[1:]
            if letter == b"D":
                self.server.macros.append(data)
                continue
            self.server.heard.append((letter.decode(), data))
            if letter == b"Q":
                return
            if letter == b"A":
                continue
            answer = CONTINUE
            if letter == b"O":
                answer = packet(b"O", struct.pack("!III", 6, 0x7f, 0))
            if letter == b"M":
                subject, recipients = "", []
            if letter == b"R":
                recipients.append(data.split(b"\0")[0].decode())
            if letter == b"L" and data.lower().startswith(b"subject\0"):
                subject = data.split(b"\0")[1].decode().strip()
            if letter == b"E":
                if subject == "hang":
                    self.server.stopping.wait(60)
                    return
                answer = changes_for(subject, recipients)
            self.wfile.write(answer)


class TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class Milter:
    def __init__(self, path=None):
        self.path = path
        self.server = UnixServer(str(path), Handler) if path else TcpServer(("127.0.0.1", 0), Handler)
        self.server.heard = []
        self.server.macros = []
        self.server.stopping = threading.Event()
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self):
        return f"unix:{self.path}" if self.path else "inet:127.0.0.1:%d" % self.server.server_address[1]

    @property
    def heard(self):
        return list(self.server.heard)

    def stop(self):
        self.server.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        if self.path:
            pathlib.Path(self.path).unlink(missing_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def wait_for_port(connect, seconds=20):
    """Calls `connect` until it works."""
    end = time.monotonic() + seconds
    while True:
        try:
            connect()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
