"""Mail going out: send connectors, and servers that are kind, strict, slow, broken or us."""

import base64
import email
import itertools
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

from dns_server import DnsServer
from harness import HOST, TIMEOUT, OwnServerTest, SystemTest, message
from instance import CliError
from smtp_peer import SmtpPeer, server_tls, spki_sha256

_numbers = itertools.count(1)


class SendingTest(SystemTest):
    """Each test has a domain and a connector of its own, so that nothing waits for another's peer."""

    def setUp(self):
        super().setUp()
        number = next(_numbers)
        self.domain = f"elsewhere{number}.test"
        self.connector = f"Out {number}"
        self.user = self.server.user()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hauspost-sending-"))
        self.addCleanup(shutil.rmtree, self.folder, True)

    def peer(self, **options):
        peer = SmtpPeer(**options)
        self.addCleanup(peer.stop)
        return peer

    def connect(self, *options, peer=None, spaces=None, stdin=None):
        """A connector for the test's domain."""
        way = ["--smart-host", peer.address] if peer else []
        spaces = [word for space in spaces or [self.domain] for word in ("--address-space", space)]
        self.server.cli("connector", "send", "create", self.connector, *spaces, *way, *options, stdin=stdin)
        self.addCleanup(self.server.run, "connector", "send", "remove", self.connector, "--yes")

    def change(self, *options, stdin=None):
        self.server.cli("connector", "send", "set", self.connector, *options, stdin=stdin)

    def address(self, local="bob"):
        return f"{local}@{self.domain}"

    def send(self, *recipients, subject="Hello", body="Body\r\n", mail=(), rcpt=(), text=None):
        recipients = recipients or (self.address(),)
        text = text or message(subject, self.user, recipients[0], body)
        with self.server.submission(self.user) as smtp:
            refused = smtp.sendmail(self.user, recipients, text, mail, rcpt)
        self.assertEqual(refused, {})

    def report(self, seconds=TIMEOUT):
        """The delivery report that came back to the sender, parsed."""
        end = time.monotonic() + seconds
        while True:
            with self.server.imap(self.user) as imap:
                imap.select("INBOX", readonly=True)
                found = imap.search(None, "ALL")[1][0].split()
                if found:
                    return email.message_from_bytes(imap.fetch(found[-1], "(BODY.PEEK[])")[1][0][1])
            self.assertLess(time.monotonic(), end, "no report came")
            time.sleep(0.2)

    def report_fields(self):
        """The fields of the recipient's part of the report, in one text."""
        report = self.report()
        self.assertEqual(report.get_content_type(), "multipart/report", report)
        # message/global-delivery-status (RFC 6533) where an address is outside of ASCII.
        return next(part for part in report.walk()
                    if part.get_content_type().endswith("delivery-status")).as_bytes().decode()

    def waiting(self):
        """The last words about the test's queue and its messages."""
        found = [item["last_error"] for item in self.server.ask("queue", "message", "list")
                 if self.domain in json.dumps(item)]
        queues = self.server.ask("queue", "list")["queues"]
        return found + [queue["last_error"] for queue in queues if self.connector in json.dumps(queue)]

    def retry(self):
        """Tries the queues, and the messages that were put off one by one."""
        self.server.cli("queue", "retry", "--all")
        self.server.run("queue", "message", "retry", "--filter", f"recipient ~ @{self.domain}", "--yes")

    def wait_for_error(self, text, seconds=TIMEOUT):
        end = time.monotonic() + seconds
        while not any(text in error for error in self.waiting()):
            self.assertLess(time.monotonic(), end, f"{text!r} is not among {self.waiting()}")
            time.sleep(0.1)


