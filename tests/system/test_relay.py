"""What must never happen: mail for others from somebody unknown (open relay), and two messages out of
one (SMTP smuggling)."""

import base64

from harness import DOMAIN, PASSWORD, SystemTest, Wire

FOREIGN = "victim@example.com"
OUTSIDE = "x@example.org"


def subjects_and_bodies(server, address):
    """Every message of the INBOX whole, in order."""
    with server.imap(address) as imap:
        imap.select("INBOX", readonly=True)
        status, parts = imap.fetch("1:*", "(BODY.PEEK[])")
        assert status == "OK"
        return [part[1] for part in parts if isinstance(part, tuple)]


class Battery(SystemTest):
    def setUp(self):
        super().setUp()
        self.address = self.server.user()
        self.local = self.address.partition("@")[0]

    def start(self, sender=OUTSIDE, greeting="EHLO client.example.org"):
        wire = Wire(self.server.ports["smtp"])
        self.addCleanup(wire.close)
        wire.reply()
        self.assertEqual(wire.command(greeting)[:3], "250")
        if sender is not None:
            self.assertEqual(wire.command(f"MAIL FROM:<{sender}>")[:3], "250", sender)
        return wire

    def log_in(self):
        connection = self.server.submission(self.address)
        self.addCleanup(connection.close)
        connection.ehlo()
        return connection


