"""A whole server for tests: a temporary data root on free loopback ports, made and driven through the
CLI alone. Standard library only.

Tests that do not stop or break the server share one (`shared_server`); each test takes mailboxes of
its own from it, so that none sees another's mail.
"""

import atexit
import imaplib
import itertools
import os
import pathlib
import random
import shutil
import smtplib
import socket
import ssl
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "scripts"))

from instance import Instance, busy_ports, ports_of_base  # noqa: E402

PROGRAMS = pathlib.Path(os.environ.get("HAUSPOST_PROGRAMS", ROOT / "build" / "release" / "bin"))
HOST = "127.0.0.1"
DOMAIN = "example.test"
PASSWORD = "correct horse battery"
TIMEOUT = 20


# For each role a Unix user, by number: those that this machine's Debian has not given to anybody.
ROLES = ("auth", "frontend", "transport", "store", "web", "health", "acme")
FIRST_USER = 61001
ROLE_USERS = {role: FIRST_USER + number for number, role in enumerate(ROLES)}
ROLE_GROUP = 61100
# Set, and run by root: every server of every test switches users.
WITH_USERS = bool(os.environ.get("HAUSPOST_TEST_USERS")) and os.geteuid() == 0


def free_port_base():
    # Below the range from which the kernel takes ports for outgoing connections.
    for _ in range(200):
        base = random.randrange(12000, 31000)
        if not busy_ports(base):
            return base
    raise RuntimeError("no free port base")