class SmartHostTest(SendingTest):
    def test_mail_leaves_through_a_smart_host_as_it_is(self):
        peer = self.peer()
        self.connect(peer=peer)
        body = "first\r\n.\r\n..two dots\r\n.one dot\r\n" + "x" * 900 + "\r\nlast\r\n"
        self.send(body=body, subject="Dots")
        taken, = peer.wait()
        self.assertEqual((taken.sender, taken.recipients), (self.user, [self.address()]))
        self.assertTrue(taken.data.endswith(b"\r\n\r\n" + body.encode()), taken.data)
        self.assertIn(b"Subject: Dots\r\n", taken.data)
        self.assertIn(f"SIZE={len(taken.data)}", taken.mail)
        self.assertIn((1, "EHLO mail.example.test"), peer.commands)

    def test_what_waited_in_unreachable_leaves_when_a_connector_comes(self):
        self.send()
        end = time.monotonic() + TIMEOUT
        while not self.waiting():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)
        peer = self.peer()
        self.connect(peer=peer, spaces=["*.nowhere.test"])
        time.sleep(1.5)
        self.assertEqual(peer.taken, [])
        self.change("--address-space", self.domain)
        self.assertEqual(peer.wait()[0].recipients, [self.address()])

    def test_the_most_specific_address_space_and_then_the_cost_decide(self):
        right, wrong = self.peer(), self.peer()
        self.connect(peer=right, spaces=[f"{self.domain};50"])
        first = self.connector
        self.connector += " all"
        self.connect(peer=wrong, spaces=[f"*.{self.domain};1"])
        self.send()
        self.send(f"bob@sub.{self.domain}")
        self.assertEqual(right.wait()[0].recipients, [self.address()])
        self.assertEqual(wrong.wait()[0].recipients, [f"bob@sub.{self.domain}"])
        self.connector = first
        self.change("--enabled", "no")
        self.send(f"bob@other.sub.{self.domain}")
        wrong.wait(2)
        self.assertEqual(len(right.taken), 1)

    def test_several_recipients_go_in_one_transaction(self):
        peer = self.peer()
        self.connect(peer=peer)
        recipients = [self.address(f"r{i}") for i in range(5)]
        self.send(*recipients)
        self.assertEqual(sorted(peer.wait()[0].recipients), recipients)

    def test_a_refused_recipient_is_reported_and_the_others_get_it(self):
        peer = self.peer()
        peer.rejects[self.address("nobody")] = "550 5.1.1 no such person"
        self.connect(peer=peer)
        self.send(self.address("good"), self.address("nobody"))
        self.assertEqual(peer.wait()[0].recipients, [self.address("good")])
        fields = self.report_fields()
        self.assertIn(f"Final-Recipient: rfc822;{self.address('nobody')}", fields.replace("; ", ";"))
        self.assertIn("Status: 5.1.1", fields)
        self.assertIn("550 5.1.1 no such person", fields)
        self.assertNotIn(self.address("good"), fields)

    def test_a_refusal_at_each_step_is_reported(self):
        for verb in ("MAIL", "RCPT", "DATA", "END"):
            with self.subTest(verb):
                peer = self.peer()
                peer.answers[verb] = [f"554 5.7.1 not at {verb}"]
                self.user = self.server.user()
                self.domain = f"refused-{verb.lower()}.test"
                self.connector = f"Refused {verb}"
                self.connect(peer=peer)
                self.send()
                self.assertIn(f"554 5.7.1 not at {verb}", self.report_fields())
                self.assertEqual(peer.taken, [])

    def test_a_delay_at_each_step_keeps_the_message(self):
        for verb in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END"):
            with self.subTest(verb):
                peer = self.peer()
                peer.answers[verb] = [f"451 4.3.0 later, {verb}"]
                self.domain = f"delayed-{verb.lower()}.test"
                self.connector = f"Delayed {verb}"
                self.connect(peer=peer)
                self.send(subject=verb)
                self.wait_for_error(f"later, {verb}")
                self.retry()
                self.assertIn(f"Subject: {verb}".encode(), peer.wait()[0].data)

    def test_a_connection_that_breaks_at_each_step_loses_nothing(self):
        for verb in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END"):
            with self.subTest(verb):
                peer = self.peer()
                peer.answers[verb] = [None]
                self.domain = f"broken-{verb.lower()}.test"
                self.connector = f"Broken {verb}"
                self.connect(peer=peer)
                self.send(subject=verb)
                self.wait_for_error("connection")
                self.retry()
                self.assertIn(f"Subject: {verb}".encode(), peer.wait()[0].data)
                time.sleep(0.3)
                self.assertEqual(len(peer.taken), 1)

    def test_too_many_recipients_get_the_next_transaction(self):
        peer = self.peer()
        peer.answers["RCPT"] = ["250 2.1.5 ok", "250 2.1.5 ok", "452 4.5.3 too many", "452 4.5.3 too many"]
        self.connect(peer=peer)
        recipients = [self.address(f"r{i}") for i in range(4)]
        self.send(*recipients)
        taken = peer.wait(2)
        self.assertEqual(sorted(taken[0].recipients + taken[1].recipients), recipients)
        self.assertEqual(len(taken[0].recipients), 2)
        self.assertEqual(peer.connections, 1)

    def test_a_server_without_ehlo(self):
        peer = self.peer()
        peer.no_ehlo = True
        self.connect(peer=peer)
        self.send()
        self.assertNotIn("SIZE", peer.wait()[0].mail)

    def test_the_second_smart_host_where_the_first_is_down(self):
        peer = self.peer()
        with socket.create_server((HOST, 0)) as closed:
            port = closed.getsockname()[1]
        self.connect("--smart-host", f"{HOST}:{port}", "--smart-host", peer.address)
        self.send()
        peer.wait()

    def test_a_connection_is_used_for_several_messages(self):
        peer = self.peer()
        self.connect("--connections", "1", peer=peer)
        for number in range(5):
            self.send(subject=f"n{number}")
        peer.wait(5)
        self.assertEqual(peer.connections, 1)
        self.change("--messages-per-connection", "2")
        for number in range(4):
            self.send(subject=f"m{number}")
        peer.wait(9)
        self.assertGreaterEqual(peer.connections, 3)

    def test_no_more_connections_than_the_connector_allows(self):
        peer = self.peer()
        peer.delays["END"] = 0.3
        self.connect("--connections", "2", peer=peer)
        for number in range(8):
            self.send(subject=f"n{number}")
        peer.wait(8)
        self.assertLessEqual(peer.open_most, 2)

    def test_a_message_too_big_for_every_connector_is_returned(self):
        peer = self.peer()
        self.connect("--max-message-size", "64K", peer=peer)
        with self.server.submission(self.user) as smtp:
            try:
                smtp.sendmail(self.user, [self.address()],
                              message("Big", self.user, "bob", ("x" * 70 + "\r\n") * 2000))
                said = self.report_fields()
            except Exception as error:  # noqa: BLE001: refused at once is as good
                said = str(error)
        self.assertIn("5.3.4", said)
        self.assertEqual(peer.taken, [])

    def test_a_message_too_big_for_the_peer_is_returned(self):
        peer = self.peer(extensions=("SIZE 1000", "PIPELINING"))
        self.connect(peer=peer)
        self.send(body=("x" * 70 + "\r\n") * 20)
        self.assertIn("5.3.4", self.report_fields())

    def test_a_changed_connector_counts_at_once(self):
        first, second = self.peer(), self.peer()
        self.connect(peer=first)
        self.send()
        first.wait()
        self.change("--smart-host", second.address)
        self.send()
        second.wait()
        self.assertEqual(len(first.taken), 1)


