"""SEARCH through the front-end: with the index, while it is made, and after it was dropped."""

import json
import os
import time

from harness import OwnServerTest, message


class SearchTest(OwnServerTest):
    COUNT = 700  # more than what is left unindexed for a while

    def setUp(self):
        super().setUp()
        self.address = self.server.user()
        self.imap = self.server.imap(self.address)
        for number in range(self.COUNT):
            body = f"number{number} of many\r\n" + "filler words that repeat\r\n" * 100
            if number % 100 == 5:
                body += "the obsidian stone\r\n"
            text = message(f"Mail {number}", "a@example.org", self.address, body).encode()
            self.assertEqual(self.imap.append("INBOX", None, None, text)[0], "OK")
        self.imap.select("INBOX")

    def status(self):
        return self.server.ask("search", "status", "DB1")[0]

    def await_indexed(self, count, seconds=30):
        deadline = time.monotonic() + seconds
        while self.status()["documents"] < count:
            self.assertLess(time.monotonic(), deadline, self.status())
            time.sleep(0.1)

    def found(self, *keys):
        status, numbers = self.imap.search(None, *keys)
        self.assertEqual(status, "OK")
        return [int(number) for number in numbers[0].split()]

    def check_answers(self):
        self.assertEqual(self.found("BODY", "obsidian"), [6, 106, 206, 306, 406, 506, 606])
        self.assertEqual(self.found("BODY", "bsidia"), [6, 106, 206, 306, 406, 506, 606])
        self.assertEqual(self.found("BODY", '"obsidian stone"'), [6, 106, 206, 306, 406, 506, 606])
        self.assertEqual(self.found("BODY", "number699"), [700])
        self.assertEqual(self.found("SUBJECT", '"mail 42"'), [43] + list(range(421, 431)))
        self.assertEqual(len(self.found("TEXT", "a@example.org")), self.COUNT)
        self.assertEqual(len(self.found("NOT", "BODY", "obsidian")), self.COUNT - 7)
        self.assertEqual(self.found("BODY", "nowhere"), [])

    def test_answers_are_the_same_at_every_stage(self):
        self.check_answers()
        self.await_indexed(512)
        self.check_answers()
        report = self.server.ask("search", "rebuild", "DB1")
        self.assertEqual(report["documents"], self.COUNT)
        self.check_answers()
        self.assertEqual(self.status()["behind"], 0)
        self.server.cli("search", "rebuild", "DB1", "--background")
        self.check_answers()
        self.drop_and_make_again()

    def drop_and_make_again(self):
        path = self.server.ask("database", "show", "DB1")["path"]
        self.server.cli("database", "dismount", "DB1")
        report = self.server.ask("search", "rebuild", "DB1")
        self.assertTrue(report["at_mount"])
        self.assertFalse(os.path.exists(os.path.join(path, "search")))
        self.server.cli("database", "mount", "DB1")
        self.imap = self.server.imap(self.address)
        self.imap.select("INBOX")
        self.check_answers()
        self.await_indexed(512)
        self.check_answers()
