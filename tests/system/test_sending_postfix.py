"""Mail going out to Postfix."""

import re
import unittest

from postfix_server import PostfixServer, is_possible
from test_sending import SendingTest


@unittest.skipUnless(is_possible(), "Postfix needs to be installed, and root")
class PostfixTest(SendingTest):
    def setUp(self):
        super().setUp()
        self.postfix = PostfixServer(self.domain)
        self.addCleanup(self.postfix.stop)
        self.connect("--smart-host", self.postfix.address, "--tls", "encryption")

    def test_a_message_arrives_as_it_is_under_tls(self):
        body = "first\r\n.\r\n..two\r\n" + "x" * 900 + "\r\nlast\r\n"
        self.send(body=body)
        taken, = self.postfix.wait()
        self.assertTrue(taken.endswith(b"\n\n" + body.replace("\r\n", "\n").encode()), taken)
        self.assertIn(b"with ESMTPS", taken)
        self.assertIn(f"Return-Path: <{self.user}>".encode(), taken)

    def test_several_messages_in_one_connection(self):
        self.change("--connections", "1")
        for number in range(5):
            self.send(subject=f"n{number}")
        self.postfix.wait(5)
        self.assertEqual(len(re.findall(r"smtpd\[\d+\]: connect from", self.postfix.log())), 1)

    def test_more_recipients_than_it_takes_at_once(self):
        self.send(*[self.address(f"r{number}") for number in range(7)])
        self.postfix.wait(7)
        self.assertEqual(sorted(re.findall(r"nrcpt=(\d+)", self.postfix.log())), ["1", "3", "3"])

    def test_an_unknown_recipient_comes_back(self):
        self.send(self.address("good"), self.address("nobody"))
        self.postfix.wait()
        fields = self.report_fields()
        self.assertIn("550 5.1.1", fields)
        self.assertIn(self.address("nobody"), fields)

    def test_eight_bits(self):
        text = (f"From: {self.user}\r\nTo: bob\r\nSubject: 8\r\nMIME-Version: 1.0\r\n"
                "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
                "Gr\u00fc\u00dfe\r\n").encode()
        self.send(text=text, mail=["BODY=8BITMIME"])
        self.assertTrue(self.postfix.wait()[0].endswith("Gr\u00fc\u00dfe\n".encode()))


if __name__ == "__main__":
    unittest.main()