class ContentTest(SendingTest):
    TEXT = "Gr\u00fc\u00dfe aus K\u00f6ln, und noch so einiges an Text dazu, damit es sich lohnt"

    def eight_bit(self, content_type="text/plain; charset=utf-8", body=None):
        return (f"From: {self.user}\r\nTo: bob\r\nSubject: 8\r\nMIME-Version: 1.0\r\n"
                f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
                f"{body or self.TEXT}\r\n").encode()

    def test_eight_bits_for_a_server_that_takes_them(self):
        peer = self.peer()
        self.connect(peer=peer)
        self.send(text=self.eight_bit(), mail=["BODY=8BITMIME"])
        taken, = peer.wait()
        self.assertIn("BODY=8BITMIME", taken.mail)
        self.assertIn(self.TEXT.encode(), taken.data)

    def test_eight_bits_for_a_server_that_does_not_are_encoded(self):
        peer = self.peer(extensions=("PIPELINING",))
        self.connect(peer=peer)
        self.send(text=self.eight_bit(), mail=["BODY=8BITMIME"])
        taken, = peer.wait()
        self.assertTrue(taken.data.isascii())
        self.assertNotIn("BODY", taken.mail)
        got = email.message_from_bytes(taken.data)
        self.assertEqual(got.get_payload(decode=True).decode().strip(), self.TEXT)

    def test_a_signed_message_is_returned_rather_than_changed(self):
        peer = self.peer(extensions=("PIPELINING",))
        self.connect(peer=peer)
        part = ("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
                f"{self.TEXT}")
        body = (f"--b\r\n{part}\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nsig\r\n--b--")
        self.send(text=self.eight_bit('multipart/signed; boundary="b"', body), mail=["BODY=8BITMIME"])
        self.assertIn("5.6.3", self.report_fields())
        self.assertEqual(peer.taken, [])

    def test_what_dsn_knows_is_passed_on(self):
        peer = self.peer()
        self.connect(peer=peer)
        self.send(mail=["RET=HDRS", "ENVID=abc+2B1"], rcpt=["NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;x@y.test"])
        taken, = peer.wait()
        self.assertIn("RET=HDRS", taken.mail)
        self.assertIn("ENVID=abc+2B1", taken.mail)
        self.assertIn("NOTIFY=FAILURE,DELAY", taken.rcpts[0])
        self.assertIn("ORCPT=rfc822;x@y.test", taken.rcpts[0])

    def test_a_server_without_dsn_makes_us_report_the_relaying(self):
        peer = self.peer(extensions=("PIPELINING",))
        self.connect(peer=peer)
        self.send(rcpt=["NOTIFY=SUCCESS"])
        self.assertNotIn("NOTIFY", peer.wait()[0].rcpts[0])
        self.assertIn("Action: relayed", self.report_fields())

    def test_an_address_outside_of_ascii_needs_smtputf8(self):
        able, unable = self.peer(), self.peer(extensions=("PIPELINING", "8BITMIME"))
        self.connect(peer=able)
        recipient = f"j\u00fcrgen@{self.domain}"
        text = message("x", self.user, "bob").encode()
        with self.server.submission(self.user) as smtp:
            smtp.ehlo()
            if not smtp.has_extn("smtputf8"):
                self.skipTest("this server takes no such addresses")
            smtp.sendmail(self.user, [recipient], text, ["SMTPUTF8"])
            self.assertIn("SMTPUTF8", able.wait()[0].mail)
            self.change("--smart-host", unable.address)
            smtp.sendmail(self.user, [recipient], text, ["SMTPUTF8"])
        self.assertIn("5.6.7", self.report_fields())


