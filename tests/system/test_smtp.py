"""Mail coming in: port 25, submission with STARTTLS, submission over TLS."""

import email
import smtplib

from harness import DOMAIN, SystemTest, Wire, message


class SmtpTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.address = self.server.user()

    def only_message(self, address=None):
        with self.server.imap(address or self.address) as imap:
            count = imap.select("INBOX", readonly=True)[1][0]
            self.assertEqual(count, b"1")
            return email.message_from_bytes(imap.fetch("1", "(BODY.PEEK[])")[1][0][1])

    def test_port_25_delivers_to_a_mailbox(self):
        self.server.deliver(self.address, "From outside")
        got = self.only_message()
        self.assertEqual(got["Subject"], "From outside")
        self.assertIn("outside@example.org", got["Return-Path"])
        self.assertIn("mail.example.test", got["Received"])

    def test_mail_is_there_when_the_250_is(self):
        for number in range(5):
            self.server.deliver(self.address, f"n{number}")
            self.assertEqual(len(self.server.subjects(self.address)), number + 1)

    def test_one_message_to_several_recipients(self):
        others = [self.server.user() for _ in range(3)]
        with self.server.smtp() as connection:
            connection.sendmail("x@example.org", others, message("All", "x@example.org", "all"))
        for address in others:
            self.assertEqual(self.server.subjects(address), ["All"])

    def test_submission_with_starttls(self):
        other = self.server.user()
        with self.server.submission(self.address) as connection:
            connection.sendmail(self.address, [other], message("587", self.address, other))
        self.assertEqual(self.server.subjects(other), ["587"])

    def test_submission_over_tls(self):
        other = self.server.user()
        with self.server.submissions(self.address) as connection:
            connection.sendmail(self.address, [other], message("465", self.address, other))
        self.assertEqual(self.server.subjects(other), ["465"])

    def test_submission_adds_what_a_message_must_have_and_hides_bcc(self):
        other = self.server.user()
        with self.server.submission(self.address) as connection:
            connection.sendmail(self.address, [other],
                                f"From: {self.address}\r\nBcc: secret@example.org\r\n\r\nHi\r\n")
        got = self.only_message(other)
        self.assertTrue(got["Date"])
        self.assertTrue(got["Message-ID"])
        self.assertIsNone(got["Bcc"])

    def test_starttls_on_port_25(self):
        with self.server.smtp() as connection:
            connection.ehlo()
            self.assertTrue(connection.has_extn("starttls"))
            connection.starttls(context=self.server.tls())
            connection.ehlo()
            self.assertFalse(connection.has_extn("auth"))
            connection.sendmail("x@example.org", [self.address],
                                message("TLS", "x@example.org", self.address))
        self.assertIn("ESMTPS", self.only_message()["Received"])

    def test_several_messages_in_one_connection(self):
        with self.server.smtp() as connection:
            for number in range(10):
                connection.sendmail("x@example.org", [self.address],
                                    message(f"n{number}", "x@example.org", self.address))
        self.assertEqual(self.server.subjects(self.address), [f"n{n}" for n in range(10)])

    def test_pipelined_commands_are_answered_in_order(self):
        with Wire(self.server.ports["smtp"]) as wire:
            wire.reply()
            wire.command("EHLO client.example.org")
            wire.send(f"MAIL FROM:<x@example.org>\r\nRCPT TO:<{self.address}>\r\n"
                      f"RCPT TO:<nobody@{DOMAIN}>\r\nDATA\r\n")
            self.assertEqual([wire.reply()[:3] for _ in range(4)], ["250", "250", "550", "354"])
            wire.send("Subject: Pipelined\r\n\r\nx\r\n.\r\nQUIT\r\n")
            self.assertEqual([wire.reply()[:3] for _ in range(2)], ["250", "221"])
        self.assertEqual(self.server.subjects(self.address), ["Pipelined"])

    def test_dots_are_unstuffed(self):
        self.server.deliver(self.address, "Dots", body=".\r\n..\r\n.x\r\n")
        self.assertTrue(self.only_message().get_payload().endswith(".\r\n..\r\n.x\r\n"))

    def test_a_message_of_ten_megabytes(self):
        body = ("x" * 76 + "\r\n") * (10 * 1024 * 1024 // 78)
        self.server.deliver(self.address, "Large", body=body)
        self.assertEqual(self.only_message().get_payload(), body)

    def test_postmaster_is_always_accepted(self):
        with self.server.smtp() as connection:
            connection.helo("client.example.org")
            connection.mail("x@example.org")
            self.assertEqual(connection.rcpt(f"postmaster@{DOMAIN}")[0], 250)

    def test_outside_mail_from_a_user_is_queued(self):
        with self.server.submission(self.address) as connection:
            connection.sendmail(self.address, ["someone@example.com"],
                                message("Out", self.address, "someone@example.com"))
        items = self.server.ask("queue", "message", "list", "--queue", "Unreachable")
        mine = [item for item in items if item["sender"] == self.address]
        self.assertEqual([item["recipients"] for item in mine], [["someone@example.com"]])

    def test_a_user_cannot_send_as_another(self):
        other = self.server.user()
        with self.server.submission(self.address) as connection:
            with self.assertRaises(smtplib.SMTPException):
                connection.sendmail(other, [other], message("Forged", other, other))
        self.assertEqual(self.server.subjects(other), [])
