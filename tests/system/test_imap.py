"""IMAP as clients use it, through the front-end, over TLS."""

import imaplib
import re
import threading
import time

from harness import DOMAIN, PASSWORD, SystemTest, Wire, message, subjects_in


def flags_of(connection, uid):
    _, parts = connection.uid("FETCH", uid, "(FLAGS)")
    return set(re.search(rb"FLAGS \(([^)]*)\)", parts[0]).group(1).decode().split())


class ImapTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.address = self.server.user()
        self.imap = self.server.imap(self.address)
        self.addCleanup(self.close, self.imap)

    @staticmethod
    def close(connection):
        try:
            connection.logout()
        except (OSError, imaplib.IMAP4.error):
            pass

    def append(self, subject, folder="INBOX", flags=None, connection=None):
        text = message(subject, "a@example.org", self.address).encode()
        status, answer = (connection or self.imap).append(folder, flags, None, text)
        self.assertEqual(status, "OK", answer)
        return text

    def select(self, folder="INBOX"):
        status, count = self.imap.select(folder)
        self.assertEqual(status, "OK")
        return int(count[0])

    def test_login_by_local_part_when_it_is_unique(self):
        connection = self.server.imap()
        self.assertEqual(connection.login(self.address.partition("@")[0], PASSWORD)[0], "OK")
        self.close(connection)

    def test_authenticate_plain(self):
        connection = self.server.imap()
        status, _ = connection.authenticate(
            "PLAIN", lambda _: f"\0{self.address}\0{PASSWORD}".encode())
        self.assertEqual(status, "OK")
        self.close(connection)

    def test_starttls(self):
        connection = imaplib.IMAP4("127.0.0.1", self.server.ports["imap"], timeout=20)
        self.assertIn("STARTTLS", connection.capabilities)
        self.assertIn("LOGINDISABLED", connection.capabilities)
        connection.starttls(self.server.tls())
        self.assertNotIn("LOGINDISABLED", connection.capabilities)
        self.assertEqual(connection.login(self.address, PASSWORD)[0], "OK")
        self.close(connection)

    def test_a_fresh_mailbox_has_an_inbox(self):
        status, lines = self.imap.list()
        self.assertEqual(status, "OK")
        self.assertTrue(any(b"INBOX" in line for line in lines), lines)
        self.assertEqual(self.select(), 0)

    def test_append_and_fetch_give_back_every_byte(self):
        text = self.append("Bytes")
        self.assertEqual(self.select(), 1)
        _, parts = self.imap.fetch("1", "(BODY.PEEK[] RFC822.SIZE)")
        self.assertEqual(parts[0][1], text)
        size = re.search(rb"RFC822\.SIZE (\d+)", b" ".join(p if isinstance(p, bytes) else p[0]
                                                            for p in parts))
        self.assertEqual(int(size.group(1)), len(text))

    def test_fetch_body_sets_seen_and_peek_does_not(self):
        self.append("Seen")
        self.select()
        uid = self.imap.uid("SEARCH", None, "ALL")[1][0]
        self.imap.uid("FETCH", uid, "(BODY.PEEK[])")
        self.assertNotIn("\\Seen", flags_of(self.imap, uid))
        self.imap.uid("FETCH", uid, "(BODY[])")
        self.assertIn("\\Seen", flags_of(self.imap, uid))

    def test_search(self):
        for subject in ("apple", "banana", "cherry"):
            self.append(subject)
        self.append("answered", flags="\\Answered")
        self.select()
        for criteria, expected in (
                (("SUBJECT", "banana"), b"2"), (("ANSWERED",), b"4"), (("NOT", "ANSWERED"), b"1 2 3"),
                (("OR", "SUBJECT", "apple", "SUBJECT", "cherry"), b"1 3"), (("2:*",), b"2 3 4"),
                (("SINCE", "1-Jan-2010"), b"1 2 3 4"), (("LARGER", "1000000"), b""),
                (("BODY", "Body"), b"1 2 3 4"), (("FROM", "a@example.org", "UNSEEN"), b"1 2 3 4")):
            status, found = self.imap.search(None, *criteria)
            self.assertEqual((status, found[0]), ("OK", expected), criteria)

    def test_store_adds_takes_and_replaces_flags(self):
        self.append("Flags")
        self.select()
        uid = self.imap.uid("SEARCH", None, "ALL")[1][0]
        self.imap.uid("STORE", uid, "+FLAGS", "(\\Flagged $label1)")
        self.assertLessEqual({"\\Flagged", "$label1"}, flags_of(self.imap, uid))
        self.imap.uid("STORE", uid, "-FLAGS", "(\\Flagged)")
        self.assertNotIn("\\Flagged", flags_of(self.imap, uid))
        self.imap.uid("STORE", uid, "FLAGS", "(\\Draft)")
        self.assertEqual(flags_of(self.imap, uid) - {"\\Recent"}, {"\\Draft"})

    def test_copy_and_expunge(self):
        for subject in ("one", "two", "three"):
            self.append(subject)
        self.imap.create("Archive")
        self.select()
        self.assertEqual(self.imap.copy("2:3", "Archive")[0], "OK")
        self.imap.store("2", "+FLAGS", "(\\Deleted)")
        self.assertEqual(self.imap.expunge(), ("OK", [b"2"]))
        self.assertEqual(subjects_in(self.imap, "INBOX"), ["one", "three"])
        self.assertEqual(subjects_in(self.imap, "Archive"), ["two", "three"])

    def test_copy_to_a_missing_folder_asks_for_create(self):
        self.append("one")
        self.select()
        status, answer = self.imap.copy("1", "Nowhere")
        self.assertEqual(status, "NO")
        self.assertIn(b"TRYCREATE", answer[0])

    def test_uids_are_not_used_again(self):
        self.append("first")
        self.append("second")
        self.select()
        last = int(self.imap.uid("SEARCH", None, "ALL")[1][0].split()[-1])
        self.imap.store("1:*", "+FLAGS", "(\\Deleted)")
        self.imap.expunge()
        self.append("third")
        self.imap.noop()
        self.assertGreater(int(self.imap.uid("SEARCH", None, "ALL")[1][0]), last)

    def test_folders_with_other_letters(self):
        name = "Entw&APw-rfe"  # Entwürfe in modified UTF-7
        self.assertEqual(self.imap.create(name)[0], "OK")
        self.append("draft", folder=name)
        self.assertEqual(self.imap.rename(name, "&ZeVnLIqe-")[0], "OK")
        self.assertEqual(subjects_in(self.imap, "&ZeVnLIqe-"), ["draft"])
        self.imap.select("INBOX")
        self.assertEqual(self.imap.delete("&ZeVnLIqe-")[0], "OK")

    def test_another_session_sees_flags_and_expunges(self):
        self.append("shared")
        self.select()
        other = self.server.imap(self.address)
        self.addCleanup(self.close, other)
        other.select("INBOX")
        other.store("1", "+FLAGS", "(\\Flagged)")
        self.imap.noop()
        _, parts = self.imap.fetch("1", "(FLAGS)")
        self.assertIn(b"\\Flagged", parts[0])
        other.store("1", "+FLAGS", "(\\Deleted)")
        other.expunge()
        self.imap.noop()
        self.assertEqual(self.imap.search(None, "ALL")[1][0], b"")

    def test_idle_tells_new_mail_within_a_second(self):
        with Wire(self.server.ports["imaps"], self.server.tls()) as wire:
            wire.line()
            self.assertIn("OK", wire.tagged("a", f'LOGIN {self.address} "{PASSWORD}"')[-1])
            wire.tagged("b", "SELECT INBOX")
            wire.send("c IDLE\r\n")
            self.assertTrue(wire.line().startswith("+"))
            sent = []
            sender = threading.Thread(target=lambda: (self.server.deliver(self.address, "News"),
                                                      sent.append(time.monotonic())))
            sender.start()
            line = wire.line()
            while "EXISTS" not in line:
                self.assertTrue(line.startswith("*"), line)
                line = wire.line()
            seen = time.monotonic()
            sender.join()
            self.assertEqual(line, "* 1 EXISTS")
            self.assertLess(seen - sent[0], 1.0)
            wire.send("DONE\r\n")
            self.assertIn("OK", wire.tagged("c")[-1])

    def test_several_sessions_of_one_user(self):
        others = [self.server.imap(self.address) for _ in range(5)]
        for connection in others:
            self.addCleanup(self.close, connection)
            self.assertEqual(connection.select("INBOX")[0], "OK")

    def test_one_user_never_sees_another(self):
        self.append("private")
        stranger = self.server.user()
        self.assertEqual(self.server.subjects(stranger), [])
        self.assertNotEqual(stranger, self.address)
        self.assertTrue(stranger.endswith(DOMAIN))

    def test_mail_survives_a_logout(self):
        self.append("kept")
        self.imap.logout()
        self.assertEqual(self.server.subjects(self.address), ["kept"])