class OpenRelay(Battery):
    def setUp(self):
        super().setUp()
        front = ("connector", "receive", "set", "Default Frontend mail", "--tarpit")
        self.server.cli(*front, "0s")
        self.addCleanup(self.server.cli, *front, "5s")

    def tearDown(self):
        self.assertNotIn("example.com", self.server.cli("--json", "queue", "message", "list"))

    def refuse_all(self, paths, sender=OUTSIDE):
        """Each of them is refused for good, in sessions of a few so that no limit is met."""
        for start in range(0, len(paths), 6):
            wire = self.start(sender)
            for path in paths[start:start + 6]:
                answer = wire.command(f"RCPT TO:{path}")
                self.assertRegex(answer, "^5(?!03)", path)
            self.assertRegex(wire.command("DATA")[:3], "^5")

    def test_foreign_recipients_in_every_disguise(self):
        self.refuse_all([
            f"<{FOREIGN}>",
            f"<VICTIM@EXAMPLE.COM>",
            f"{FOREIGN}",
            f"<{FOREIGN}.>",
            f"<{FOREIGN}@{DOMAIN}>",
            f"<victim%example.com@{DOMAIN}>",
            f"<victim%example.com%{DOMAIN}@{DOMAIN}>",
            "<victim%example.com>",
            f"<example.com!victim@{DOMAIN}>",
            f"<{DOMAIN}!example.com!victim>",
            "<example.com!victim>",
            f"<@{DOMAIN}:{FOREIGN}>",
            f"<@{DOMAIN},@example.net:{FOREIGN}>",
            f"<@{DOMAIN}:victim%example.com@{DOMAIN}>",
            f'<"{FOREIGN}"@{DOMAIN}>',
            f'<"{FOREIGN}">',
            f'<"victim"@example.com>',
            f'<"@{DOMAIN}:victim"@example.com>',
            f"<{self.local}\\@example.com>",
            "<victim@[192.0.2.1]>",
            "<victim@[IPv6:2001:db8::1]>",
            "<victim@[127.0.0.1]>",
            f"<{self.local}@[127.0.0.1]>",
            "<victim@localhost>",
            "<victim@>",
            "<@example.com>",
            f"<{FOREIGN},{self.address}>",
            f"<{FOREIGN};{self.address}>",
            f"<{FOREIGN}>,<{self.address}>",
            f"<{FOREIGN} {self.address}>",
            f"<{self.address}><{FOREIGN}>",
            f"<{FOREIGN}\x00@{DOMAIN}>",
            f"<victim@example.com.{DOMAIN}>",
            f"<victim@{DOMAIN}.example.com>",
            f"<victim@sub.{DOMAIN}>",
            f"<{self.local}/example.com@{DOMAIN}>",
            f"<|/bin/true@{DOMAIN}>",
            f"</tmp/file@{DOMAIN}>",
            "<root>",
            "<>",
            "",
        ])

    def test_a_sender_does_not_open_the_way(self):
        for sender in ("", self.address, f"nobody@{DOMAIN}", f"postmaster@{DOMAIN}",
                       f"root@[127.0.0.1]", "root@localhost", FOREIGN, f"@{DOMAIN}:{FOREIGN}",
                       '"quoted local"@example.org'):
            wire = self.start(sender)
            self.assertRegex(wire.command(f"RCPT TO:<{FOREIGN}>"), "^550 5.7.1", sender)

    def test_neither_do_words_behind_the_command(self):
        for words in (f"AUTH={self.address}", "AUTH=<>", "SIZE=1 BODY=8BITMIME"):
            wire = self.start(None)
            self.assertEqual(wire.command(f"MAIL FROM:<{self.address}> {words}")[:3], "250")
            self.assertRegex(wire.command(f"RCPT TO:<{FOREIGN}> NOTIFY=NEVER"), "^550 5.7.1", words)
        wire = self.start(None)
        self.assertEqual(wire.command("XCLIENT ADDR=127.0.0.2 LOGIN=admin")[:3], "500")
        self.assertEqual(wire.command("XFORWARD NAME=localhost")[:3], "500")

    def test_what_looks_odd_and_is_ours_arrives(self):
        paths = (f"<{self.address.upper()}>", f'<"{self.local}"@{DOMAIN}>',
                 f"<@relay.example,@other.example:{self.address}>", f"<{self.local}+tag@{DOMAIN}>")
        for path in paths:
            wire = self.start()
            self.assertEqual(wire.command(f"RCPT TO:{path}")[:3], "250", path)
            self.assertEqual(wire.command("DATA")[:3], "354")
            self.assertEqual(wire.command("Subject: odd\r\n\r\nx\r\n.")[:3], "250", path)
        self.assertEqual(self.server.subjects(self.address), ["odd"] * len(paths))

    def test_a_refused_recipient_gets_nothing_beside_one_that_was_taken(self):
        wire = self.start()
        self.assertRegex(wire.command(f"RCPT TO:<{FOREIGN}>"), "^550 5.7.1")
        self.assertEqual(wire.command(f"RCPT TO:<{self.address}>")[:3], "250")
        self.assertEqual(wire.command("DATA")[:3], "354")
        self.assertEqual(wire.command(f"To: {FOREIGN}\r\nBcc: {FOREIGN}\r\nSubject: one\r\n\r\nx\r\n.")
                         [:3], "250")
        self.assertEqual(self.server.subjects(self.address), ["one"])

    def test_a_failed_login_opens_nothing(self):
        with self.server.submission() as connection:
            connection.ehlo()
            secret = base64.b64encode(f"\0{self.address}\0wrong".encode()).decode()
            self.assertEqual(connection.docmd("AUTH", "PLAIN " + secret)[0], 535)
            self.assertEqual(connection.docmd("MAIL", f"FROM:<{self.address}>")[0], 530)

    def test_port_25_takes_no_login_and_no_bounce_for_others(self):
        with self.server.smtp() as connection:
            connection.starttls(context=self.server.tls())
            connection.ehlo()
            secret = base64.b64encode(f"\0{self.address}\0{PASSWORD}".encode()).decode()
            self.assertEqual(connection.docmd("AUTH", "PLAIN " + secret)[0], 503)
            self.assertEqual(connection.docmd("MAIL", "FROM:<>")[0], 250)
            self.assertEqual(connection.docmd("RCPT", f"TO:<{FOREIGN}>")[0], 550)

    def test_a_user_is_nobody_else(self):
        other = self.server.user()
        connection = self.log_in()
        for sender in ("", other, FOREIGN, f"postmaster@{DOMAIN}", f"{self.local}@example.com",
                       f'"{self.address}"@example.com'):
            self.assertEqual(connection.docmd("MAIL", f"FROM:<{sender}>")[0], 550, sender)
        self.assertEqual(connection.docmd("MAIL", f"FROM:<{self.address}>")[0], 250)

    def test_a_user_is_nobody_else_in_the_header_either(self):
        other = self.server.user()
        for header in (f"From: {other}", f'From: "{self.address}" <{other}>',
                       f"From: {self.address}, {other}", f"From: {self.address}\r\nSender: {other}",
                       f"From: {self.address}\r\nFrom: {other}"):
            connection = self.log_in()
            self.assertEqual(connection.docmd("MAIL", f"FROM:<{self.address}>")[0], 250)
            self.assertEqual(connection.docmd("RCPT", f"TO:<{other}>")[0], 250)
            self.assertEqual(connection.data(header + "\r\nSubject: forged\r\n\r\nx\r\n")[0], 550,
                             header)
        self.assertEqual(self.server.subjects(other), [])