class Server(Instance):
    """A data root with one database, one domain and IMAP on. `users`: each role gets its own."""

    def __init__(self, databases=("DB1",), users=WITH_USERS):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hauspost-system-"))
        super().__init__(PROGRAMS, self.folder / "data")
        self.base = free_port_base()
        self.ports = ports_of_base(self.base)
        self.cli("init", "--hostname", "mail.example.test", "--port-base", str(self.base))
        if users:
            self.switch_users()
        self.log = self.folder / "hauspostd.log"
        self.start(self.log)
        for name in databases:
            self.cli("database", "create", name)
        self.cli("domain", "add", DOMAIN)
        self.cli("service", "enable", "imap", "imap-backend")
        self.numbers = itertools.count(1)

    def switch_users(self):
        """From its next start on."""
        self.folder.chmod(0o755)  # they must get through to the data root
        lines = [f"{role} = {number}" for role, number in ROLE_USERS.items()]
        with open(self.data / "hauspost.toml", "a") as settings:
            print("\n[users]", *lines, f"group = {ROLE_GROUP}", sep="\n", file=settings)

    def restart(self):
        self.stop()
        self.start(self.log)

    def destroy(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def user(self, name="user", database="DB1"):
        """A new mailbox; its address."""
        address = f"{name}{next(self.numbers)}@{DOMAIN}"
        self.cli("mailbox", "create", address, "--database", database, "--password-stdin",
                 stdin=PASSWORD + "\n")
        return address

    def tls(self):
        return ssl.create_default_context(cafile=str(self.data / "tls" / "certificate.pem"))

    def imap(self, address=None):
        """An IMAPS connection, logged in when `address` is given."""
        connection = imaplib.IMAP4_SSL(HOST, self.ports["imaps"], ssl_context=self.tls(),
                                       timeout=TIMEOUT)
        if address:
            connection.login(address, PASSWORD)
        return connection

    def smtp(self):
        return smtplib.SMTP(HOST, self.ports["smtp"], timeout=TIMEOUT)

    def submission(self, address=None):
        connection = smtplib.SMTP(HOST, self.ports["submission"], timeout=TIMEOUT)
        connection.starttls(context=self.tls())
        if address:
            connection.login(address, PASSWORD)
        return connection

    def submissions(self, address=None):
        connection = smtplib.SMTP_SSL(HOST, self.ports["submissions"], context=self.tls(),
                                      timeout=TIMEOUT)
        if address:
            connection.login(address, PASSWORD)
        return connection

    def deliver(self, recipient, subject="Hello", sender="outside@example.org", body="Body\r\n"):
        with self.smtp() as connection:
            refused = connection.sendmail(sender, [recipient], message(subject, sender, recipient, body))
        assert not refused, refused

    def subjects(self, address, folder="INBOX"):
        """The Subject of every message in a folder, in order."""
        with self.imap(address) as connection:
            return subjects_in(connection, folder)

    def wait_for_subject(self, address, subject, seconds=15, folder="INBOX"):
        end = time.monotonic() + seconds
        while subject not in self.subjects(address, folder):
            if time.monotonic() > end:
                raise AssertionError(f"{subject!r} did not arrive within {seconds} s")
            time.sleep(0.2)


def message(subject, sender, recipient, body="Body\r\n"):
    return (f"From: {sender}\r\nTo: {recipient}\r\nSubject: {subject}\r\n"
            f"Date: Thu, 21 Nov 2013 12:00:00 +0000\r\n"
            f"Message-ID: <{random.getrandbits(64):x}@example.org>\r\n\r\n{body}")


def subjects_in(connection, folder):
    status, _ = connection.select(folder, readonly=True)
    assert status == "OK", folder
    status, parts = connection.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    return [part[1].decode().partition(":")[2].strip() for part in parts if isinstance(part, tuple)]


class Wire:
    """A raw connection that speaks in lines, for what the libraries would never send."""

    def __init__(self, port, tls=None, source=None, first=b""):
        """`source`: the loopback address to come from; `first`: bytes in the clear before TLS."""
        self.socket = socket.create_connection((HOST, port), timeout=TIMEOUT,
                                               source_address=(source, 0) if source else None)
        if first:
            self.socket.sendall(first)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=HOST)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def line(self):
        """The next line without its end; empty at the end of the connection."""
        return self.file.readline().rstrip(b"\r\n").decode("utf-8", "replace")

    def reply(self):
        """The last line of an SMTP reply."""
        while True:
            line = self.line()
            if len(line) < 4 or line[3] != "-":
                return line

    def command(self, line):
        self.send(line + "\r\n")
        return self.reply()

    def tagged(self, tag, line=None):
        """Sends "tag line"; everything up to and with the tagged answer."""
        if line is not None:
            self.send(f"{tag} {line}\r\n")
        lines = []
        while True:
            lines.append(self.line())
            if not lines[-1] or lines[-1].startswith(tag + " "):
                return lines

    def rest_within(self, seconds):
        """Everything until the server closes, or what came in that time."""
        self.socket.settimeout(seconds)
        data = b""
        try:
            while chunk := self.socket.recv(65536):
                data += chunk
        except OSError:
            pass
        return data.decode("utf-8", "replace")

    def rest(self):
        """Everything until the server closes."""
        try:
            return self.file.read().decode("utf-8", "replace")
        except OSError:
            return ""


_shared = []


def shared_server():
    if not _shared:
        server = Server()
        # Its probes would be guests that tests of limits do not count on.
        server.cli("health", "set", "--probes", "off")
        _shared.append(server)
        atexit.register(server.destroy)
    return _shared[0]


class SystemTest(unittest.TestCase):
    """A test against the shared server. No role may have died by its end: a crash can look like a
    plain close on the wire."""

    def setUp(self):
        self.server = shared_server()
        self.addCleanup(self.check_no_crash)

    def check_no_crash(self):
        status = self.server.ask("status")
        crashed = {entry["name"]: (entry["crashes"], entry["last_death"])
                   for entry in status["processes"] if entry["crashes"]}
        before = getattr(self.server, "known_crashes", {})
        self.server.known_crashes = crashed
        self.assertEqual(crashed, before, "a process died during this test")


class OwnServerTest(unittest.TestCase):
    """A test that stops or breaks its server."""

    databases = ("DB1",)

    def setUp(self):
        self.server = Server(self.databases)
        self.addCleanup(self.server.destroy)
