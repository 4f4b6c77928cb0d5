#!/usr/bin/env python3
"""session_calls.py PROGRAMS FOLDER [ROUNDS]

Counts the system calls of each role (strace) for one login over IMAP and POP3, in the clear and over TLS, for one RETR,
FETCH BODY[] and APPEND of a session that waits for each answer, and for RETR in batches. ROUNDS (default 300) of each.
FOLDER gets the data root; nothing but loopback is used.
"""

import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools" / "scripts"))
import instance as hauspost  # noqa: E402

PORTS = 28000  # standard numbers above this one
DOMAIN = "perf.test"
PASSWORD = "pw"
USER = f"u00000@{DOMAIN}"
ROLES = ("hauspost-frontend", "hauspost-auth", "hauspost-store", "hauspost-transport")
MESSAGE = ("From: a@example.org\r\nTo: b@example.org\r\nSubject: costs\r\n\r\n" + ("x" * 70 + "\r\n") * 56).encode()
BATCH = 50


class Session:
    """One client's connection, read line by line."""

    def __init__(self, port, tls=False):
        self.socket = socket.create_connection(("127.0.0.1", PORTS + port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
        self.reader = self.socket.makefile("rb")
        self.greeting = self.line()

    def line(self):
        line = self.reader.readline()
        if not line:
            sys.exit("session_calls: the session ended")
        return line

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def imap(self, command):
        self.send(f"x {command}\r\n")
        while not (line := self.line()).startswith(b"x "):
            pass
        if not line.startswith(b"x OK"):
            sys.exit(f"session_calls: {command[:60]}: {line.decode().strip()}")

    def pop3(self, command):
        self.send(f"{command}\r\n")
        line = self.line()
        if not line.startswith(b"+OK"):
            sys.exit(f"session_calls: {command}: {line.decode().strip()}")

    def retrieved(self):
        while self.line() != b".\r\n":
            pass

    def close(self):
        self.reader.close()
        self.socket.close()


def login_imap(port, tls, rounds):
    for _ in range(rounds):
        session = Session(port, tls)
        session.imap(f"LOGIN {USER} {PASSWORD}")
        session.imap("LOGOUT")
        session.close()


def login_pop3(port, tls, rounds):
    for _ in range(rounds):
        session = open_pop3(port, tls)
        session.pop3("STAT")
        session.pop3("QUIT")
        session.close()


def open_pop3(port, tls):
    session = Session(port, tls)
    session.pop3(f"USER {USER}")
    session.pop3(f"PASS {PASSWORD}")
    return session


def open_imap():
    session = Session(143)
    session.imap(f"LOGIN {USER} {PASSWORD}")
    session.imap("SELECT INBOX")
    return session


def retr_each(session, rounds):
    for number in range(1, rounds + 1):
        session.pop3(f"RETR {number}")
        session.retrieved()


def retr_batches(session, rounds):
    for first in range(1, rounds + 1, BATCH):
        numbers = range(first, min(first + BATCH, rounds + 1))
        session.send("".join(f"RETR {number}\r\n" for number in numbers))
        for _ in numbers:
            session.retrieved()


def fetch_each(session, rounds):
    for number in range(1, rounds + 1):
        session.imap(f"FETCH {number} BODY.PEEK[]")


def append_each(session, rounds):
    for _ in range(rounds):
        session.send(f"x APPEND Drafts {{{len(MESSAGE)}+}}\r\n".encode() + MESSAGE + b"\r\n")
        while not session.line().startswith(b"x OK"):
            pass


def roles_of(data):
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            role = pathlib.Path((entry / "cmdline").read_bytes().split(b"\0")[0].decode()).name
            parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
            line = pathlib.Path(f"/proc/{parent}/cmdline").read_bytes()
        except OSError:
            continue
        if role in ROLES and str(data).encode() in line:
            found[role] = int(entry.name)
    return found


def count(pids, folder, what, rounds, work):
    tracers = {}
    for role, pid in pids.items():
        out = folder / f"calls-{role}"
        tracers[role] = (out, subprocess.Popen(["strace", "-f", "-c", "-o", str(out), "-p", str(pid)],
                                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    time.sleep(1)
    began = time.monotonic()
    work()
    took = time.monotonic() - began
    total = 0
    for role, (out, tracer) in tracers.items():
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        calls = {}
        for line in out.read_text().splitlines():
            row = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
            if row and row[2] != "total":
                calls[row[2]] = int(row[1])
        each = sum(calls.values()) / rounds
        total += each
        if each < 0.02:
            continue
        shown = ", ".join(f"{name} {number / rounds:.2f}"
                          for name, number in sorted(calls.items(), key=lambda call: -call[1])
                          if number >= rounds / 50)
        print(f"{what:<18} {role:<19} {each:6.2f}   {shown}", flush=True)
    print(f"{what:<18} together            {total:6.2f}   ({took / rounds * 1000:.2f} ms each under strace)", flush=True)


def start(programs, data):
    shutil.rmtree(data, ignore_errors=True)
    server = hauspost.Instance(programs, data)
    server.cli("init", "--hostname", f"mail.{DOMAIN}", "--port-base", str(PORTS))
    server.start()
    server.cli("database", "create", "DB1")
    server.cli("domain", "add", DOMAIN)
    server.cli("mailbox", "create", USER, "--database", "DB1", "--password-stdin", stdin=PASSWORD + "\n")
    for service in ("imap", "imap-backend", "pop3", "pop3-backend"):
        server.cli("service", "enable", service)
    for listener in ("imap", "imaps", "pop3", "pop3s"):
        server.cli("listener", "set", listener, "--per-address", "60000", "--new-per-minute", "1000000")
    for listener in ("imap", "pop3"):
        server.cli("listener", "set", listener, "--login", "plain")
    return server


def measure(pids, folder, rounds):
    session = open_imap()
    for _ in range(0, rounds, BATCH):
        literals = b"".join(b" {%d+}\r\n%s" % (len(MESSAGE), MESSAGE) for _ in range(BATCH))
        session.send(b"x APPEND INBOX" + literals + b"\r\n")
        while not session.line().startswith(b"x OK"):
            pass
    session.close()
    for name, port, tls, login in (("login imap", 143, False, login_imap), ("login imaps", 993, True, login_imap),
                                   ("login pop3", 110, False, login_pop3), ("login pop3s", 995, True, login_pop3)):
        count(pids, folder, name, rounds, lambda: login(port, tls, rounds))
    for name, open_it, work in (("RETR", lambda: open_pop3(110, False), retr_each),
                                ("RETR in batches", lambda: open_pop3(110, False), retr_batches),
                                ("FETCH BODY[]", open_imap, fetch_each), ("APPEND 4 KiB", open_imap, append_each)):
        session = open_it()
        count(pids, folder, name, rounds, lambda: work(session, rounds))
        session.close()


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    programs, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 300
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "hauspost-calls"
    server = start(programs, data)
    try:
        measure(roles_of(data), folder, rounds)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
