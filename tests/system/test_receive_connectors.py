"""Receive connectors: who listens where, whom it serves, and what they may do."""

import re
import smtplib
import time

from harness import DOMAIN, HOST, OwnServerTest, SystemTest, Wire, message
from instance import CliError, port_is_free

FOREIGN = "someone@example.com"


def free_port(start=31000):
    return next(port for port in range(start, start + 1000) if port_is_free(port))


class ConnectorTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.name = "Test " + self.id().rpartition(".")[2]
        self.name = self.name[:60]

    def create(self, *options, name=None):
        """A connector that goes with the test; what `create` answers."""
        name = name or self.name
        answer = self.server.ask("connector", "receive", "create", name, *options)
        self.addCleanup(self.server.run, "connector", "receive", "remove", name, "--yes")
        return answer

    def set(self, *options, name=None):
        return self.server.ask("connector", "receive", "set", name or self.name, *options)

    def refused(self, *words):
        with self.assertRaises(CliError) as caught:
            self.server.cli("connector", "receive", *words)
        self.assertEqual(caught.exception.status, 1)
        return caught.exception.text

    def open(self, port, source=None, hello="EHLO client.example.org"):
        wire = Wire(port, source=source)
        self.addCleanup(wire.close)
        self.greeting = wire.reply()
        if hello:
            self.assertEqual(wire.command(hello)[:3], "250")
        return wire

    def is_turned_away(self, port, source):
        with Wire(port, source=source) as wire:
            return wire.line()[:3] in ("", "421", "554")

    def wait_until_closed(self, port):
        end = time.monotonic() + 10
        while not port_is_free(port):
            self.assertLess(time.monotonic(), end, "it still listens")
            time.sleep(0.05)


class Administration(ConnectorTest):
    def test_the_defaults_are_there_by_name(self):
        connectors = {one["name"]: one for one in self.server.ask("connector", "receive", "list")}
        for name, listener, group in (("Default Frontend mail", "smtp", "anonymous"),
                                      ("Client Frontend mail", "submission", "users"),
                                      ("Client Implicit TLS mail", "submissions", "users")):
            one = connectors[name]
            self.assertEqual((one["listener"], one["permitted"], one["enabled"]),
                             (listener, [group], True))
            self.assertEqual(one["endpoints"], [f"{HOST}:{self.server.ports[listener]}"])
        self.assertTrue(connectors["Default Frontend mail"]["protocol_log"])
        self.assertEqual(connectors["Default Frontend mail"]["limits"]["max-recipients"], 200)
        for name in ("Default mail", "Client Proxy mail"):
            self.assertTrue(connectors[name]["internal"])
            self.assertTrue(connectors[name]["endpoints"][0].startswith("unix:"))
            self.assertIn("inside the server", self.refused("set", name, "--banner", "x"))

    def test_a_clash_is_refused_and_nested_ranges_are_none(self):
        port = free_port()
        bind = ("--bind", f"{HOST}:{port}")
        self.create(*bind, "--remote", "127.0.0.0/29")
        other = self.name + "2"
        text = self.refused("create", other, *bind, "--remote", "127.0.0.0/29")
        self.assertIn(self.name, text)
        self.assertIn(f"{HOST}:{port}", text)
        self.assertIn("cannot be", self.refused("create", other, *bind, "--listener", "submissions"))
        self.assertIn("exists already", self.refused("create", self.name.upper(), "--remote", "127.0.0.6"))
        self.create(*bind, "--remote", "127.0.0.4", name=other)

    def test_who_relays_without_a_login_is_named_by_address(self):
        self.assertIn("open relay", self.refused("create", self.name, "--usage", "internal"))
        self.assertIn("open relay", self.refused("create", self.name, "--usage", "internal",
                                                 "--remote", "0.0.0.0/0"))
        self.assertIn("open relay", self.refused("set", "Default Frontend mail", "--grant",
                                                 "anonymous:any-recipient"))

    def test_a_dry_run_changes_nothing(self):
        port = free_port()
        answer = self.server.ask("connector", "receive", "create", self.name, "--usage", "client",
                                 "--bind", f"{HOST}:{port}", "--dry-run")
        self.assertEqual(answer["permitted"], ["users"])
        self.assertTrue(port_is_free(port))
        self.assertIn("no receive connector", self.refused("show", self.name))
        before = self.server.ask("connector", "receive", "show", "Default Frontend mail")
        self.set("--banner", "x", "--dry-run", name="Default Frontend mail")
        self.server.cli("connector", "receive", "remove", "Default Frontend mail", "--dry-run")
        self.assertEqual(self.server.ask("connector", "receive", "show", "Default Frontend mail"),
                         before)

    def test_what_is_wrong_is_named(self):
        for words, part in ((("--permit", "friends"), "externally-secured"),
                            (("--grant", "users:fly"), "any-recipient"),
                            (("--no-offer", "WINGS"), "CHUNKING"),
                            (("--bind", "127.0.0.1"), "192.0.2.1:25"),
                            (("--remote", "127.0.0.1/33"), "192.0.2.0/24"),
                            (("--listener", "uucp"), "lmtp"),
                            (("--max-recipients", "0"), "from 1 to"),
                            (("--max-message-size", "1T"), "message_size"),
                            (("--fqdn", "not a name"), "host name")):
            self.assertIn(part, self.refused("set", "Default Frontend mail", *words), words)
        self.assertEqual(self.server.run("connector", "receive", "set", "Default Frontend mail")
                         .returncode, 2)
        self.assertEqual(self.server.run("connector", "receive", "create", self.name, "--usage",
                                         "pub").returncode, 2)

    def test_a_port_that_is_taken_leaves_everything_as_it_was(self):
        text = self.refused("create", self.name, "--bind", f"{HOST}:{self.server.ports['imap']}")
        self.assertIn(str(self.server.ports["imap"]), text)
        self.assertIn("no receive connector", self.refused("show", self.name))