class TlsTest(SendingTest):
    def tls_peer(self, *names, **options):
        return self.peer(tls=server_tls(self.folder, *(names or (HOST,))), **options)

    def test_tls_is_used_where_it_is_offered(self):
        peer = self.tls_peer()
        self.connect(peer=peer)
        self.send()
        self.assertTrue(peer.wait()[0].tls)

    def test_none_means_none(self):
        peer = self.tls_peer()
        self.connect("--tls", "none", peer=peer)
        self.send()
        self.assertFalse(peer.wait()[0].tls)

    def test_a_broken_handshake_is_tried_in_the_clear(self):
        peer = self.tls_peer()
        peer.tls.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")  # there is no such key
        peer.tls.maximum_version = peer.tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self.connect(peer=peer)
        self.send()
        self.assertFalse(peer.wait()[0].tls)
        self.assertEqual(peer.connections, 2)

    def test_encryption_waits_for_a_server_that_offers_it(self):
        clear = self.peer()
        self.connect("--tls", "encryption", peer=clear)
        self.send()
        self.wait_for_error("does not offer TLS")
        self.assertEqual(clear.taken, [])
        peer = self.tls_peer()
        self.change("--smart-host", peer.address)
        self.retry()
        self.assertTrue(peer.wait()[0].tls)

    def test_a_certificate_of_nobody_is_refused(self):
        for level in ("certificate", "domain"):
            with self.subTest(level):
                self.domain = f"level-{level}.test"
                self.connector = f"Level {level}"
                peer = self.tls_peer()
                self.connect("--tls", level, peer=peer)
                self.send()
                self.wait_for_error("certificate")
                self.assertEqual(peer.taken, [])

    def test_bytes_put_before_the_handshake_are_not_heard(self):
        peer = self.tls_peer()
        # Two replies in one write.
        peer.answers["STARTTLS"] = ["220 2.0.0 go\r\n250 2.0.0 injected"]
        self.connect("--tls", "encryption", peer=peer)
        self.send()
        self.wait_for_error("between its reply to STARTTLS and TLS")
        self.retry()
        self.assertTrue(peer.wait()[0].tls)


