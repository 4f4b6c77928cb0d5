"""How clients prove who they are: SCRAM over IMAP, POP3 and SMTP, app passwords, what a mailbox may log in
over, and that every refusal looks and takes the same."""

import base64
import hashlib
import hmac
import imaplib
import json
import os
import poplib
import statistics
import time
import unittest

from harness import DOMAIN, HOST, PASSWORD, TIMEOUT, Server, Wire

DIGESTS = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-256-PLUS": "sha256", "SCRAM-SHA-1": "sha1"}


def setUpModule():
    global server
    server = Server()
    unittest.addModuleCleanup(server.destroy)
    server.cli("service", "enable", "pop3", "pop3-backend")


class Scram:
    """The client of one exchange (RFC 5802). Checks the server's own proof."""

    def __init__(self, mechanism, name, password, gs2="n,,", binding=b""):
        self.digest = DIGESTS[mechanism]
        self.password = password.encode()
        self.gs2 = gs2
        self.binding = binding
        self.bare = f"n={name.replace('=', '=3D').replace(',', '=2C')},r={os.urandom(12).hex()}"

    def mac(self, key, text):
        return hmac.new(key, text, self.digest).digest()

    def first(self):
        return (self.gs2 + self.bare).encode()

    def last(self, challenge):
        fields = dict(part.split("=", 1) for part in challenge.decode().split(","))
        if not fields["r"].startswith(self.bare.rpartition("r=")[2]):
            raise AssertionError("the server's nonce is not ours")
        self.salt, self.iterations = fields["s"], int(fields["i"])
        salted = hashlib.pbkdf2_hmac(self.digest, self.password, base64.b64decode(fields["s"]),
                                     self.iterations)
        channel = base64.b64encode(self.gs2.encode() + self.binding).decode()
        without = f"c={channel},r={fields['r']}"
        message = ",".join((self.bare, challenge.decode(), without)).encode()
        client_key = self.mac(salted, b"Client Key")
        stored = hashlib.new(self.digest, client_key).digest()
        proof = bytes(a ^ b for a, b in zip(client_key, self.mac(stored, message)))
        self.expected = b"v=" + base64.b64encode(self.mac(self.mac(salted, b"Server Key"), message))
        return f"{without},p={base64.b64encode(proof).decode()}".encode()


def end_point_binding(connection):
    """tls-server-end-point of a certificate that is signed with SHA-256."""
    return hashlib.sha256(connection.getpeercert(binary_form=True)).digest()


# How each protocol spells the same exchange: port, command, challenge, success.
SPELLINGS = {
    "imap": ("imaps", "a AUTHENTICATE {}", "+ ", "a OK"),
    "pop3": ("pop3s", "AUTH {}", "+ ", "+OK"),
    "smtp": ("submissions", "AUTH {}", "334 ", "235"),
}


class AuthenticationTest(unittest.TestCase):
    def setUp(self):
        self.address = server.user("scram")

    def connect(self, protocol):
        port = SPELLINGS[protocol][0]
        wire = Wire(server.ports[port], server.tls())
        self.addCleanup(wire.close)
        wire.line()
        if protocol == "smtp":
            wire.send("EHLO client.example.org\r\n")
            wire.reply()
        return wire

    def exchange(self, wire, protocol, mechanism, client):
        """The server's last word."""
        _, command, prompt, success = SPELLINGS[protocol]

        def send(data):
            wire.send(base64.b64encode(data) + b"\r\n")

        wire.send(command.format(mechanism) + "\r\n")
        line = wire.line()
        if not line.startswith(prompt.rstrip()):
            return line
        send(client.first())
        line = wire.line()
        if not line.startswith(prompt):
            return line
        send(client.last(base64.b64decode(line[len(prompt):])))
        line = wire.line()
        if not line.startswith(prompt):
            return line
        self.assertEqual(base64.b64decode(line[len(prompt):]), client.expected)
        wire.send("\r\n")
        while True:
            line = wire.line()
            if not line.startswith("*"):
                return line

    def scram(self, protocol="imap", mechanism="SCRAM-SHA-256", password=PASSWORD, name=None, **more):
        wire = self.connect(protocol)
        client = Scram(mechanism, name or self.address, password, **more)
        answer = self.exchange(wire, protocol, mechanism, client)
        return answer, SPELLINGS[protocol][3]

    def assert_in(self, result):
        answer, success = result
        self.assertTrue(answer.startswith(success), answer)

    def assert_refused(self, result):
        answer, _ = result
        self.assertRegex(answer, r"Authentication failed|Too many failed")


