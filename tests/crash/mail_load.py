"""Clients that send and change mail while processes die, each keeping a ledger of what it was told."""

import imaplib
import random
import re
import smtplib
import socket
import ssl
import threading
import time

DOMAIN = "crash.test"
PASSWORD = "correct-horse-9"
CLIENT_TIMEOUT_S = 5
RETRY_PAUSE_S = 0.02
TROUBLE = (OSError, imaplib.IMAP4.error, smtplib.SMTPException, EOFError)


def tls():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def address(user):
    return f"{user}@{DOMAIN}"


def imap_login(ports, user):
    connection = imaplib.IMAP4_SSL("127.0.0.1", ports["imaps"], ssl_context=tls(), timeout=CLIENT_TIMEOUT_S)
    try:
        connection.login(address(user), PASSWORD)
    except BaseException:
        connection.shutdown()
        raise
    return connection


def expect_ok(answer):
    if answer[0] != "OK":
        raise imaplib.IMAP4.error(f"{answer[0]} {answer[1]}")
    return answer[1]


class Client(threading.Thread):
    """Runs step() until told to stop; a step may fail with TROUBLE, then connect() comes first again."""

    def __init__(self, ports, seed):
        super().__init__(daemon=True)
        self.ports = ports
        self.random = random.Random(seed)
        self.ending = threading.Event()
        self.steps = 0
        self.troubles = []
        self.broken = None  # an answer no crash excuses

    def run(self):
        try:
            while not self.ending.is_set():
                try:
                    self.connect()
                    while not self.ending.is_set():
                        self.step()
                        self.steps += 1
                except TROUBLE as error:
                    self.troubles.append(f"{type(error).__name__}: {error}")
                    time.sleep(RETRY_PAUSE_S)
                finally:
                    self.disconnect()
        except Exception as error:  # pylint: disable=broad-except
            self.broken = f"{type(self).__name__}: {type(error).__name__}: {error}"

    def finish(self):
        self.ending.set()
        self.join(60)
        if self.is_alive():
            self.broken = f"{type(self).__name__} hangs"


