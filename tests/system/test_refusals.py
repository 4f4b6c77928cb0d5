"""What must be refused, and leave the server well: wrong passwords, relaying, odd line ends, sizes,
garbage."""

import imaplib
import random
import smtplib
import socket

from harness import DOMAIN, HOST, PASSWORD, SystemTest, Wire, message


class LoginRefusals(SystemTest):
    def test_a_wrong_password_and_an_unknown_user_look_alike(self):
        address = self.server.user()
        answers = []
        for name, password in ((address, "wrong"), (f"nobody@{DOMAIN}", PASSWORD),
                               ("administrator", PASSWORD)):
            with self.assertRaises(imaplib.IMAP4.error) as caught:
                self.server.imap().login(name, password)
            answers.append(str(caught.exception))
        self.assertEqual(len(set(answers)), 1, answers)
        self.assertIn("AUTHENTICATIONFAILED", answers[0])

    def test_a_wrong_password_at_submission(self):
        address = self.server.user()
        with self.assertRaises(smtplib.SMTPAuthenticationError) as caught:
            self.server.submission().login(address, "wrong")
        self.assertEqual(caught.exception.smtp_code, 535)

    def test_no_password_before_tls(self):
        address = self.server.user()
        with Wire(self.server.ports["imap"]) as wire:
            self.assertIn("LOGINDISABLED", wire.line())
            answer = wire.tagged("a", f'LOGIN {address} "{PASSWORD}"')[-1]
            self.assertTrue(answer.startswith("a NO [PRIVACYREQUIRED]"), answer)
        with Wire(self.server.ports["submission"]) as wire:
            wire.reply()
            wire.command("EHLO client.example.org")
            self.assertEqual(wire.command("AUTH PLAIN AGEAYg==")[:3], "538")

    def test_submission_needs_a_login(self):
        with self.server.submission() as connection:
            connection.ehlo()
            self.assertEqual(connection.docmd("MAIL", "FROM:<x@example.org>")[0], 530)

    def test_three_wrong_passwords_end_the_connection(self):
        address = self.server.user()
        with Wire(self.server.ports["imaps"], self.server.tls()) as wire:
            wire.line()
            for tag in ("a", "b"):
                self.assertIn(" NO ", wire.tagged(tag, f'LOGIN {address} "wrong"')[-1])
            wire.send(f'c LOGIN {address} "wrong"\r\n')
            self.assertIn("* BYE", wire.rest())

    def test_commands_behind_starttls_are_not_carried_over(self):
        for port, greeting, command in (("imap", True, "a STARTTLS\r\nb NOOP\r\n"),
                                        ("submission", True, "STARTTLS\r\nEHLO x\r\n")):
            with Wire(self.server.ports[port]) as wire:
                wire.line()
                if port == "submission":
                    wire.command("EHLO client.example.org")
                wire.send(command)
                self.assertNotIn("b OK", wire.rest())