class ScramLogins(AuthenticationTest):
    def test_the_right_password_opens_every_protocol(self):
        for protocol in SPELLINGS:
            with self.subTest(protocol):
                self.assert_in(self.scram(protocol))
                self.assert_refused(self.scram(protocol, password="wrong"))

    def test_the_whole_answer_byte_by_byte(self):
        wire = self.connect("imap")
        client = Scram("SCRAM-SHA-256", self.address, PASSWORD)

        def slowly(data):
            for byte in data:
                wire.send(bytes([byte]))

        slowly(b"a AUTHENTICATE SCRAM-SHA-256 " + base64.b64encode(client.first()) + b"\r\n")
        challenge = wire.line()
        slowly(base64.b64encode(client.last(base64.b64decode(challenge[2:]))) + b"\r\n")
        self.assertEqual(base64.b64decode(wire.line()[2:]), client.expected)
        slowly(b"\r\n")
        self.assertTrue(wire.tagged("a")[-1].startswith("a OK"))

    def test_binding_to_the_certificate(self):
        wire = self.connect("imap")
        binding = end_point_binding(wire.socket)
        plus = {"mechanism": "SCRAM-SHA-256-PLUS", "gs2": "p=tls-server-end-point,,"}
        self.assert_in(self.scram(binding=binding, **plus))
        self.assert_refused(self.scram(binding=bytes(len(binding)), **plus))

    def test_a_list_that_was_changed_on_the_way_is_noticed(self):
        self.assert_refused(self.scram(gs2="y,,"))
        self.assert_in(self.scram(gs2="n,,"))

    def test_plus_is_offered_under_tls_alone(self):
        with Wire(server.ports["imap"]) as wire:
            self.assertNotIn("SCRAM", wire.line())
        with Wire(server.ports["imaps"], server.tls()) as wire:
            greeting = wire.line()
        self.assertIn("AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 ", greeting)
        self.assertNotIn("SCRAM-SHA-1", greeting)

    def test_scram_sha_1_by_a_switch(self):
        server.cli("auth", "set", "--scram-sha-1", "on")
        self.addCleanup(server.cli, "auth", "set", "--scram-sha-1", "off")
        self.assert_refused(self.scram(mechanism="SCRAM-SHA-1"))
        server.imap(self.address).logout()  # a login with the password makes the keys
        self.assert_in(self.scram(mechanism="SCRAM-SHA-1"))

    def test_a_cancelled_exchange_leaves_the_connection(self):
        wire = self.connect("imap")
        wire.send("a AUTHENTICATE SCRAM-SHA-256\r\n")
        self.assertEqual(wire.line().rstrip(), "+")
        wire.send("*\r\n")
        self.assertTrue(wire.line().startswith("a BAD"))
        self.assertIn("b OK", wire.tagged("b", f'LOGIN {self.address} "{PASSWORD}"')[-1])