class LoginTest(SendingTest):
    SECRET = "s3cret of the smart host"

    def login_peer(self, *mechanisms):
        return self.peer(tls=server_tls(self.folder, HOST), users={"hauspost": self.SECRET},
                         mechanisms=mechanisms)

    def log_in(self, peer, password=None):
        self.connect("--auth", "basic", "--user", "hauspost", "--password-stdin", "--protocol-log", "yes",
                     peer=peer, stdin=(password or self.SECRET) + "\n")

    def test_each_mechanism(self):
        for mechanism in ("SCRAM-SHA-256", "PLAIN", "LOGIN"):
            with self.subTest(mechanism):
                self.domain = f"login-{mechanism.lower()}.test"
                self.connector = f"Login {mechanism}"
                peer = self.login_peer(mechanism)
                self.log_in(peer)
                self.send()
                self.assertEqual(peer.wait()[0].user, "hauspost")

    def test_a_wrong_password_waits_for_the_right_one(self):
        peer = self.login_peer("PLAIN")
        self.log_in(peer, "wrong")
        self.send()
        self.wait_for_error("535 5.7.8 wrong")
        self.change("--password-stdin", stdin=self.SECRET + "\n")
        self.retry()
        self.assertEqual(peer.wait()[0].user, "hauspost")

    def test_nothing_shows_the_password(self):
        peer = self.login_peer("PLAIN")
        self.log_in(peer)
        self.send()
        peer.wait()
        shown = json.dumps(self.server.ask("connector", "send", "show", self.connector))
        self.assertIn('"password_set": true', shown)
        self.assertNotIn(self.SECRET, shown)
        kept = self.server.data / "secrets" / "transport"
        self.assertEqual(kept.stat().st_mode & 0o777, 0o700)
        # SASL's base64 of it, too.
        coded = base64.b64encode(f"\0hauspost\0{self.SECRET}".encode()).decode()
        for path in self.server.data.rglob("*"):
            if path.is_file() and kept not in path.parents:
                content = path.read_bytes()
                self.assertNotIn(self.SECRET.encode(), content, path)
                self.assertNotIn(coded.encode(), content, path)
        self.assertNotIn(self.SECRET, self.server.log.read_text())

    def test_no_password_without_tls(self):
        clear = self.peer(users={"hauspost": self.SECRET})
        self.log_in(clear)
        self.send()
        self.wait_for_error("does not offer TLS")
        self.assertFalse(any("AUTH" in line for _, line in clear.commands))
        with self.assertRaises(CliError):
            self.change("--tls", "none")