class Listening(ConnectorTest):
    def test_bindings_open_and_close_while_sessions_go_on(self):
        first, second = free_port(), free_port(32000)
        self.create("--usage", "internet", "--bind", f"{HOST}:{first}", "--banner", "Test here")
        old = self.open(first)
        self.assertIn("ESMTP Test here", self.greeting)
        other = self.open(self.server.ports["smtp"])
        self.set("--bind", f"{HOST}:{first}", "--bind", f"{HOST}:{second}", "--fqdn", "mx.example.test")
        self.assertEqual(old.command("NOOP")[:3], "250")
        self.open(second)
        self.assertTrue(self.greeting.startswith("220 mx.example.test "))
        self.set("--bind", f"{HOST}:{second}")
        self.wait_until_closed(first)
        self.open(second)
        self.set("--enabled", "off")
        self.wait_until_closed(second)
        self.assertEqual(other.command("NOOP")[:3], "250")

    def test_the_narrowest_network_wins(self):
        port = free_port()
        bind = ("--bind", f"{HOST}:{port}")
        self.create(*bind, "--usage", "internet", "--remote", "127.0.0.0/29", "--banner", "wide")
        self.create(*bind, "--usage", "internet", "--remote", "127.0.0.3", "--banner", "narrow",
                    name=self.name + "2")
        for source, banner in (("127.0.0.2", "wide"), ("127.0.0.3", "narrow")):
            self.open(port, source)
            self.assertTrue(self.greeting.endswith("ESMTP " + banner), self.greeting)
        self.assertTrue(self.is_turned_away(port, "127.0.0.9"))

    def test_a_network_on_the_ports_of_the_configuration(self):
        self.create("--usage", "internet", "--remote", "127.0.0.5", "--banner", "for five")
        self.open(self.server.ports["smtp"], "127.0.0.5")
        self.assertTrue(self.greeting.endswith("ESMTP for five"))
        self.open(self.server.ports["smtp"])
        self.assertTrue(self.greeting.endswith("ESMTP Hauspost"))

    def test_a_connector_that_goes_takes_its_sessions_with_it(self):
        port = free_port()
        self.create("--usage", "internet", "--bind", f"{HOST}:{port}")
        wire = self.open(port)
        self.assertEqual(wire.command("MAIL FROM:<x@example.org>")[:3], "250")
        self.server.cli("connector", "receive", "remove", self.name, "--yes")
        self.wait_until_closed(port)
        self.assertRegex(wire.command("RSET"), "^(421|250)")