class AppPasswords(AuthenticationTest):
    def create(self, *more):
        return json.loads(server.cli("--json", "mailbox", "app-password", "create", self.address,
                                     "--name", "phone", *more))["password"]

    def login(self, password):
        connection = server.imap()
        try:
            connection.login(self.address, password)
            return True
        except imaplib.IMAP4.error:
            return False
        finally:
            connection.shutdown()

    def test_created_used_listed_revoked(self):
        password = self.create("--protocols", "imap,smtp")
        self.assertTrue(self.login(password))
        self.assert_in(self.scram(password=password))
        self.assert_in(self.scram("smtp", password=password))
        self.assert_refused(self.scram("pop3", password=password))
        [entry] = server.ask("mailbox", "app-password", "list", self.address)
        self.assertEqual((entry["name"], entry["pop3"], entry["used_from"]),
                         ("phone", False, HOST))
        server.cli("mailbox", "app-password", "revoke", self.address, "--name", "phone")
        self.assertFalse(self.login(password))
        self.assertTrue(self.login(PASSWORD))

    def test_a_revoked_one_ends_the_sessions_it_opened(self):
        password = self.create()
        by_phone, by_itself, other = server.imap(), server.imap(), server.imap(server.user())
        for connection in (by_phone, by_itself, other):
            self.addCleanup(connection.shutdown)
        by_phone.login(self.address, password)
        by_itself.login(self.address, PASSWORD)
        submission = server.submission()
        self.addCleanup(submission.close)
        submission.login(self.address, password)
        answer = server.ask("mailbox", "app-password", "revoke", self.address, "--name", "phone")
        self.assertEqual(answer["sessions_ended"], 2)
        self.assertIn(b"BYE", by_phone.readline())
        self.assertEqual(by_phone.readline(), b"")
        self.assertEqual(submission.getreply()[0], 421)
        self.assertEqual(by_itself.noop()[0], "OK")

        answer = server.ask("mailbox", "set-password", self.address, "--password-stdin",
                            stdin=PASSWORD + "2\n")
        self.assertEqual(answer["sessions_ended"], 1)
        self.assertIn(b"BYE", by_itself.readline())
        self.assertFalse(self.login(PASSWORD))
        self.assertEqual(other.noop()[0], "OK")

    def test_a_disabled_mailbox_and_a_closed_protocol_end_sessions(self):
        imap, pop3 = server.imap(self.address), poplib.POP3_SSL(
            HOST, server.ports["pop3s"], context=server.tls(), timeout=TIMEOUT)
        self.addCleanup(imap.shutdown)
        self.addCleanup(pop3.close)
        pop3.user(self.address)
        pop3.pass_(PASSWORD)
        answer = server.ask("mailbox", "set", self.address, "--protocols", "imap,smtp")
        self.assertIn(b"-ERR [SYS/TEMP]", pop3.file.readline())
        self.assertEqual(imap.noop()[0], "OK")
        answer = server.ask("mailbox", "disable", self.address, "--yes")
        self.assertEqual(answer["sessions_ended"], 1)
        self.assertIn(b"BYE", imap.readline())

    def test_only_app_passwords(self):
        password = self.create()
        server.cli("mailbox", "set", self.address, "--app-passwords-only", "yes")
        self.assertFalse(self.login(PASSWORD))
        self.assertTrue(self.login(password))


class Refusals(AuthenticationTest):
    def test_protocols_and_restriction(self):
        server.cli("mailbox", "set", self.address, "--protocols", "imap")
        self.assert_in(self.scram("imap"))
        self.assert_refused(self.scram("pop3"))
        self.assert_refused(self.scram("smtp"))
        server.cli("mailbox", "set", self.address, "--protocols", "imap,pop3,smtp",
                   "--restricted", "yes")
        self.assert_refused(self.scram("imap"))
        self.assert_in(self.scram("smtp"))

    def test_every_refusal_says_and_takes_the_same(self):
        restricted = server.user("restricted")
        server.cli("mailbox", "set", restricted, "--restricted", "yes")
        cases = {"wrong": (self.address, "wrong"), "unknown": (f"nobody@{DOMAIN}", PASSWORD),
                 "restricted": (restricted, PASSWORD), "reserved": (f"guest@{DOMAIN}", PASSWORD)}
        answers, times = set(), {}
        for kind, (name, password) in cases.items():
            with Wire(server.ports["imaps"], server.tls()) as wire:
                wire.line()
                begun = time.monotonic()
                answers.add(wire.tagged("a", f'LOGIN {name} "{password}"')[-1])
                times[kind] = time.monotonic() - begun
        self.assertEqual(len(answers), 1, answers)
        middle = statistics.median(times.values())
        for kind, seconds in times.items():
            self.assertLess(abs(seconds - middle), 0.5, times)


class Audit(AuthenticationTest):
    def test_what_was_done_stands_there(self):
        server.cli("mailbox", "set", self.address, "--protocols", "imap")
        [entry] = server.ask("audit", "list", "--verb", "mailbox set", "--object", self.address)
        self.assertEqual((entry["uid"], entry["outcome"]), (os.getuid(), "done"))
        text = (server.data / "audit.log").read_text()
        self.assertNotIn(PASSWORD, text)
        self.assertEqual((server.data / "audit.log").stat().st_mode & 0o777, 0o600)


if __name__ == "__main__":
    unittest.main()