class LmtpTest(SendingTest):
    def test_over_a_unix_socket_each_recipient_has_an_answer(self):
        peer = self.peer(lmtp=True, path=self.folder / "lmtp")
        peer.ends[self.address("full")] = "552 5.2.2 full"
        self.connect("--protocol", "lmtp", peer=peer)
        self.send(self.address("good"), self.address("full"))
        self.assertEqual(peer.wait()[0].recipients, [self.address("good")])
        fields = self.report_fields()
        self.assertIn("552 5.2.2 full", fields)
        self.assertNotIn(self.address("good"), fields)

    def test_over_tcp_the_deferred_recipient_alone_is_tried_again(self):
        peer = self.peer(lmtp=True)
        peer.ends[self.address("later")] = "451 4.2.0 later"
        self.connect("--protocol", "lmtp", peer=peer)
        self.send(self.address("good"), self.address("later"))
        peer.wait()
        self.wait_for_error("451 4.2.0 later")
        peer.ends.clear()
        self.retry()
        self.assertEqual([one.recipients for one in peer.wait(2)],
                         [[self.address("good")], [self.address("later")]])


class DnsTest(SendingTest):
    """By the hosts that the DNS names: connectors without smart hosts, on a port of the test's."""

    def setUp(self):
        super().setUp()
        self.dns = DnsServer({})
        self.addCleanup(self.dns.stop)
        self.server.cli("dns", "set", "--server", self.dns.address)
        end = time.monotonic() + TIMEOUT  # transport looks at its settings every second
        while self.server.ask("dns", "show")["state"]["servers"] != [self.dns.address]:
            self.assertLess(time.monotonic(), end, "transport keeps its DNS servers")
            time.sleep(0.1)

    def hosts(self, *addresses, **options):
        """Peers at one port of several loopback addresses."""
        first = self.peer(host=addresses[0], **options)
        return [first] + [self.peer(host=address, port=first.port, **options)
                          for address in addresses[1:]]

    def test_the_preferred_host_and_then_the_other(self):
        best, other = self.hosts("127.0.0.21", "127.0.0.22")
        self.dns.zone.update({self.domain: {"MX": ["20 b." + self.domain, "10 a." + self.domain]},
                              "a." + self.domain: {"A": ["127.0.0.21"]},
                              "b." + self.domain: {"A": ["127.0.0.22"]}})
        self.connect("--port", str(best.port))
        self.send()
        best.wait()
        best.stop()
        best.answers["CONNECT"] = [None]
        time.sleep(0.2)
        self.change("--messages-per-connection", "1")
        self.send()
        other.wait()
        self.assertEqual(len(best.taken), 1)

    def test_a_host_that_refuses_to_serve_makes_room_for_the_next(self):
        best, other = self.hosts("127.0.0.23", "127.0.0.24")
        best.greeting = "554 5.3.2 closed"
        self.dns.zone.update({self.domain: {"MX": ["10 a." + self.domain, "20 b." + self.domain]},
                              "a." + self.domain: {"A": ["127.0.0.23"]},
                              "b." + self.domain: {"A": ["127.0.0.24"]}})
        self.connect("--port", str(best.port))
        self.send()
        other.wait()

    def test_no_such_domain_and_null_mx_are_reported_at_once(self):
        self.dns.zone.update({self.domain: {"MX": ["0 ."]}})
        self.connect(spaces=[self.domain, "*.gone.test"])
        self.send()
        self.assertIn("5.1.10", self.report_fields())
        self.user = self.server.user()
        self.send("bob@really.gone.test")
        self.assertIn("5.1.2", self.report_fields())

    def test_a_dns_that_fails_is_waited_for(self):
        peer, = self.hosts("127.0.0.25")
        self.dns.failing[self.domain] = "SERVFAIL"
        self.dns.zone.update({self.domain: {"MX": ["10 a." + self.domain]},
                              "a." + self.domain: {"A": ["127.0.0.25"]}})
        self.connect("--port", str(peer.port))
        self.send()
        self.wait_for_error(self.domain)
        self.dns.failing.clear()
        self.server.run("dns", "flush")
        self.retry()
        peer.wait()

    def test_a_domain_that_leads_back_to_us_is_a_loop(self):
        self.dns.zone.update({self.domain: {"MX": ["10 a." + self.domain]},
                              "a." + self.domain: {"A": [HOST]}})
        self.connect("--port", str(self.server.ports["smtp"]))
        self.send()
        self.assertIn("5.4.6", self.report_fields())

    def test_dane_decides_what_a_certificate_is_worth(self):
        host = "mx." + self.domain
        peer, = self.hosts("127.0.0.26", tls=server_tls(self.folder, "another.test"))
        self.dns.authentic = True
        digest = spki_sha256(self.folder / "cert.pem")
        self.dns.zone.update({self.domain: {"MX": ["10 " + host]}, host: {"A": ["127.0.0.26"]},
                              f"_{peer.port}._tcp.{host}": {"TLSA": ["3 1 1 " + "00" * 32]}})
        self.connect("--port", str(peer.port))
        self.send()
        self.wait_for_error("certificate")
        self.assertEqual(peer.taken, [])
        self.dns.zone[f"_{peer.port}._tcp.{host}"] = {"TLSA": ["3 1 1 " + digest]}
        self.server.run("dns", "flush")
        self.retry()
        self.assertTrue(peer.wait()[0].tls)


