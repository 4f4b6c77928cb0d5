"""One IMAP connection for the stress test: commands out, responses in. Standard library only."""

import asyncio
import random
import re
import zlib

READ_SECONDS_MAX = 60
LOGIN_ATTEMPTS_MAX = 10
LITERAL = re.compile(rb"\{(\d+)\}\r\n$")


class Violation(Exception):
    """The server said what it may not say, or left out what it has to say."""


class Inflated:
    """The reading half of a connection after COMPRESS=DEFLATE."""

    def __init__(self, reader):
        self.reader = reader
        self.inflater = zlib.decompressobj(-15)
        self.bytes = b""

    async def readline(self):
        while b"\n" not in self.bytes:
            if not await self.more():
                break
        line, end, self.bytes = self.bytes.partition(b"\n")
        return line + end

    async def readexactly(self, count):
        while len(self.bytes) < count:
            if not await self.more():
                raise Violation("the connection ended in a literal")
        found, self.bytes = self.bytes[:count], self.bytes[count:]
        return found

    async def more(self):
        got = await self.reader.read(65536)
        self.bytes += self.inflater.decompress(got)
        return bool(got)


class Deflated:
    """The writing half."""

    def __init__(self, writer):
        self.writer = writer
        self.transport = writer.transport
        self.deflater = zlib.compressobj(wbits=-15)

    def write(self, data):
        self.writer.write(self.deflater.compress(data) + self.deflater.flush(zlib.Z_SYNC_FLUSH))


class Connection:
    """Gives each untagged response to `untagged(text, command)`; literals stand in the text as they came."""

    def __init__(self, name, untagged):
        self.name = name
        self.untagged = untagged
        self.reader = self.writer = None
        self.tags = 0
        self.commands = 0
        self.trace = []

    async def open(self, port, tls):
        # From many addresses: the front-end counts what comes from one.
        source = f"127.0.{random.randint(1, 254)}.{random.randint(1, 254)}"
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=tls, server_hostname="127.0.0.1", local_addr=(source, 0))
        greeting = await self.response()
        if not greeting.startswith("* OK"):
            raise Violation(f"greeting: {greeting}")

    async def log_in(self, server, address):
        """Sessions that broke off count for a moment yet among those that an account may have."""
        for attempt in range(LOGIN_ATTEMPTS_MAX):
            await self.open(server.ports["imaps"], server.tls())
            answer = await self.command(f'LOGIN {address} "{server.password}"', expect=None)
            if answer.startswith("OK "):
                return
            if "[LIMIT]" not in answer:
                break
            self.abort()
            await asyncio.sleep(0.1 * (attempt + 1))
        raise Violation(f"LOGIN: {answer}")

    async def compress(self):
        await self.command("COMPRESS DEFLATE")
        self.reader, self.writer = Inflated(self.reader), Deflated(self.writer)

    def abort(self):
        """Gone without a word, as a telephone in a tunnel."""
        if self.writer is not None:
            self.writer.transport.abort()
        self.reader = self.writer = None

    def note(self, direction, text):
        self.trace.append(f"{direction} {text[:400]}")
        del self.trace[:-60]

    async def response(self, seconds=READ_SECONDS_MAX):
        """One response without its last CRLF. asyncio.TimeoutError leaves nothing half read."""
        text = await asyncio.wait_for(self.reader.readline(), seconds)
        while literal := LITERAL.search(text):
            text += await asyncio.wait_for(self.reader.readexactly(int(literal[1])), READ_SECONDS_MAX)
            text += await asyncio.wait_for(self.reader.readline(), READ_SECONDS_MAX)
        if not text.endswith(b"\r\n"):
            raise Violation(f"the connection ended in {text!r}")
        line = text[:-2].decode("utf-8")
        self.note("S:", line)
        return line

    def send(self, line, data=b""):
        """Sends a command under a new tag, which is returned."""
        self.tags += 1
        self.commands += 1
        tag = f"{self.name}.{self.tags}"
        self.note("C:", f"{tag} {line}")
        self.writer.write(f"{tag} {line}\r\n".encode() + data)
        return tag

    async def finish(self, tag, command):
        """Everything up to the tagged answer, which is returned without its tag."""
        while True:
            line = await self.response()
            if line.startswith(tag + " "):
                return line[len(tag) + 1:]
            if not line.startswith("* "):
                raise Violation(f"{command}: not untagged: {line}")
            if line.startswith("* BYE"):
                raise Violation(f"{command}: {line}")
            self.untagged(line[2:], command)

    async def command(self, line, expect="OK"):
        answer = await self.finish(self.send(line), line)
        if expect and not answer.startswith(expect + " "):
            raise Violation(f"{line}: {answer}")
        return answer

    async def command_with_literal(self, line, pieces):
        """`line` up to its first literal; pieces: (literal, text behind it) each."""
        out = bytearray()
        for at, (literal, behind) in enumerate(pieces):
            head = f"{line} " if at == 0 else ""
            out += f"{head}{{{len(literal)}+}}\r\n".encode() + literal + behind.encode()
        self.tags += 1
        self.commands += 1
        tag = f"{self.name}.{self.tags}"
        self.note("C:", f"{tag} {line} ({len(pieces)} literals)")
        self.writer.write(f"{tag} ".encode() + bytes(out) + b"\r\n")
        answer = await self.finish(tag, line)
        if not answer.startswith("OK "):
            raise Violation(f"{line}: {answer}")
        return answer


def uid_set(uids):
    """The shortest text of a set: 1:3,7"""
    ranges = []
    for uid in sorted(uids):
        if ranges and uid == ranges[-1][1] + 1:
            ranges[-1][1] = uid
        else:
            ranges.append([uid, uid])
    return ",".join(str(a) if a == b else f"{a}:{b}" for a, b in ranges)


def expand(text):
    """The numbers of a set in the order in which they stand."""
    for part in text.split(","):
        first, _, last = part.partition(":")
        first, last = int(first), int(last or first)
        yield from range(first, last + 1) if first <= last else range(first, last - 1, -1)
