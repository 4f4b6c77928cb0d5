"""A small DNS server for tests: answers on loopback, UDP and TCP at the same port, from a zone that is
a dict, and misbehaves on demand. It answers like a resolver: CNAMEs are followed within the zone.

    with DnsServer({"example.org": {"MX": ["10 mx.example.org"], "TXT": ["v=spf1 -all"]},
                    "mx.example.org": {"A": ["127.0.0.2"]}}) as dns:
        server.cli("dns", "set", "--server", dns.address)
        ...
        assert dns.count("example.org", "MX") == 1

Types: A AAAA MX TXT TLSA SRV CAA PTR CNAME NS SOA. A TXT value is a string, or a list of strings of one record.
The zone may be changed while it runs (mind the caches of who asked; `ttl` is 0 unless said otherwise).
Standard library only.
"""

import collections
import ipaddress
import select
import socket
import socketserver
import struct
import threading
import time

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "TLSA": 52, "CAA": 257}
NAMES = {number: name for name, number in TYPES.items()}
RCODES = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5}
OPT = 41
CHAIN_MAX = 20


def reverse_name(address):
    """The name whose PTR records belong to an address."""
    return ipaddress.ip_address(address).reverse_pointer


class Writer:
    """A message in the making, with compressed names."""

    def __init__(self, ident, flags, counts):
        self.bytes = bytearray(struct.pack("!HH4H", ident, flags, *counts))
        self.places = {}

    def name(self, name):
        labels = [label for label in name.rstrip(".").split(".") if label]
        for i in range(len(labels)):
            rest = ".".join(labels[i:]).lower()
            if rest in self.places:
                self.bytes += struct.pack("!H", 0xC000 | self.places[rest])
                return
            if len(self.bytes) < 0x3FFF:
                self.places[rest] = len(self.bytes)
            label = labels[i].encode()
            self.bytes += bytes([len(label)]) + label
        self.bytes += b"\0"

    def record(self, owner, kind, ttl, value):
        self.name(owner)
        self.bytes += struct.pack("!HHIH", TYPES[kind], 1, ttl, 0)
        start = len(self.bytes)
        self.data(kind, value)
        struct.pack_into("!H", self.bytes, start - 2, len(self.bytes) - start)

    def data(self, kind, value):
        if kind in ("A", "AAAA"):
            self.bytes += ipaddress.ip_address(value).packed
        elif kind == "MX":
            preference, host = value.split()
            self.bytes += struct.pack("!H", int(preference))
            self.name(host)
        elif kind == "TXT":
            for part in [value] if isinstance(value, str) else value:
                raw = part.encode()
                for i in range(0, max(len(raw), 1), 255):
                    self.bytes += bytes([len(raw[i:i + 255])]) + raw[i:i + 255]
        elif kind == "SRV":
            *numbers, host = value.split()
            self.bytes += struct.pack("!3H", *map(int, numbers))
            for label in [label for label in host.rstrip(".").split(".") if label]:  # never compressed
                self.bytes += bytes([len(label)]) + label.encode()
            self.bytes += b"\0"
        elif kind == "CAA":
            flags, tag, text = value.split(None, 2)
            self.bytes += bytes([int(flags), len(tag)]) + tag.encode() + text.strip('"').encode()
        elif kind == "TLSA":
            usage, selector, matching, digits = value.split()
            self.bytes += bytes([int(usage), int(selector), int(matching)]) + bytes.fromhex(digits)
        elif kind == "SOA":
            primary, mailbox, *numbers = value.split()
            self.name(primary)
            self.name(mailbox)
            self.bytes += struct.pack("!5I", *map(int, numbers))
        else:
            self.name(value)