class Rights(ConnectorTest):
    def test_servers_relay_and_others_at_the_same_port_do_not(self):
        port = free_port()
        bind = ("--bind", f"{HOST}:{port}")
        self.create(*bind, "--usage", "internal", "--remote", "127.0.0.2")
        self.create(*bind, "--usage", "internet", name=self.name + "2")
        inside, outside = self.open(port, "127.0.0.2"), self.open(port, "127.0.0.1")
        for wire, answer in ((inside, "250"), (outside, "550")):
            self.assertEqual(wire.command("MAIL FROM:<any@example.org>")[:3], "250")
            self.assertEqual(wire.command(f"RCPT TO:<{FOREIGN}>")[:3], answer)

    def test_a_right_that_is_taken_away(self):
        port = free_port()
        self.create("--usage", "internet", "--bind", f"{HOST}:{port}", "--deny",
                    "anonymous:own-domain-sender")
        wire = self.open(port)
        self.assertEqual(wire.command(f"MAIL FROM:<anyone@{DOMAIN}>")[:9], "550 5.7.1")
        self.assertEqual(wire.command("MAIL FROM:<anyone@example.org>")[:3], "250")
        self.set("--deny", "default")
        wire = self.open(port)
        self.assertEqual(wire.command(f"MAIL FROM:<anyone@{DOMAIN}>")[:3], "250")

    def test_nobody_may_until_somebody_is_permitted(self):
        port = free_port()
        self.create("--bind", f"{HOST}:{port}")
        self.assertEqual(self.open(port).command("MAIL FROM:<a@example.org>")[:9], "530 5.7.0")
        self.set("--permit", "anonymous")
        self.assertEqual(self.open(port).command("MAIL FROM:<a@example.org>")[:3], "250")

    def test_partners_come_under_tls(self):
        port = free_port()
        self.create("--usage", "partner", "--bind", f"{HOST}:{port}", "--remote", "127.0.0.0/8")
        self.assertEqual(self.open(port).command("MAIL FROM:<a@example.org>")[:9], "530 5.7.0")

    def test_our_own_header_fields_are_believed_from_servers_alone(self):
        port = free_port()
        bind = ("--bind", f"{HOST}:{port}")
        self.create(*bind, "--usage", "internal", "--remote", "127.0.0.2")
        self.create(*bind, "--usage", "internet", name=self.name + "2")
        address = self.server.user()
        for source in ("127.0.0.2", "127.0.0.1"):
            wire = self.open(port, source)
            wire.command("MAIL FROM:<a@example.org>")
            wire.command(f"RCPT TO:<{address}>")
            wire.command("DATA")
            self.assertEqual(wire.command(
                f"X-Hauspost-Organization-Origin: {source}\r\nReceived: from x by y; then\r\n"
                f"Return-Path: <forged@example.org>\r\nSubject: {source}\r\n\r\nx\r\n.")[:3], "250")
        with self.server.imap(address) as imap:
            imap.select("INBOX", readonly=True)
            parts = imap.fetch("1:2", "(BODY.PEEK[HEADER])")[1]
            trusted, stranger = [part[1].decode() for part in parts if isinstance(part, tuple)]
        self.assertIn("X-Hauspost-Organization-Origin: 127.0.0.2\r\n", trusted)
        self.assertNotIn("X-Hauspost-Organization", stranger)
        for header in (trusted, stranger):
            self.assertIn("Received: from x by y; then\r\n", header)
            self.assertNotIn("forged", header)