class Sender(Client):
    """Sends over port 25. tokens: token -> [recipients, answered 250, attempts without a 250]."""

    def __init__(self, ports, seed, users):
        super().__init__(ports, seed)
        self.users = users
        self.tokens = {}
        self.connection = None
        self.again = None

    def connect(self):
        self.connection = smtplib.SMTP("127.0.0.1", self.ports["smtp"], timeout=CLIENT_TIMEOUT_S)
        self.connection.ehlo("load.test")

    def disconnect(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def step(self):
        token = self.again or f"s{id(self) % 9973}-{len(self.tokens)}"
        self.again = None
        if token not in self.tokens:
            recipients = self.random.sample(self.users, self.random.randint(1, min(3, len(self.users))))
            self.tokens[token] = [recipients, 0, 0]
        entry = self.tokens[token]
        body = f"X-Token: {token}\r\nSubject: load\r\n\r\n" + "line of text\r\n" * self.random.randint(1, 400)
        self.expect(self.connection.mail("load@sender.test"), 250)
        for user in entry[0]:
            self.expect(self.connection.rcpt(address(user)), 250)
        self.expect(self.connection.docmd("DATA"), 354)
        entry[2] += 1  # from here on nobody knows until the answer is here
        if self.random.random() < 0.5:
            self.again = token  # as a mail server does: tried again when no answer comes
        self.connection.send(body.encode() + b".\r\n")
        code, text = self.connection.getreply()
        self.expect((code, text), 250)  # 4xx: not told it is done, so a copy may exist or not
        entry[1] += 1
        entry[2] -= 1
        self.again = None

    @staticmethod
    def expect(reply, code):
        if reply[0] != code:
            if reply[0] // 100 == 5:
                raise RuntimeError(f"permanent refusal during a crash: {reply}")
            raise smtplib.SMTPResponseException(*reply)


class Writer(Client):
    """Appends to and changes one folder over IMAP. messages: UID -> [token, set of allowed flag states]."""

    FOLDER = "Work"

    def __init__(self, ports, seed, user):
        super().__init__(ports, seed)
        self.user = user
        self.connection = None
        self.messages = {}
        self.unanswered = set()  # tokens whose APPEND got no answer
        self.gone = set()        # UIDs whose removal was answered
        self.maybe_gone = set()  # UIDs whose removal got no answer
        self.count = 0

    def connect(self):
        self.connection = imap_login(self.ports, self.user)
        status, text = self.connection.create(self.FOLDER)
        if status != "OK" and b"ALREADYEXISTS" not in text[0] and b"exist" not in text[0].lower():
            raise imaplib.IMAP4.error(str(text))
        expect_ok(self.connection.select(self.FOLDER))

    def disconnect(self):
        if self.connection:
            self.connection.shutdown()
        self.connection = None

    def step(self):
        choice = self.random.random()
        known = [uid for uid in self.messages if uid not in self.gone | self.maybe_gone]
        if choice < 0.5 or len(known) < 5:
            self.append()
        elif choice < 0.85:
            self.store(self.random.choice(known))
        else:
            self.expunge(self.random.choice(known))

    def append(self):
        self.count += 1
        token = f"w-{self.user}-{self.count}"
        body = f"X-Token: {token}\r\nSubject: append\r\n\r\n".encode() + b"text\r\n" * self.random.randint(1, 500)
        self.unanswered.add(token)
        text = expect_ok(self.connection.append(self.FOLDER, None, None, body))
        uid = int(re.search(rb"APPENDUID \d+ (\d+)", text[-1]).group(1))
        if uid in self.messages:
            raise RuntimeError(f"UID {uid} given twice in {self.user}/{self.FOLDER}")
        if self.messages and uid < max(self.messages):
            raise RuntimeError(f"UID {uid} below {max(self.messages)} in {self.user}/{self.FOLDER}")
        self.messages[uid] = [token, {frozenset()}]
        self.unanswered.discard(token)

    def store(self, uid):
        flags = frozenset(f for f in ("\\Seen", "\\Flagged", "\\Answered") if self.random.random() < 0.5)
        states = self.messages[uid][1]
        states.add(flags)
        expect_ok(self.connection.uid("STORE", str(uid), "FLAGS.SILENT", "(" + " ".join(flags) + ")"))
        states.clear()
        states.add(flags)

    def expunge(self, uid):
        self.maybe_gone.add(uid)
        self.messages[uid][1].add(frozenset(["\\Deleted"]))
        expect_ok(self.connection.uid("STORE", str(uid), "FLAGS", "(\\Deleted)"))
        expect_ok(self.connection.uid("EXPUNGE", str(uid)))
        self.gone.add(uid)


class Watcher(Client):
    """Holds one session in another database and counts how often it is lost."""

    def __init__(self, ports, user):
        super().__init__(ports, 0)
        self.user = user
        self.connection = None
        self.connects = 0

    def connect(self):
        self.connection = imap_login(self.ports, self.user)
        expect_ok(self.connection.select("INBOX"))
        self.connects += 1

    def disconnect(self):
        if self.connection:
            self.connection.shutdown()
        self.connection = None

    def step(self):
        expect_ok(self.connection.noop())
        time.sleep(0.05)


def read_folder(ports, user, folder):
    """UID -> (token, flags) of one folder; empty when it does not exist."""
    connection = imap_login(ports, user)
    try:
        status, _ = connection.select(folder, readonly=True)
        if status != "OK":
            return {}
        found = {}
        parts = expect_ok(connection.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[HEADER.FIELDS (X-Token)])"))
        for part in parts:
            if not isinstance(part, tuple):
                continue
            uid = int(re.search(rb"UID (\d+)", part[0]).group(1))
            flags = frozenset(f.decode() for f in re.search(rb"FLAGS \(([^)]*)\)", part[0]).group(1).split()
                              if f != b"\\Recent")
            token = re.search(rb"X-Token: (\S+)", part[1])
            found[uid] = (token.group(1).decode() if token else "", flags)
        return found
    finally:
        try:
            connection.logout()
        except TROUBLE:
            pass


def wait_until(condition, seconds):
    """How long it took, or None when it never came."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        try:
            if condition():
                return time.monotonic() - begin
        except TROUBLE + (socket.timeout,):
            pass
        time.sleep(0.01)
    return None