@unittest.skipUnless(shutil.which("smtp-sink"), "smtp-sink is not installed")
class SinkTest(SendingTest):
    """Postfix's own test server: fast, and with failures of its own choice."""

    def sink(self, *options):
        with socket.create_server((HOST, 0)) as free:
            port = free.getsockname()[1]
        self.folder.chmod(0o777)
        nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
        process = subprocess.Popen(["smtp-sink", *nobody, "-d", str(self.folder / "%H%M%S."), *options,
                                    f"{HOST}:{port}", "100"], stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        end = time.monotonic() + TIMEOUT
        while True:
            try:
                socket.create_connection((HOST, port), timeout=1).close()
                return f"{HOST}:{port}"
            except OSError:
                self.assertLess(time.monotonic(), end)
                time.sleep(0.05)

    def sunk(self, count, seconds=60):
        """The X-Rcpt-Args of what the sink wrote down."""
        end = time.monotonic() + seconds
        while True:
            files = [path.read_text() for path in self.folder.iterdir()]
            found = [line for text in files if text.rstrip().endswith("END") for line in text.splitlines()
                     if line.startswith("Subject:")]
            if len(found) >= count:
                return sorted(found)
            self.assertLess(time.monotonic(), end, f"{len(found)} of {count} arrived")
            time.sleep(0.2)

    def send_many(self, count):
        with self.server.submission(self.user) as smtp:
            for number in range(count):
                smtp.sendmail(self.user, [self.address()],
                              message(f"n{number:03}", self.user, self.address(), "Text\r\nEND\r\n"))

    def test_a_hundred_messages(self):
        self.connect("--smart-host", self.sink())
        self.send_many(100)
        self.assertEqual(self.sunk(100), [f"Subject: n{n:03}" for n in range(100)])

    def test_a_slow_sink_without_pipelining_or_ehlo(self):
        self.connect("--smart-host", self.sink("-e", "-p", "-w", "1"))
        self.send_many(3)
        self.assertEqual(len(self.sunk(3)), 3)


class CommandTest(SystemTest):
    """connector send ... itself."""

    def names(self):
        return [one["name"] for one in self.server.ask("connector", "send", "list")["connectors"]]

    def refused(self, *words, stdin=None):
        done = self.server.run("connector", "send", *words, stdin=stdin)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr

    def create(self, name, *options, stdin=None):
        self.server.cli("connector", "send", "create", name, *options, stdin=stdin)
        self.addCleanup(self.server.run, "connector", "send", "remove", name, "--yes")

    def secrets(self):
        return {path.name for path in (self.server.data / "secrets" / "transport").glob("*")}

    def test_a_dry_run_changes_nothing(self):
        before = self.names()
        self.server.cli("connector", "send", "create", "Dry", "--address-space", "dry.test", "--dry-run")
        self.assertEqual(self.names(), before)
        self.create("Wet", "--address-space", "wet.test")
        self.server.cli("connector", "send", "set", "Wet", "--port", "26", "--dry-run")
        self.server.cli("connector", "send", "remove", "Wet", "--dry-run")
        self.assertEqual(self.server.ask("connector", "send", "show", "wet")["port"], 25)

    def test_what_cannot_be_is_refused_with_a_word(self):
        self.create("Twice", "--address-space", "twice.test")
        self.assertIn("exists already", self.refused("create", "TWICE", "--address-space", "x.test"))
        self.assertIn("--address-space", self.refused("create", "Nothing"))
        self.assertIn("connector send list", self.refused("set", "Nobody", "--port", "26"))
        self.assertIn("LMTP", self.refused("create", "L", "--address-space", "x.test", "--protocol", "lmtp"))
        self.assertEqual(self.server.run("connector", "send", "set", "Twice").returncode, 2)
        self.assertEqual(self.server.run("connector", "send", "remove", "Nobody", "--yes").returncode, 1)

    def test_a_password_lives_as_long_as_its_connector_and_follows_its_name(self):
        before = self.secrets()
        self.create("Old", "--address-space", "pw.test", "--smart-host", HOST, "--auth", "basic", "--user",
                    "me", "--password-stdin", stdin="secret\n")
        self.assertEqual(len(self.secrets() - before), 1)
        self.server.cli("connector", "send", "set", "Old", "--name", "New")
        self.addCleanup(self.server.run, "connector", "send", "remove", "New", "--yes")
        shown = self.server.ask("connector", "send", "show", "New")
        self.assertEqual((shown["user"], shown["password_set"]), ("me", True))
        self.assertEqual(len(self.secrets() - before), 1)
        self.server.cli("connector", "send", "remove", "New", "--yes")
        self.assertEqual(self.secrets(), before)
        empty = self.server.run("connector", "send", "create", "None", "--address-space", "pw.test",
                                "--smart-host", HOST, "--auth", "basic", "--user", "me",
                                "--password-stdin", stdin="\n")
        self.assertEqual(empty.returncode, 2, empty.stderr)


class CrashTest(OwnServerTest):
    """hauspost-transport dies while a message is on its way."""

    def transport_pid(self):
        for process in self.server.ask("status")["processes"]:
            if process["name"].startswith("transport"):
                return process["pid"]
        raise AssertionError("no transport process")

    def test_nothing_is_lost(self):
        user = self.server.user()
        for verb in ("EHLO", "MAIL", "DATA", "END"):
            with self.subTest(verb), SmtpPeer() as peer:
                domain = f"crash-{verb.lower()}.test"
                self.server.cli("connector", "send", "create", verb, "--address-space", domain,
                                "--smart-host", peer.address)
                peer.delays[verb] = 3
                with self.server.submission(user) as smtp:
                    smtp.sendmail(user, [f"bob@{domain}"], message(verb, user, "bob"))
                peer.wait_for_command("DATA" if verb == "END" else verb)
                os.kill(self.transport_pid(), signal.SIGKILL)
                peer.delays.clear()
                taken = peer.wait(seconds=60)
                self.assertIn(f"Subject: {verb}".encode(), taken[0].data)
                time.sleep(0.5)
                # The answer to the end of the data may have been on its way: then, and only then,
                # the message comes twice.
                self.assertLessEqual(len(peer.taken), 2 if verb == "END" else 1)

    def test_a_stop_does_not_wait_for_a_slow_server(self):
        user = self.server.user()
        for verb in ("DATA", "END"):
            with self.subTest(verb), SmtpPeer() as peer:
                domain = f"slow-{verb.lower()}.test"
                self.server.cli("connector", "send", "create", verb, "--address-space", domain,
                                "--smart-host", peer.address)
                peer.delays[verb] = 20
                with self.server.submission(user) as smtp:
                    smtp.sendmail(user, [f"bob@{domain}"], message(verb, user, "bob"))
                peer.wait_for_command("DATA")
                time.sleep(0.5)
                begin = time.monotonic()
                self.server.stop()
                self.assertLess(time.monotonic() - begin, 10)
                peer.delays.clear()
                self.server.start(self.server.log)
                self.assertIn(f"Subject: {verb}".encode(), peer.wait(seconds=15)[0].data)


if __name__ == "__main__":
    unittest.main()
