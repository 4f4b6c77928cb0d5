"""STARTTLS in all three protocols against the attacks of "Why TLS is better without STARTTLS"
(USENIX Security 2021), and what TLS must refuse: old versions, weak suites, plain text."""

import shutil
import socket
import ssl
import subprocess
import unittest

from harness import HOST, PASSWORD, SystemTest, Wire

# listener, commands before, the command itself, the start of its answer, an injected command
PROTOCOLS = (
    ("imap", (), "s STARTTLS", "s OK", "i CAPABILITY"),
    ("pop3", (), "STLS", "+OK", "CAPA"),
    ("submission", ("EHLO client.example.org",), "STARTTLS", "220", "NOOP"),
    ("smtp", ("EHLO client.example.org",), "STARTTLS", "220", "NOOP"),
)


def client_tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def upgrade(wire):
    """Goes under TLS on the same connection; the buffered reader starts anew."""
    wire.file.close()
    wire.socket = client_tls().wrap_socket(wire.socket, server_hostname=HOST)
    wire.file = wire.socket.makefile("rb")


class StartTls(SystemTest):
    def setUp(self):
        super().setUp()
        self.server.cli("service", "enable", "pop3", "pop3-backend")

    def open(self, listener, before):
        wire = Wire(self.server.ports[listener])
        self.addCleanup(wire.close)
        wire.reply()
        for command in before:
            wire.command(command)
        return wire

    def test_commands_in_the_same_segment_end_the_connection(self):
        for listener, before, starttls, _, injected in PROTOCOLS:
            with self.subTest(listener):
                wire = self.open(listener, before)
                wire.send(f"{starttls}\r\n{injected}\r\n")
                rest = wire.rest()
                self.assertNotIn("Begin TLS", rest)
                self.assertNotIn("CAPABILITY", rest)
                self.assertNotIn("+OK", rest)

    def test_half_a_command_behind_starttls_ends_the_connection_too(self):
        for listener, before, starttls, _, _ in PROTOCOLS:
            with self.subTest(listener):
                wire = self.open(listener, before)
                wire.send(f"{starttls}\r\nx")
                self.assertNotIn("Begin TLS", wire.rest())

    def test_commands_in_the_clear_behind_the_answer_break_the_handshake(self):
        for listener, before, starttls, answer, injected in PROTOCOLS:
            with self.subTest(listener):
                wire = self.open(listener, before)
                self.assertTrue(wire.command(starttls).startswith(answer))
                wire.send(f"{injected}\r\n")
                # At most an alert record in the clear; never an answer to the command.
                rest = wire.rest()
                self.assertNotIn("OK", rest)
                self.assertNotIn("250", rest)

    def test_nothing_said_before_is_answered_or_remembered_under_tls(self):
        """Response injection and session fixation: a pipelined command is answered in the clear
        and before the answer to STARTTLS, and names given in the clear are gone."""
        wire = self.open("submission", ("EHLO client.example.org",))
        wire.send("NOOP\r\n")
        self.assertEqual(wire.reply()[:3], "250")
        self.assertEqual(wire.command("STARTTLS")[:3], "220")
        upgrade(wire)
        self.assertEqual(wire.command("MAIL FROM:<a@example.org>")[:3], "503")  # no EHLO any more

        wire = self.open("pop3", ())
        wire.send("NOOP\r\n")  # not allowed here, and refused in the clear
        self.assertTrue(wire.line().startswith("-ERR"))
        self.assertTrue(wire.command("USER somebody").startswith("-ERR [PRIVACYREQUIRED]"))
        self.assertTrue(wire.command("STLS").startswith("+OK"))
        upgrade(wire)
        self.assertTrue(wire.command("PASS x").startswith("-ERR Send USER"))

        address = self.server.user()
        wire = self.open("imap", ())
        self.assertIn("[PRIVACYREQUIRED]", wire.tagged("a", f'LOGIN {address} "{PASSWORD}"')[-1])
        self.assertTrue(wire.tagged("s", "STARTTLS")[-1].startswith("s OK"))
        upgrade(wire)
        self.assertTrue(wire.tagged("b", "SELECT INBOX")[-1].startswith("b BAD"))
        self.assertTrue(wire.tagged("c", f'LOGIN {address} "{PASSWORD}"')[-1].startswith("c OK"))

    def test_a_second_starttls_is_refused_and_no_longer_offered(self):
        for listener, before, starttls, answer, _ in PROTOCOLS:
            with self.subTest(listener):
                wire = self.open(listener, before)
                self.assertTrue(wire.command(starttls).startswith(answer))
                upgrade(wire)
                again = wire.command(starttls)
                self.assertFalse(again.startswith(answer), again)
        wire = self.open("imap", ())
        self.assertIn("STARTTLS", wire.tagged("a", "CAPABILITY")[0])
        self.assertTrue(wire.tagged("s", "STARTTLS")[-1].startswith("s OK"))
        upgrade(wire)
        self.assertNotIn("STARTTLS", wire.tagged("b", "CAPABILITY")[0])

    def test_a_literal_does_not_carry_commands_past_starttls(self):
        wire = self.open("imap", ())
        wire.send("s STARTTLS {11+}\r\ni NOOP\r\n")
        self.assertNotIn("i OK", wire.rest_within(2))

    def test_plain_text_on_an_implicit_port_gets_no_answer_in_the_clear(self):
        for listener in ("imaps", "pop3s", "submissions"):
            with self.subTest(listener), Wire(self.server.ports[listener]) as wire:
                wire.send("a CAPABILITY\r\nEHLO x\r\nCAPA\r\n")
                rest = wire.rest()
                self.assertNotIn("Hauspost", rest)


class Downgrade(SystemTest):
    def handshake(self, context):
        with socket.create_connection((HOST, self.server.ports["imaps"]), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname=HOST) as wrapped:
                return wrapped.version(), wrapped.cipher()[0]

    def test_old_versions_are_refused(self):
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            context = client_tls()
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = version
            with self.subTest(version), self.assertRaises((ssl.SSLError, OSError)):
                self.handshake(context)

    def test_both_good_versions_are_taken_with_good_suites(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = client_tls()
            context.maximum_version = version
            context.minimum_version = version
            with self.subTest(version):
                _, cipher = self.handshake(context)
                self.assertTrue("GCM" in cipher or "CHACHA20" in cipher, cipher)

    def test_weak_suites_are_refused(self):
        for suites in ("AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA",
                       "ECDHE-RSA-AES256-SHA384", "DHE-RSA-AES256-GCM-SHA384", "NULL-SHA256"):
            context = client_tls()
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(suites + ":@SECLEVEL=0")
            with self.subTest(suites), self.assertRaises((ssl.SSLError, OSError)):
                self.handshake(context)

    @unittest.skipUnless(shutil.which("openssl"), "no openssl")
    def test_no_renegotiation_and_no_early_data(self):
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"{HOST}:{self.server.ports['imaps']}", "-tls1_2"],
            input="R\na LOGOUT\n", text=True, capture_output=True, timeout=20)
        self.assertNotIn("a OK Logged out", done.stdout)