class DnsServer:
    """Misbehaviour, each by name (lower case, or "*" for every name):

    failing    {name: rcode as text}: "SERVFAIL", "REFUSED", "FORMERR", ...
    truncated  {name}: UDP answers say TC and hold nothing; TCP answers are whole
    silent     {name}: no answer at all, by neither way
    slow       {name: seconds}
    no_edns    True: FORMERR to every question with an OPT record
    authentic  True: AD is set for who asks for it, but for names of `unsigned`
    ttl        of every record and of negative answers (SOA minimum)
    """

    def __init__(self, zone=None, host="127.0.0.1", port=0):
        self.zone = zone if zone is not None else {}
        self.host = host
        self.failing = {}
        self.truncated = set()
        self.silent = set()
        self.slow = {}
        self.no_edns = False
        self.authentic = False
        self.unsigned = set()
        self.ttl = 0
        self.questions = collections.Counter()  # (name, type)
        self.transports = collections.Counter()  # "udp", "tcp"
        self.log = []  # (transport, name, type), in order
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.udp, self.tcp, self.port = self._bind(port)
        self.threads = [threading.Thread(target=self._serve_udp, daemon=True),
                        threading.Thread(target=self.tcp.serve_forever, args=(0.05,), daemon=True)]
        for thread in self.threads:
            thread.start()

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    def count(self, name, kind=None):
        """How often a name was asked for."""
        with self.lock:
            return sum(count for (asked, asked_kind), count in self.questions.items()
                       if asked == name.lower() and kind in (None, asked_kind))

    def forget(self):
        """Sets the counts to nothing."""
        with self.lock:
            self.questions.clear()
            self.transports.clear()
            self.log.clear()

    def stop(self):
        self.stopping.set()
        self.tcp.shutdown()
        self.tcp.server_close()
        for thread in self.threads:
            thread.join()
        self.udp.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _bind(self, port):
        handler = type("Handler", (_TcpHandler,), {"dns": self})
        for _ in range(50):
            tcp = _TcpServer((self.host, port), handler)
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                udp.bind((self.host, tcp.server_address[1]))
                return udp, tcp, tcp.server_address[1]
            except OSError:
                udp.close()
                tcp.server_close()
                if port:
                    raise
        raise RuntimeError("no port that is free for UDP and TCP")

    def _serve_udp(self):
        while not self.stopping.is_set():
            if not select.select([self.udp], [], [], 0.05)[0]:
                continue
            question, peer = self.udp.recvfrom(4096)
            threading.Thread(target=self._answer_udp, args=(question, peer), daemon=True).start()

    def _answer_udp(self, question, peer):
        answer = self.answer(question, "udp")
        if answer:
            try:
                self.udp.sendto(answer, peer)
            except OSError:
                pass  # stopped meanwhile

    def _of(self, table, name):
        return name in table or "*" in table

    def answer(self, message, transport):
        """The answer's bytes; None: silence."""
        try:
            ident, flags, _, _, _, additional = struct.unpack("!6H", message[:12])
            name, at = read_name(message, 12)
            number, _ = struct.unpack("!HH", message[at:at + 4])
        except (struct.error, IndexError):
            return None
        spelt, name = name, name.lower()
        kind = NAMES.get(number, str(number))
        wants_do, size = read_opt(message, at + 4) if additional else (False, 512)
        with self.lock:
            self.questions[(name, kind)] += 1
            self.transports[transport] += 1
            self.log.append((transport, name, kind))
        if delay := self.slow.get(name, self.slow.get("*", 0)):
            time.sleep(delay)
        if self._of(self.silent, name):
            return None
        edns = additional > 0
        if self.no_edns and edns:
            return self._message(ident, flags, spelt, number, RCODES["FORMERR"], [], [], False, False)
        if code := self.failing.get(name, self.failing.get("*")):
            return self._message(ident, flags, spelt, number, RCODES[code], [], [], False, edns)
        rcode, records, authority = self._look(name, spelt, kind)
        asked = wants_do or flags & 0x20
        signed = self.authentic and asked and not any(
            record[0].lower() in self.unsigned for record in records) and name not in self.unsigned
        whole = self._message(ident, flags, spelt, number, rcode, records, authority, signed, edns)
        if transport == "udp" and (self._of(self.truncated, name) or len(whole) > size):
            return self._message(ident, flags | 0x200, spelt, number, rcode, [], [], signed, edns)
        return whole

    def _look(self, name, spelt, kind):
        records = []
        owner = spelt
        for _ in range(CHAIN_MAX):
            here = self.zone.get(name)
            if here and "CNAME" in here and kind != "CNAME":
                target = here["CNAME"][0].rstrip(".")
                records.append((owner, "CNAME", target))
                owner, name = target, target.lower()
                continue
            break
        below = any(other.endswith("." + name) for other in self.zone)
        if here and kind in here:
            return 0, records + [(owner, kind, value) for value in here[kind]], []
        soa = [(name, "SOA", f"ns.{name} root.{name} 1 3600 600 86400 {self.ttl}")]
        return RCODES["NOERROR" if here is not None or below else "NXDOMAIN"], records, soa

    def _message(self, ident, flags, name, number, rcode, records, authority, signed, edns):
        head = 0x8080 | flags & 0x7B00 | (0x20 if signed else 0) | rcode
        out = Writer(ident, head, (1, len(records), len(authority), 1 if edns else 0))
        out.name(name)
        out.bytes += struct.pack("!HH", number, 1)
        for owner, kind, value in records + authority:
            out.record(owner, kind, self.ttl, value)
        if edns:
            out.bytes += b"\0" + struct.pack("!HHIH", OPT, 1232, 0, 0)
        return bytes(out.bytes)


def read_name(message, at):
    labels = []
    while message[at]:
        length = message[at]
        if length > 63:
            raise IndexError("a question needs no compression")
        labels.append(message[at + 1:at + 1 + length].decode("latin-1"))
        at += 1 + length
    return ".".join(labels), at + 1


def read_opt(message, at):
    """DO and the UDP size of an OPT record that is the first additional record."""
    if message[at] != 0 or struct.unpack("!H", message[at + 1:at + 3])[0] != OPT:
        return False, 512
    size, _, flags = struct.unpack("!HHH", message[at + 3:at + 9])
    return bool(flags & 0x8000), max(size, 512)


class _TcpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class _TcpHandler(socketserver.BaseRequestHandler):
    dns = None

    def handle(self):
        self.request.settimeout(10)
        try:
            while True:
                head = self._exactly(2)
                question = self._exactly(struct.unpack("!H", head)[0])
                answer = self.dns.answer(question, "tcp")
                if answer is None:
                    return
                self.request.sendall(struct.pack("!H", len(answer)) + answer)
        except (OSError, EOFError):
            pass

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.request.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data


if __name__ == "__main__":
    import json
    import sys

    # dns_server.py PORT < zone.json: for a look by hand.
    with DnsServer(json.load(sys.stdin), port=int(sys.argv[1])) as server:
        print("answers on", server.address, flush=True)
        threading.Event().wait()