class Limits(ConnectorTest):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.create("--usage", "internet", "--bind", f"{HOST}:{self.port}", "--tarpit", "0s")
        self.address = self.server.user()

    def begin(self):
        wire = self.open(self.port)
        self.assertEqual(wire.command("MAIL FROM:<x@example.org>")[:3], "250")
        return wire

    def test_recipients_of_a_message(self):
        other = self.server.user()
        self.set("--max-recipients", "1")
        wire = self.begin()
        self.assertEqual(wire.command(f"RCPT TO:<{self.address}>")[:3], "250")
        self.assertEqual(wire.command(f"RCPT TO:<{other}>")[:9], "452 4.5.3")

    def test_sizes_of_message_and_header(self):
        self.set("--max-message-size", "20000", "--max-header-size", "4096")
        wire = self.open(self.port)
        self.assertEqual(wire.command("MAIL FROM:<x@example.org> SIZE=20001")[:9], "552 5.3.4")
        for content, answer in (("Subject: x\r\n\r\n" + "x" * 70 + "\r\n", "250 2.0.0"),
                                ("Subject: x\r\n\r\n" + ("x" * 70 + "\r\n") * 300, "552 5.3.4"),
                                ("X: y\r\n" * 800 + "\r\nx\r\n", "554 5.6.0")):
            wire = self.begin()
            wire.command(f"RCPT TO:<{self.address}>")
            wire.command("DATA")
            self.assertEqual(wire.command(content + ".")[:9], answer)

    def test_hops(self):
        self.set("--max-hops", "3")
        for hops, answer in ((2, "250 2.0.0"), (3, "554 5.4.6")):
            wire = self.begin()
            wire.command(f"RCPT TO:<{self.address}>")
            wire.command("DATA")
            self.assertEqual(wire.command("Received: from a by b; then\r\n" * hops + "\r\nx\r\n.")[:9],
                             answer)

    def test_messages_of_a_source_and_of_a_connection(self):
        self.set("--message-rate", "2", "--max-messages", "100")
        # The minute may change while the test runs.
        for attempt in range(2):
            wire = self.open(self.port)
            answers = []
            for _ in range(5):
                answers.append(wire.command("MAIL FROM:<x@example.org>")[:9])
                wire.command("RSET")
            if answers.count("450 4.7.0") >= 1 and answers[0].startswith("250"):
                break
        self.assertIn("450 4.7.0", answers)

    def test_connections_of_a_source(self):
        self.set("--max-per-source", "2")
        kept = [self.open(self.port) for _ in range(2)]
        with Wire(self.port) as third:
            self.assertRegex(third.rest(), "^421 ")
        self.open(self.port, "127.0.0.7")
        self.assertEqual(kept[0].command("NOOP")[:3], "250")

    def test_errors_in_a_session(self):
        self.set("--max-protocol-errors", "3")
        wire = self.begin()
        answers = [wire.command("NONSENSE")[:3] for _ in range(3)]
        self.assertEqual(answers, ["500", "500", "421"])

    def test_who_never_talks_is_let_go(self):
        self.set("--inactivity", "5s", "--connection-time", "5s")
        with Wire(self.port) as wire:
            self.assertEqual(wire.line()[:3], "220")
            began = time.monotonic()
            self.assertRegex(wire.rest(), "^421 4.4.2")
            self.assertLess(time.monotonic() - began, 9)

    def test_unknown_recipients_are_answered_late(self):
        self.set("--tarpit", "1500ms")
        wire = self.begin()
        began = time.monotonic()
        self.assertEqual(wire.command(f"RCPT TO:<nobody@{DOMAIN}>")[:9], "550 5.1.1")
        self.assertGreater(time.monotonic() - began, 1.4)