class Smuggling(Battery):
    """Whatever ends a message for others: here it is refused, or is text."""

    # Of the inner message; a server that sees its start would answer to three commands more.
    inner = "MAIL FROM:<admin@{0}>\r\nRCPT TO:<{1}>\r\nDATA\r\nSubject: smuggled\r\n\r\ny"

    def inner_for(self):
        return self.inner.format(DOMAIN, self.address).encode()

    def data(self, content):
        wire = self.start()
        self.assertEqual(wire.command(f"RCPT TO:<{self.address}>")[:3], "250")
        self.assertEqual(wire.command("DATA")[:3], "354")
        wire.send(content + b"\r\n.\r\n")
        return wire

    def check_in_step(self, wire, what):
        self.assertEqual(wire.command("NOOP x")[:3], "250", what)
        self.assertEqual(wire.command("QUIT")[:3], "221", what)
        self.assertEqual(wire.rest(), "", what)

    def test_false_ends_of_data_are_refused_with_the_message(self):
        ends = (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\n.\r",
                b"\r.\n", b"\n\n.\n\n", b"\r\n.\0\r\n", b"\r\n\0.\r\n", b"\r\0\n.\r\n",
                b"\r\n.\r\0\n", b"\r\n.\r\r\n", b"\n\r.\n\r", b"\r\n.\n.\r\n\n", b"\0\r\n.\n")
        for end in ends:
            wire = self.data(b"Subject: outer\r\n\r\nx" + end + self.inner_for())
            self.assertRegex(wire.reply(), "^550 5.6.0", end)
            self.check_in_step(wire, end)
        self.assertEqual(self.server.subjects(self.address), [])

    def test_dots_that_end_nothing_are_text(self):
        dots = (b"\r\n..\r\n", b"\r\n.. \r\n", b"\r\n. \r\n", b"\r\n.\t\r\n", b"\r\n.x\r\n", b".\r\n",
                b"\r\n\x0b.\r\n", b"\r\n\x85.\r\n", b"\r\n\xe2\x80\xa8.\xe2\x80\xa8\r\n", b"\r\n.\x1a\r\n")
        for dot in dots:
            wire = self.data(b"Subject: outer\r\n\r\nx" + dot + self.inner_for())
            self.assertEqual(wire.reply()[:3], "250", dot)
            self.check_in_step(wire, dot)
        kept = subjects_and_bodies(self.server, self.address)
        self.assertEqual(len(kept), len(dots))
        for text, dot in zip(kept, dots):
            unstuffed = dot.replace(b"\r\n.", b"\r\n", 1) if dot.startswith(b"\r\n.") else dot
            self.assertTrue(text.endswith(b"\r\n\r\nx" + unstuffed + self.inner_for() + b"\r\n"), dot)

    def test_the_end_may_come_in_any_pieces(self):
        wire = self.start()
        wire.command(f"RCPT TO:<{self.address}>")
        wire.command("DATA")
        for octet in b"Subject: pieces\r\n\r\nx\r\n..\r\n.\r\n":
            wire.send(bytes([octet]))
        self.assertEqual(wire.reply()[:3], "250")
        self.check_in_step(wire, "pieces")
        self.assertTrue(subjects_and_bodies(self.server, self.address)[0].endswith(b"\r\nx\r\n.\r\n"))

    def test_a_chunk_is_counted_and_nothing_in_it_is_a_command(self):
        inner = b"Subject: outer\r\n\r\nx\r\n.\r\n" + self.inner_for() + b"\r\n.\r\nQUIT\r\n"
        wire = self.start()
        wire.command(f"RCPT TO:<{self.address}>")
        wire.send(b"BDAT %d LAST\r\n" % len(inner) + inner)
        self.assertEqual(wire.reply()[:3], "250")
        self.check_in_step(wire, "chunk")
        kept = subjects_and_bodies(self.server, self.address)
        self.assertEqual(len(kept), 1)
        self.assertTrue(kept[0].endswith(inner))

    def test_a_line_end_torn_apart_by_chunks_is_one(self):
        wire = self.start()
        wire.command(f"RCPT TO:<{self.address}>")
        wire.send(b"BDAT 16\r\nSubject: torn\r\n\r")
        self.assertEqual(wire.reply()[:3], "250")
        wire.send(b"BDAT 4 LAST\r\n\nx\r\n")
        self.assertEqual(wire.reply()[:3], "250")
        self.check_in_step(wire, "torn")
        self.assertTrue(subjects_and_bodies(self.server, self.address)[0].endswith(b"torn\r\n\r\nx\r\n"))

    def test_bare_line_ends_in_a_chunk_are_refused(self):
        for content in (b"Subject: x\n\ny\n", b"Subject: x\r\n\r\ny\n.\n", b"Subject: x\r\n\r\ny\r",
                        b"Subject: x\r\n\r\n\0\r\n"):
            wire = self.start()
            wire.command(f"RCPT TO:<{self.address}>")
            wire.send(b"BDAT %d LAST\r\n" % len(content) + content)
            self.assertRegex(wire.reply(), "^550 5.6.0", content)
            self.check_in_step(wire, content)
        self.assertEqual(self.server.subjects(self.address), [])

    def test_a_chunk_of_unknown_length_ends_the_connection(self):
        for size in ("x", "-1", "99999999999999999999", "0x10", "10 LAST LAST", "10\t"):
            wire = self.start()
            wire.command(f"RCPT TO:<{self.address}>")
            wire.send(f"BDAT {size}\r\n".encode() + self.inner_for() + b"\r\n.\r\n")
            answers = wire.rest().splitlines()
            self.assertRegex("\n".join(answers), "^5", size)
            self.assertEqual(len(answers), 1, (size, answers))
        self.assertEqual(self.server.subjects(self.address), [])

    def test_a_chunk_command_with_a_bare_line_end_ends_the_connection(self):
        for end in ("\n", "\r\r\n"):
            wire = self.start()
            wire.command(f"RCPT TO:<{self.address}>")
            wire.send(f"BDAT 1000 LAST{end}".encode() + self.inner_for() + b"\r\n.\r\n")
            answers = wire.rest().splitlines()
            self.assertEqual([answer[:3] for answer in answers], ["500"], repr(end))
        self.assertEqual(self.server.subjects(self.address), [])

    def test_data_behind_chunks_and_chunks_behind_nothing(self):
        wire = self.start()
        wire.command(f"RCPT TO:<{self.address}>")
        wire.send(b"BDAT 3\r\nabc")
        self.assertEqual(wire.reply()[:3], "250")
        self.assertEqual(wire.command("DATA")[:3], "503")
        self.assertEqual(wire.command("RSET")[:3], "250")
        inner = self.inner_for()
        wire.send(b"BDAT %d LAST\r\n" % len(inner) + inner)
        self.assertEqual(wire.reply()[:3], "503")
        self.check_in_step(wire, "no transaction")
        self.assertEqual(self.server.subjects(self.address), [])

    def test_commands_end_in_crlf_and_nothing_else(self):
        for end in ("\n", "\r\r\n", "\0\r\n"):
            wire = self.start()
            wire.send(f"RCPT TO:<{self.address}>{end}")
            self.assertEqual(wire.reply()[:3], "500", repr(end))
            self.assertRegex(wire.command("DATA"), "^5(03|54) 5.5.1", repr(end))
        wire = self.start()
        wire.send(f"RCPT TO:<{self.address}>\rDATA\r\n")
        self.assertEqual(wire.reply()[:3], "500")

    def test_a_binary_message_is_one_message_however_it_is_cut(self):
        content = (b"Subject: binary\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
                   b"Content-Transfer-Encoding: binary\r\n\r\nx\n.\n" + self.inner_for() + b"\n.\n\0")
        wire = self.start(None)
        self.assertEqual(wire.command(f"MAIL FROM:<{OUTSIDE}> BODY=BINARYMIME")[:3], "250")
        wire.command(f"RCPT TO:<{self.address}>")
        wire.send(b"BDAT %d LAST\r\n" % len(content) + content)
        self.assertEqual(wire.reply()[:3], "250")
        self.check_in_step(wire, "binary")
        kept = subjects_and_bodies(self.server, self.address)
        self.assertEqual(len(kept), 1)
        self.assertIn(b"Content-Transfer-Encoding: base64\r\n", kept[0])
        encoded = kept[0].partition(b"\r\n\r\n")[2]
        self.assertEqual(base64.b64decode(encoded), content.partition(b"\r\n\r\n")[2])
