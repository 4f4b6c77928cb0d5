#!/usr/bin/env python3
"""huge_mailbox.py PROGRAMS [--messages 1000000] [--rounds 5] [--data DIR]

One folder of a million messages over a whole session: the time of SELECT, of SELECT with QRESYNC after ten
changes, of UID FETCH 1:* (FLAGS) in messages a second, what one more session that has it selected adds to the
store worker's memory, and how far the memory of all processes rises while a client takes a FETCH of everything
slowly. The folder is made of a thousand small messages, doubled by COPY.
"""

import argparse
import pathlib
import re
import shutil
import ssl
import socket
import statistics
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import idle_imap  # noqa: E402

FIRST = 1000  # messages that are appended
CHANGES = 10


class Session:
    def __init__(self, port):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=600))
        self.file = self.socket.makefile("rb", buffering=256 * 1024)
        self.file.readline()
        self.tags = 0
        self.command(f"LOGIN u0000@{idle_imap.DOMAIN} {idle_imap.PASSWORD}")

    def command(self, line, literal=b""):
        """The untagged lines of an OK; milliseconds it took in `took`."""
        self.tags += 1
        tag = f"t{self.tags} ".encode()
        begin = time.perf_counter()
        self.socket.sendall(tag + line.encode() + b"\r\n" + literal)
        lines = []
        while not (got := self.file.readline()).startswith(tag):
            if not got:
                raise RuntimeError(f"{line[:60]}: the connection ended")
            lines.append(got)
        self.took = (time.perf_counter() - begin) * 1000
        if not got.startswith(tag + b"OK"):
            raise RuntimeError(f"{line[:60]}: {got}")
        self.answer = got
        return lines

    def close(self):
        self.file.close()
        self.socket.close()


def fill(session, messages):
    session.command("CREATE Huge")
    text = "".join(f"{' ' if n else ''}{{{len(body)}+}}\r\n{body}" for n in range(FIRST)
                   for body in [f"From: a@example.org\r\nSubject: {n}\r\n\r\n{n}\r\n"])
    session.command("APPEND Huge " + text)
    session.command("SELECT Huge")
    have = FIRST
    while have < messages:
        more = min(have, messages - have)
        session.command(f"COPY 1:{more} Huge")
        have += more
        print(f"  {have} messages, the last {more} in {session.took / 1000:.1f} s", flush=True)


def median_of(port, rounds, prepare, timed):
    """Median milliseconds of `timed` in a session of its own each; what it told last."""
    took = []
    for _ in range(rounds):
        session = Session(port)
        prepare(session)
        lines = session.command(timed() if callable(timed) else timed)
        took.append(session.took)
        session.close()
    return statistics.median(took), lines


def measure_resync(port, rounds, step):
    writer = Session(port)
    writer.command("ENABLE QRESYNC")
    took = []
    for turn in range(rounds):
        told = b"".join(writer.command("SELECT Huge") + [writer.answer]).decode()
        validity = re.search(r"UIDVALIDITY (\d+)", told)[1]
        modseq = re.search(r"HIGHESTMODSEQ (\d+)", told)[1]
        numbers = ",".join(str(1 + turn + step * n) for n in range(CHANGES))
        writer.command(f"UID STORE {numbers} +FLAGS.SILENT (\\Flagged)")
        reader = Session(port)
        reader.command("ENABLE QRESYNC")
        lines = reader.command(f"SELECT Huge (QRESYNC ({validity} {modseq}))")
        fetched = sum(b" FETCH (" in line for line in lines)
        if fetched != CHANGES:
            raise RuntimeError(f"QRESYNC told {fetched} changes of {CHANGES}")
        took.append(reader.took)
        reader.close()
        writer.command(f"UID STORE {numbers} -FLAGS.SILENT (\\Flagged)")
    writer.close()
    return statistics.median(took)


def measure_slow_reader(port, roles):
    """How far the memory of all processes rises while a FETCH of everything is taken slowly, MiB."""
    session = Session(port)
    session.command("SELECT Huge")
    before = peak = sum(idle_imap.memory(roles).values())
    session.socket.sendall(b"slow UID FETCH 1:* (UID FLAGS ENVELOPE)\r\n")
    for _ in range(50):
        session.socket.recv(16 * 1024)
        time.sleep(0.05)
        peak = max(peak, sum(idle_imap.memory(roles).values()))
    session.close()
    return (peak - before) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", type=pathlib.Path)
    options = parser.parse_args()
    idle_imap.USERS, idle_imap.PORTS = 1, 25000
    port = idle_imap.PORTS + 993
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hauspost-huge-", dir=options.data))
    server = None
    try:
        server = idle_imap.start(options.programs, folder / "data")
        roles = idle_imap.roles_of(server)
        worker = roles["hauspost-store"]
        session = Session(port)
        fill(session, options.messages)
        session.close()
        select, _ = median_of(port, options.rounds, lambda _: None, "SELECT Huge")
        print(f"SELECT of {options.messages}: {select:.1f} ms", flush=True)
        resync = measure_resync(port, options.rounds, options.messages // CHANGES)
        print(f"SELECT with QRESYNC after {CHANGES} changes: {resync:.1f} ms", flush=True)
        time.sleep(2)
        before = idle_imap.private_kib(worker)
        selected = [Session(port) for _ in range(5)]
        for session in selected:
            session.command("SELECT Huge")
        time.sleep(1)
        grown = (idle_imap.private_kib(worker) - before) / 1024 / len(selected)
        print(f"one more session with it selected: {grown:.1f} MiB", flush=True)
        flags, _ = median_of(port, 1, lambda s: s.command("SELECT Huge"), "UID FETCH 1:* (FLAGS)")
        print(f"UID FETCH 1:* (FLAGS): {options.messages / flags * 1000:.0f} messages/s", flush=True)
        print(f"FETCH of everything taken slowly: {measure_slow_reader(port, roles):.1f} MiB more", flush=True)
    finally:
        if server:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