class Extensions(ConnectorTest):
    def keywords(self, wire):
        wire.send("EHLO client.example.org\r\n")
        lines = []
        while not lines or lines[-1][3] == "-":
            lines.append(wire.line())
        return {line[4:] for line in lines[1:]}

    def test_the_list_is_the_same_before_and_behind_the_first_message(self):
        wire = Wire(self.server.ports["smtp"])
        self.addCleanup(wire.close)
        wire.reply()
        before = self.keywords(wire)
        wire.command("MAIL FROM:<x@example.org>")
        self.assertEqual(self.keywords(wire), before - {"STARTTLS"})
        names = {one.partition(" ")[0] for one in before}
        self.assertEqual(names, {"SIZE", "PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING",
                                 "BINARYMIME", "ENHANCEDSTATUSCODES", "DSN", "LIMITS", "MT-PRIORITY",
                                 "DELIVERBY", "STARTTLS"})
        self.assertIn("LIMITS MAILMAX=1000 RCPTMAX=200", before)

    def test_submission_offers_a_later_release_and_requiretls(self):
        with self.server.submission(self.server.user()) as connection:
            connection.ehlo()
            self.assertTrue(connection.has_extn("requiretls"))
            self.assertRegex(connection.esmtp_features["futurerelease"],
                             r"604800 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")

    def test_what_is_not_offered_is_not_taken(self):
        port = free_port()
        self.create("--usage", "internet", "--bind", f"{HOST}:{port}", "--no-offer", "CHUNKING",
                    "--no-offer", "SMTPUTF8")
        wire = self.open(port, hello=None)
        names = {one.partition(" ")[0] for one in self.keywords(wire)}
        self.assertFalse(names & {"CHUNKING", "BINARYMIME", "SMTPUTF8"}, names)
        for words in ("SMTPUTF8", "BODY=BINARYMIME"):
            self.assertEqual(wire.command(f"MAIL FROM:<x@example.org> {words}")[:9], "555 5.5.4")

    def test_a_report_of_success_comes_when_it_was_asked_for(self):
        sender, recipient = self.server.user(), self.server.user()
        with self.server.submission(sender) as connection:
            connection.sendmail(sender, [recipient], message("Told", sender, recipient),
                                mail_options=["RET=HDRS", "ENVID=e1"],
                                rcpt_options=["NOTIFY=SUCCESS", f"ORCPT=rfc822;{recipient}"])
        self.server.wait_for_subject(recipient, "Told")
        with self.server.imap(sender) as imap:
            imap.select("INBOX", readonly=True)
            report = imap.fetch("1", "(BODY.PEEK[])")[1][0][1].decode()
        self.assertIn("Original-Envelope-Id: e1\r\n", report)
        self.assertIn(f"Final-Recipient: rfc822;{recipient}\r\n", report.replace("; ", ";"))
        self.assertIn("Action: delivered\r\n", report)

    def test_a_message_for_later_comes_later(self):
        sender, recipient = self.server.user(), self.server.user()
        with self.server.submission(sender) as connection:
            connection.sendmail(sender, [recipient], message("Later", sender, recipient),
                                mail_options=["HOLDFOR=4"])
        self.assertEqual(self.server.subjects(recipient), [])
        self.server.wait_for_subject(recipient, "Later", seconds=30)


class Lmtp(ConnectorTest):
    def test_each_recipient_has_its_answer(self):
        port = free_port()
        self.create("--listener", "lmtp", "--permit", "anonymous", "--bind", f"{HOST}:{port}",
                    "--tarpit", "0s")
        addresses = [self.server.user() for _ in range(2)]
        wire = self.open(port, hello=None)
        self.assertIn(" LMTP ", self.greeting)
        self.assertEqual(wire.command("EHLO client.example.org")[:3], "500")
        self.assertEqual(wire.command("LHLO client.example.org")[:3], "250")
        self.assertEqual(wire.command("MAIL FROM:<x@example.org>")[:3], "250")
        for recipient, answer in ((addresses[0], "250"), (f"nobody@{DOMAIN}", "550"),
                                  (addresses[1], "250"), (addresses[0].upper(), "250")):
            self.assertEqual(wire.command(f"RCPT TO:<{recipient}>")[:3], answer)
        self.assertEqual(wire.command("DATA")[:3], "354")
        self.assertEqual(wire.command("Subject: by LMTP\r\n\r\nx\r\n.")[:3], "250")
        self.assertEqual([wire.reply()[:3] for _ in range(2)], ["250", "250"])
        self.assertEqual(wire.command("QUIT")[:3], "221")
        for address in addresses:
            self.assertEqual(self.server.subjects(address), ["by LMTP"])

    def test_smtp_has_no_lhlo(self):
        wire = self.open(self.server.ports["smtp"], hello=None)
        self.assertEqual(wire.command("LHLO client.example.org")[:3], "500")


