"""A mail server for tests of mail that leaves: SMTP or LMTP on loopback or a Unix socket, with the
extensions, TLS, logins and failures that a test asks for. It keeps what it was told.

    with SmtpPeer() as peer:
        server.cli("connector", "send", "create", "out", "--address-space", "*",
                   "--smart-host", peer.address)
        ...
        assert peer.wait()[0].recipients == ["bob@elsewhere.test"]

Standard library only.
"""

import base64
import dataclasses
import hashlib
import hmac
import pathlib
import re
import socket
import ssl
import subprocess
import threading
import time

ALL_EXTENSIONS = ("PIPELINING", "SIZE 40000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN")
WAIT_SECONDS = 20


@dataclasses.dataclass
class Taken:
    """A message that was answered with 2xx. `data` is without the dots that were doubled."""

    sender: str
    recipients: list
    mail: str       # the MAIL command
    rcpts: list     # the RCPT commands
    data: bytes
    tls: bool
    user: str       # who logged in; empty: nobody
    connection: int
    chunked: bool   # by BDAT


class SmtpPeer:
    """What a test may set before or while it runs:

    extensions  EHLO keywords; STARTTLS, AUTH and CHUNKING come by themselves from `tls`, `users`, `chunking`
    no_ehlo     EHLO is not known, HELO is
    tls         ssl.SSLContext: STARTTLS is offered
    users       {name: password}: AUTH, under TLS alone; `mechanisms` says which
    greeting    the first line
    answers     {verb: [reply, ...]}: taken off from the front instead of the usual answer; a reply of
                None closes the connection; one with CRLF in it goes as it is. Verbs: CONNECT EHLO MAIL RCPT DATA
                BDAT END (of data) RSET QUIT
    rejects     {recipient: reply}: RCPT
    ends        {recipient: reply}: LMTP, after the data
    delays      {verb: seconds} before each answer
    """

    def __init__(self, host="127.0.0.1", lmtp=False, path=None, extensions=ALL_EXTENSIONS, tls=None,
                 users=None, mechanisms=("SCRAM-SHA-256", "PLAIN", "LOGIN"), chunking=False,
                 name="peer.test", port=0):
        self.host, self.lmtp, self.path, self.tls, self.name = host, lmtp, path, tls, name
        self.extensions, self.users, self.mechanisms = list(extensions), users or {}, mechanisms
        self.chunking = chunking
        self.no_ehlo = False
        self.greeting = f"220 {name} ready"
        self.answers, self.rejects, self.ends, self.delays = {}, {}, {}, {}
        self.taken = []
        self.commands = []  # (connection, line), secrets too
        self.connections = 0
        self.open = 0
        self.open_most = 0
        self.changed = threading.Condition()
        self.stopping = False
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(path))
            self.listener.listen(100)
        else:
            self.listener = socket.create_server((host, port), backlog=100)
            self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self):
        return str(self.path) if self.path else f"{self.host}:{self.port}"

    def stop(self):
        self.stopping = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        if self.path:
            pathlib.Path(self.path).unlink(missing_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def wait(self, count=1, seconds=WAIT_SECONDS):
        """The messages, as soon as there are so many."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.taken) >= count, seconds):
                raise AssertionError(f"{len(self.taken)} of {count} messages came within {seconds} s: "
                                     f"{[line for _, line in self.commands][-20:]}")
            return list(self.taken)

    def wait_for_command(self, verb, count=1, seconds=WAIT_SECONDS):
        def seen():
            return [line for _, line in self.commands if line.upper().startswith(verb)]
        with self.changed:
            if not self.changed.wait_for(lambda: len(seen()) >= count, seconds):
                raise AssertionError(f"no {verb} within {seconds} s: {self.commands[-20:]}")
            return seen()

    def _accept(self):
        while not self.stopping:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.changed:
                self.connections += 1
                self.open += 1
                self.open_most = max(self.open_most, self.open)
                number = self.connections
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection, number):
        connection.settimeout(30)
        session = _Session(self, connection, number)
        try:
            session.run()
        except (OSError, EOFError, ssl.SSLError):
            pass
        finally:
            session.close()
            with self.changed:
                self.open -= 1
                self.changed.notify_all()


class _Session:
    def __init__(self, peer, connection, number):
        self.peer, self.socket, self.number = peer, connection, number
        self.file = connection.makefile("rb")
        self.secure = False
        self.user = ""
        self.reset()

    def close(self):
        for one in (self.file, self.socket):
            try:
                one.close()
            except OSError:
                pass

    def reset(self):
        self.mail, self.sender, self.rcpts, self.recipients = None, "", [], []
        self.chunks = None

    def say(self, *lines):
        text = ""
        for i, line in enumerate(lines):
            text += line if i + 1 == len(lines) else line[:3] + "-" + line[4:]
            text += "\r\n"
        self.socket.sendall(text.encode())

    def read_line(self):
        line = self.file.readline()
        if not line:
            raise EOFError
        return line

    def answer(self, verb, usual):
        """Sends what is ordered for the verb, else `usual`; whether it was a 2xx or 3xx."""
        if delay := self.peer.delays.get(verb):
            time.sleep(delay)
        with self.peer.changed:
            ordered = self.peer.answers.get(verb)
            reply = ordered.pop(0) if ordered else usual
        if reply is None:
            raise EOFError
        if "\r\n" in reply:
            self.socket.sendall(reply.encode() + b"\r\n")
        else:
            self.say(*reply.split("\n"))
        return reply[0] in "23"

    def run(self):
        if not self.answer("CONNECT", self.peer.greeting):
            return
        while True:
            line = self.read_line().decode("utf-8", "surrogateescape").rstrip("\r\n")
            with self.peer.changed:
                self.peer.commands.append((self.number, line))
                self.peer.changed.notify_all()
            verb = line.split(" ")[0].split(":")[0].upper()
            if verb == "QUIT":
                self.answer("QUIT", "221 2.0.0 bye")
                return
            handler = getattr(self, "do_" + verb.lower(), None)
            if handler is None:
                self.say("500 5.5.2 what?")
            else:
                handler(line)

    def do_ehlo(self, _):
        if self.peer.lmtp or self.peer.no_ehlo:
            self.say("500 5.5.1 what is EHLO?")
            return
        self.hello()

    def do_lhlo(self, _):
        self.hello() if self.peer.lmtp else self.say("500 5.5.1 what is LHLO?")

    def hello(self):
        self.reset()
        offered = list(self.peer.extensions)
        if self.peer.tls and not self.secure:
            offered.append("STARTTLS")
        if self.peer.users and self.secure:
            offered.append("AUTH " + " ".join(self.peer.mechanisms))
        if self.peer.chunking:
            offered += ["CHUNKING", "BINARYMIME"]
        lines = [self.peer.name, *offered]
        self.answer("EHLO", "\n".join("250 " + line for line in lines))

    def do_helo(self, _):
        self.reset()
        self.say("250 " + self.peer.name)

    def do_noop(self, _):
        self.say("250 2.0.0 ok")

    def do_rset(self, _):
        self.reset()
        self.answer("RSET", "250 2.0.0 ok")

    def do_starttls(self, _):
        if not self.peer.tls or self.secure:
            self.say("502 5.5.1 no TLS")
            return
        if not self.answer("STARTTLS", "220 2.0.0 go"):
            return
        self.file.close()
        self.socket = self.peer.tls.wrap_socket(self.socket, server_side=True)
        self.file = self.socket.makefile("rb")
        self.secure = True

    # Logins

    def challenge(self, text):
        self.say("334 " + base64.b64encode(text).decode())
        return base64.b64decode(self.read_line().strip())

    def do_auth(self, line):
        _, mechanism, *initial = line.split(" ")
        first = base64.b64decode(initial[0].replace("=", "", 1) if initial == ["="] else initial[0]) \
            if initial else None
        if mechanism not in self.peer.mechanisms or not self.secure:
            self.say("504 5.5.4 no such mechanism")
            return
        user = getattr(self, "auth_" + mechanism.lower().replace("-", "_"))(first)
        if user is None:
            self.say("535 5.7.8 wrong")
            return
        self.user = user
        self.say("235 2.7.0 welcome")

    def auth_plain(self, first):
        _, user, password = (first if first is not None else self.challenge(b"")).split(b"\0")
        return user.decode() if self.peer.users.get(user.decode()) == password.decode() else None

    def auth_login(self, first):
        user = (first if first is not None else self.challenge(b"Username:")).decode()
        password = self.challenge(b"Password:").decode()
        return user if self.peer.users.get(user) == password else None

    def auth_scram_sha_256(self, first):
        bare = first.decode().split(",", 2)[2]
        user = re.match(r"n=([^,]*)", bare)[1]
        nonce = re.search(r"r=([^,]*)", bare)[1] + "peer"
        salt = b"saltsaltsaltsalt"
        opening = f"r={nonce},s={base64.b64encode(salt).decode()},i=4096"
        final = self.challenge(opening.encode()).decode()
        without, _, proof = final.rpartition(",p=")
        password = self.peer.users.get(user)
        if password is None:
            return None
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)

        def mac(key, text):
            return hmac.new(key, text, "sha256").digest()
        client_key = mac(salted, b"Client Key")
        whole = f"{bare},{opening},{without}".encode()
        signature = mac(hashlib.sha256(client_key).digest(), whole)
        if bytes(a ^ b for a, b in zip(client_key, signature)) != base64.b64decode(proof):
            return None
        server = mac(mac(salted, b"Server Key"), whole)
        self.challenge(b"v=" + base64.b64encode(server))
        return user

    # Transactions

    def do_mail(self, line):
        if self.mail is not None:
            self.say("503 5.5.1 nested MAIL")
            return
        if self.answer("MAIL", "250 2.1.0 ok"):
            self.mail, self.sender = line, re.search(r"<(.*?)>", line)[1]

    def do_rcpt(self, line):
        if self.mail is None:
            self.say("503 5.5.1 MAIL first")
            return
        recipient = re.search(r"<(.*?)>", line)[1]
        if recipient in self.peer.rejects:
            self.say(self.peer.rejects[recipient])
        elif self.answer("RCPT", "250 2.1.5 ok"):
            self.recipients.append(recipient)
            self.rcpts.append(line)

    def do_data(self, _):
        if not self.recipients:
            self.say("503 5.5.1 RCPT first")
            return
        if not self.answer("DATA", "354 go"):
            return
        data = b""
        while (line := self.read_line()) != b".\r\n":
            data += line[1:] if line.startswith(b".") else line
        self.end(data, False)

    def do_bdat(self, line):
        _, size, *last = line.split(" ")
        self.chunks = (self.chunks or b"") + self.file.read(int(size))
        if not last:
            self.answer("BDAT", "250 2.0.0 ok")
            return
        self.end(self.chunks, True)

    def end(self, data, chunked):
        if not self.peer.lmtp:
            self.take(self.recipients, data, chunked, self.answer("END", "250 2.0.0 taken"))
        else:
            for recipient in self.recipients:
                reply = self.peer.ends.get(recipient, "250 2.0.0 taken")
                self.say(reply)
                self.take([recipient], data, chunked, reply[0] == "2")
        self.reset()

    def take(self, recipients, data, chunked, good):
        if not good:
            return
        taken = Taken(self.sender, list(recipients), self.mail, list(self.rcpts), data, self.secure,
                      self.user, self.number, chunked)
        with self.peer.changed:
            self.peer.taken.append(taken)
            self.peer.changed.notify_all()


def make_certificate(folder, *names):
    """A certificate of its own authority, for these names: the folder's cert.pem and key.pem."""
    folder = pathlib.Path(folder)
    alternative = ",".join(("IP:" if re.fullmatch(r"[\d.]+", name) else "DNS:") + name for name in names)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={alternative}",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
        check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


def server_tls(folder, *names):
    """A context of a new certificate for the names."""
    certificate, key = make_certificate(folder, *names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def spki_sha256(certificate):
    """Of a PEM file: what a TLSA record "3 1 1" holds."""
    key = subprocess.run(["openssl", "x509", "-in", str(certificate), "-noout", "-pubkey"], check=True,
                         capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, check=True,
                         capture_output=True).stdout
    return hashlib.sha256(der).hexdigest()