class SmtpRefusals(SystemTest):
    def setUp(self):
        super().setUp()
        self.address = self.server.user()

    def start(self, port="smtp"):
        wire = Wire(self.server.ports[port])
        self.addCleanup(wire.close)
        wire.reply()
        wire.command("EHLO client.example.org")
        return wire

    def test_no_relaying(self):
        wire = self.start()
        self.assertEqual(wire.command("MAIL FROM:<x@example.org>")[:3], "250")
        for recipient in ("someone@example.com", f"a%example.com@{DOMAIN}", "a@b@example.com",
                          f'"someone@example.com"@{DOMAIN}', "someone@[192.0.2.1]"):
            self.assertRegex(wire.command(f"RCPT TO:<{recipient}>")[:3], "^5", recipient)
        self.assertEqual(wire.command(f"RCPT TO:<{self.address}>")[:3], "250")

    def test_an_unknown_user_and_an_unknown_domain(self):
        wire = self.start()
        wire.command("MAIL FROM:<x@example.org>")
        self.assertEqual(wire.command(f"RCPT TO:<nobody@{DOMAIN}>")[:9], "550 5.1.1")
        self.assertEqual(wire.command("RCPT TO:<a@unknown.example>")[:9], "550 5.7.1")

    def test_a_message_with_bare_line_ends_is_refused_whole(self):
        for number, end in enumerate(("\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r")):
            wire = self.start()
            wire.command("MAIL FROM:<x@example.org>")
            wire.command(f"RCPT TO:<{self.address}>")
            self.assertEqual(wire.command("DATA")[:3], "354")
            smuggled = f"MAIL FROM:<admin@{DOMAIN}>\r\nRCPT TO:<{self.address}>\r\nDATA\r\n"
            wire.send(f"Subject: outer\r\n\r\nx{end}{smuggled}Subject: smuggled{number}\r\n\r\ny\r\n.\r\n")
            self.assertRegex(wire.reply()[:3], "^5", repr(end))
            self.assertEqual(wire.command("NOOP")[:3], "250", repr(end))  # one reply, still in step
        self.assertEqual(self.server.subjects(self.address), [])

    def test_a_command_with_a_bare_line_feed_is_refused(self):
        wire = self.start()
        wire.send("NOOP\nNOOP\r\n")
        self.assertEqual(wire.reply()[:3], "500")
        self.assertEqual(wire.command("NOOP")[:3], "250")

    def test_a_line_that_is_too_long(self):
        wire = self.start()
        wire.send("NOOP " + "x" * 5000 + "\r\n")
        self.assertEqual(wire.reply()[:3], "500")
        self.assertEqual(wire.command("NOOP")[:3], "250")

    def test_a_message_that_is_too_large_by_its_own_word(self):
        wire = self.start()
        self.assertEqual(wire.command(f"MAIL FROM:<x@example.org> SIZE={60 << 20}")[:3], "552")
        self.assertEqual(wire.command("MAIL FROM:<x@example.org>")[:3], "250")

    def test_a_message_that_is_too_large_is_read_to_its_end_and_refused(self):
        wire = self.start()
        wire.command("MAIL FROM:<x@example.org>")
        wire.command(f"RCPT TO:<{self.address}>")
        wire.command("DATA")
        block = (("x" * 78 + "\r\n") * 1000).encode()
        for _ in range(53 * 1024 * 1024 // len(block)):
            wire.send(block)
        wire.send("\r\n.\r\n")
        self.assertEqual(wire.reply()[:3], "552")
        self.assertEqual(wire.command("NOOP")[:3], "250")
        self.assertEqual(self.server.subjects(self.address), [])

    def test_what_is_out_of_order(self):
        wire = self.start()
        for command, code in (("RCPT TO:<a@b.example>", "503"), ("DATA", "503"), ("NONSENSE", "500"),
                              ("MAIL FROM:x", "501"), ("VRFY root", "252")):
            self.assertEqual(wire.command(command)[:3], code, command)
        self.assertEqual(wire.command("MAIL FROM:<x@example.org>")[:3], "250")
        self.assertEqual(wire.command("MAIL FROM:<y@example.org>")[:3], "503")


class ImapRefusals(SystemTest):
    def session(self):
        address = self.server.user()
        wire = Wire(self.server.ports["imaps"], self.server.tls())
        self.addCleanup(wire.close)
        wire.line()
        self.assertIn(" OK ", wire.tagged("login", f'LOGIN {address} "{PASSWORD}"')[-1])
        return wire

    def test_a_literal_that_is_too_large_is_refused_before_it_is_sent(self):
        wire = self.session()
        wire.send(f"a APPEND INBOX {{{60 << 20}}}\r\n")
        self.assertTrue(wire.line().startswith("a NO"))
        self.assertIn(" OK", wire.tagged("b", "NOOP")[-1])

    def test_a_line_that_is_too_long(self):
        wire = self.session()
        wire.send("a SEARCH SUBJECT " + "x" * 200000 + "\r\n")
        line = wire.line()
        self.assertTrue(line.startswith(("a BAD", "* BAD", "* BYE")), line)

    def test_bad_commands_are_answered_and_the_session_goes_on(self):
        wire = self.session()
        for command in ("NONSENSE", "SELECT", "FETCH 1 FLAGS", "UID", 'LOGIN a "b"', "STARTTLS"):
            self.assertRegex(wire.tagged("x", command)[-1], "^x (BAD|NO)", command)
        self.assertIn(" OK", wire.tagged("y", "NOOP")[-1])

    def test_a_folder_that_does_not_exist(self):
        wire = self.session()
        self.assertRegex(wire.tagged("a", "SELECT Nowhere")[-1], "^a NO")
        self.assertRegex(wire.tagged("b", "DELETE INBOX")[-1], "^b NO")
        self.assertRegex(wire.tagged("c", "CREATE INBOX")[-1], "^c NO")


class Garbage(SystemTest):
    def test_random_bytes_on_every_port(self):
        seed = random.randrange(1 << 32)
        source = random.Random(seed)
        for name in ("smtp", "submission", "submissions", "imap", "imaps"):
            for _ in range(5):
                with socket.create_connection((HOST, self.server.ports[name]), timeout=20) as peer:
                    peer.settimeout(5)
                    try:
                        peer.sendall(source.randbytes(source.randrange(1, 20000)))
                        peer.shutdown(socket.SHUT_WR)
                        while peer.recv(65536):
                            pass
                    except OSError:
                        pass  # being hung up on is a fine answer
        address = self.server.user()
        self.server.deliver(address, f"alive after seed {seed}")
        self.assertEqual(self.server.subjects(address), [f"alive after seed {seed}"])

    def test_silent_clients_do_not_keep_others_out(self):
        silent = [socket.create_connection((HOST, self.server.ports["imaps"]), timeout=20)
                  for _ in range(15)]
        try:
            self.assertEqual(self.server.subjects(self.server.user()), [])
        finally:
            for peer in silent:
                peer.close()

    def test_garbage_on_the_admin_socket(self):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(5)
            peer.connect(str(self.server.data / "run" / "admin.sock"))
            try:
                peer.sendall(random.randbytes(1 << 20))
                while peer.recv(65536):
                    pass
            except OSError:
                pass
        self.assertEqual(self.server.run("status").returncode, 0)

    def test_the_admin_socket_is_for_its_owner(self):
        mode = (self.server.data / "run" / "admin.sock").stat().st_mode & 0o777
        self.assertEqual(mode & 0o077, 0)

    def test_a_header_with_controls_is_one_line_in_the_log(self):
        with Wire(self.server.ports["smtp"]) as wire:
            wire.reply()
            wire.send(b"EHLO x\x1b[2Jfaked.event user=root\r\n")
            wire.reply()
        self.assertNotIn(b"\x1b", self.server.log.read_bytes())

    def test_no_password_is_in_the_log(self):
        address = self.server.user()
        self.server.subjects(address)
        self.assertNotIn(PASSWORD.encode(), self.server.log.read_bytes())


class Messages(SystemTest):
    def test_a_message_without_a_header_is_kept_as_it_is(self):
        address = self.server.user()
        with self.server.smtp() as connection:
            connection.sendmail("x@example.org", [address], "no header at all\r\n")
        with self.server.imap(address) as imap:
            imap.select("INBOX", readonly=True)
            status, parts = imap.fetch("1", "(BODY.PEEK[] ENVELOPE BODYSTRUCTURE)")
            self.assertEqual(status, "OK")
            self.assertIn(b"no header at all", parts[0][1])

    def test_a_loop_is_broken(self):
        address = self.server.user()
        received = "Received: from a by b; Thu, 21 Nov 2013 12:00:00 +0000\r\n" * 101
        with self.server.smtp() as connection, self.assertRaises(smtplib.SMTPDataError) as caught:
            connection.sendmail("x@example.org", [address],
                                received + message("Loop", "x@example.org", address))
        self.assertEqual(caught.exception.smtp_code, 554)