class Submission(ConnectorTest):
    def setUp(self):
        super().setUp()
        self.user, self.boss, self.reader = (self.server.user() for _ in range(3))

    def send(self, sender, header):
        with self.server.submission(self.user) as connection:
            try:
                connection.sendmail(sender, [self.reader], header + "\r\nSubject: x\r\n\r\nx\r\n")
            except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as refused:
                return refused.smtp_code, refused.smtp_error.decode()[:6]
        return 250, ""

    def only_header(self):
        with self.server.imap(self.reader) as imap:
            imap.select("INBOX", readonly=True)
            parts = imap.fetch("1:*", "(BODY.PEEK[HEADER])")[1]
            headers = [part[1].decode() for part in parts if isinstance(part, tuple)]
        self.assertEqual(len(headers), 1)
        return headers[0]

    def allow(self, how):
        self.server.cli("mailbox", "permission", "add", self.boss, "--user", self.user, how)

    def test_without_leave_nobody_writes_as_another(self):
        self.assertEqual(self.send(self.boss, f"From: {self.boss}"), (550, "5.7.60"))
        self.assertEqual(self.send(self.user, f"From: {self.boss}"), (550, "5.7.60"))

    def test_leave_to_send_as_shows_no_difference(self):
        self.allow("--send-as")
        self.assertEqual(self.send(self.boss, f"From: {self.boss}")[0], 250)
        header = self.only_header()
        self.assertIn(f"Return-Path: <{self.boss}>\r\n", header)
        self.assertNotIn("Sender:", header)

    def test_leave_to_send_on_behalf_names_who_sent(self):
        self.allow("--send-on-behalf")
        self.assertEqual(self.send(self.user, f"From: {self.boss}")[0], 250)
        self.assertIn(f"Sender: <{self.user}>\r\n", self.only_header())

    def test_somebody_elses_sender_field_is_refused(self):
        self.allow("--send-on-behalf")
        self.assertEqual(self.send(self.user, f"From: {self.boss}\r\nSender: {self.boss}"),
                         (550, "5.7.60"))
        self.assertEqual(self.send(self.user, f"From: {self.boss}\r\nSender: {self.user}")[0], 250)


class Lasting(OwnServerTest):
    def test_connectors_outlive_a_restart_and_their_dialogue_is_kept(self):
        port = free_port()
        self.server.cli("connector", "receive", "create", "Extra", "--usage", "internet", "--bind",
                        f"{HOST}:{port}", "--banner", "extra", "--protocol-log", "on")
        before = self.server.ask("connector", "receive", "list")
        self.server.restart()
        self.assertEqual(self.server.ask("connector", "receive", "list"), before)
        address = self.server.user()
        with Wire(port) as wire:
            self.assertIn("ESMTP extra", wire.reply())
            wire.command("EHLO client.example.org")
            wire.command("MAIL FROM:<kept@example.org>")
            wire.command(f"RCPT TO:<{address}>")
            wire.command("DATA")
            self.assertEqual(wire.command("Subject: hidden words\r\n\r\nx\r\n.")[:3], "250")
            wire.command("QUIT")
        self.server.stop()
        kept = b"".join(path.read_bytes() for path in self.server.data.rglob("*")
                        if path.is_file() and "protocol" in str(path).lower())
        self.assertIn(b"MAIL FROM:<kept@example.org>", kept)
        self.assertTrue(re.search(rb"Ok, id [0-9a-f]{32}", kept))
        self.assertNotIn(b"hidden words", kept)
