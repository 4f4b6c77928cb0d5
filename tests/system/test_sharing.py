"""Mailboxes of others: shared mailboxes, full access, rights on folders, everybody's own \\Seen."""

import imaplib
import re

from harness import DOMAIN, PASSWORD, SystemTest, message


class SharingTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.anna = self.server.user("anna")
        self.bert = self.server.user("bert")
        self.info = f"info{next(self.server.numbers)}@{DOMAIN}"
        self.level = self.info.partition("@")[0]
        self.server.cli("mailbox", "create", self.info, "--shared", "--database", "DB1")

    def grant(self, user, *options, mailbox=None):
        self.server.cli("mailbox", "permission", "add", mailbox or self.info, "--user", user,
                        *options)

    def imap(self, address):
        connection = self.server.imap(address)
        self.addCleanup(self.leave, connection)
        return connection

    @staticmethod
    def leave(connection):
        try:
            connection.logout()
        except (OSError, imaplib.IMAP4.error):
            pass

    def names(self, connection, pattern="*"):
        _, lines = connection.list('""', pattern)
        return [re.search(rb'"([^"]*)"$', line).group(1).decode() for line in lines if line]

    def unseen(self, connection, folder):
        _, lines = connection.status(folder, "(UNSEEN)")
        return int(re.search(rb"UNSEEN (\d+)", lines[0]).group(1))

    def test_a_restricted_mailbox_is_not_there_for_those_who_have_full_access(self):
        self.grant(self.bert, mailbox=self.anna)
        folder = f"Shared/{self.anna.partition('@')[0]}/INBOX"
        before = self.imap(self.bert)
        self.assertEqual(before.select(folder)[0], "OK")
        self.server.cli("mailbox", "set", self.anna, "--restricted", "yes")
        self.assertIn(b"BYE [NOPERM]", self.bye(before))
        after = self.imap(self.bert)
        self.assertEqual(after.select(folder)[0], "NO")
        self.assertNotIn(folder, self.names(after))
        self.server.cli("mailbox", "set", self.anna, "--restricted", "no")
        self.assertEqual(after.select(folder)[0], "OK")

    def bye(self, imap):
        """What the server says last, once it is asked anything."""
        imap.send(b"x NOOP\r\n")
        return imap.readline()

    def test_nobody_logs_in_as_a_shared_mailbox(self):
        refused = self.server.run("mailbox", "set-password", self.info, "--password-stdin",
                                  stdin=PASSWORD + "\n")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("mailbox permission add", refused.stderr)
        connection = self.server.imap()
        with self.assertRaises(imaplib.IMAP4.error):
            connection.login(self.info, PASSWORD)
        self.leave(connection)

    def test_full_access_shows_the_mailbox_and_its_mail(self):
        self.assertNotIn("Shared", self.names(self.imap(self.anna)))
        self.server.deliver(self.info, "For all of us")
        self.grant(self.anna)
        connection = self.imap(self.anna)
        self.assertEqual(connection.namespace()[1][0], b'(("" "/")) NIL (("Shared/" "/"))')
        inbox = f"Shared/{self.level}/INBOX"
        self.assertIn(inbox, self.names(connection))
        self.assertEqual(connection.select(inbox)[1], [b"1"])
        self.assertEqual(connection.myrights(inbox)[1][0].split()[-1], b"lrswipkxtecda")
        # It goes as it came.
        self.server.cli("mailbox", "permission", "remove", self.info, "--user", self.anna)
        self.assertNotIn(inbox, self.names(self.imap(self.anna)))

    def test_two_users_read_for_themselves_and_work_together(self):
        self.grant(self.anna)
        self.grant(self.bert)
        for subject in ("one", "two", "three"):
            self.server.deliver(self.info, subject)
        inbox = f"Shared/{self.level}/INBOX"
        anna, bert = self.imap(self.anna), self.imap(self.bert)
        self.assertEqual(anna.select(inbox)[1], [b"3"])
        self.assertEqual(bert.select(inbox)[1], [b"3"])
        anna.fetch("1:2", "(BODY[TEXT])")
        self.assertEqual(self.unseen(anna, inbox), 1)
        self.assertEqual(self.unseen(bert, inbox), 3)
        self.assertEqual(bert.search(None, "UNSEEN")[1], [b"1 2 3"])
        anna.store("3", "+FLAGS", r"(\Flagged)")
        bert.noop()
        self.assertEqual(bert.search(None, "FLAGGED")[1], [b"3"])
        # What one moves is away for the other too, and stays read by who read it.
        bert.create(f"Shared/{self.level}/Done")
        status, _ = bert._simple_command("MOVE", "1", f"Shared/{self.level}/Done")
        self.assertEqual(status, "OK")
        anna.noop()
        self.assertEqual(self.unseen(anna, f"Shared/{self.level}/Done"), 0)
        self.assertEqual(self.unseen(bert, f"Shared/{self.level}/Done"), 1)
        # And all of it outlives a restart of the database.
        self.server.cli("database", "dismount", "DB1", "--yes")
        self.server.cli("database", "mount", "DB1")
        again = self.imap(self.anna)
        self.assertEqual(self.unseen(again, inbox), 1)
        self.assertEqual(self.unseen(self.imap(self.bert), inbox), 2)

    def test_a_reader_reads_and_changes_nothing(self):
        self.server.deliver(self.anna, "Read me")
        self.grant(self.bert, "--folder", "INBOX", "--rights", "lr", mailbox=self.anna)
        bert = self.imap(self.bert)
        inbox = f"Shared/{self.anna.partition('@')[0]}/INBOX"
        self.assertEqual(self.names(bert, "Shared/%/%"), [inbox])
        with self.assertRaises(imaplib.IMAP4.readonly):
            bert.select(inbox)
        self.assertEqual(bert.select(inbox, readonly=True)[1], [b"1"])
        self.assertEqual(bert.fetch("1", "(BODY[TEXT])")[0], "OK")
        self.assertEqual(bert.copy("1", "INBOX")[0], "OK")
        status, text = bert.append(inbox, None, None, b"Subject: no\r\n\r\n")
        self.assertEqual((status, text[0][:8]), ("NO", b"[NOPERM]"))
        status, text = bert.create(f"Shared/{self.anna.partition('@')[0]}/Mine")
        self.assertEqual((status, text[0][:8]), ("NO", b"[NOPERM]"))

    def test_users_share_folders_over_imap(self):
        anna, bert = self.imap(self.anna), self.imap(self.bert)
        anna.create("Projects")
        self.assertEqual(anna.setacl("Projects", self.bert, "lrswi")[0], "OK")
        self.assertIn(self.bert.encode(), anna.getacl("Projects")[1][0])
        folder = f"Shared/{self.anna.partition('@')[0]}/Projects"
        text = message("From Bert", self.bert, self.anna).encode()
        self.assertEqual(bert.append(folder, None, None, text)[0], "OK")
        self.assertEqual(anna.select("Projects")[1], [b"1"])
        self.assertEqual(anna.deleteacl("Projects", self.bert)[0], "OK")
        self.assertEqual(bert.select(folder)[0], "NO")

    def test_new_mail_reaches_who_waits_for_it(self):
        self.grant(self.anna)
        anna = self.imap(self.anna)
        anna.select(f"Shared/{self.level}/INBOX")
        anna.send(b"i IDLE\r\n")
        self.assertTrue(anna.readline().startswith(b"+"))
        self.server.deliver(self.info, "News")
        self.assertEqual(anna.readline(), b"* 1 EXISTS\r\n")
        anna.send(b"DONE\r\n")
        while not anna.readline().startswith(b"i OK"):
            pass

    def test_user_slash_mailbox_opens_it_with_the_users_password(self):
        self.server.deliver(self.info, "Inside")
        pair = f"{self.anna}/{self.info}"
        connection = self.server.imap()
        with self.assertRaises(imaplib.IMAP4.error):
            connection.login(pair, PASSWORD)
        self.grant(self.anna)
        connection.login(pair, PASSWORD)
        self.addCleanup(self.leave, connection)
        self.assertEqual(connection.select("INBOX")[1], [b"1"])
        connection.fetch("1", "(BODY[TEXT])")
        # The same \Seen as in the other place.
        self.assertEqual(self.unseen(self.imap(self.anna), f"Shared/{self.level}/INBOX"), 0)
        wrong = self.server.imap()
        with self.assertRaises(imaplib.IMAP4.error):
            wrong.login(pair, "not it")
        self.leave(wrong)
        self.server.cli("mailbox", "permission", "remove", self.info, "--user", self.anna)
        with self.assertRaises((imaplib.IMAP4.error, OSError)):
            self.assertEqual(connection.noop()[0], "OK")

    def test_the_cli_tells_and_takes_what_it_granted(self):
        self.grant(self.anna)
        self.grant(self.bert, "--folder", "INBOX", "--rights", "reader")
        self.grant("anyone", "--rights", "l")
        told = self.server.ask("mailbox", "permission", "list", self.info)
        found = {(p["user"], p["full_access"], p["folder"]): p["rights"]
                 for p in told["permissions"]}
        self.assertEqual(found[(self.anna, True, "")], "lrswipkxtecda")
        self.assertEqual(found[(self.bert, False, "INBOX")], "lrs")
        self.assertEqual(found[("anyone", False, "Sent")], "l")
        dry = self.server.ask("mailbox", "permission", "remove", self.info, "--user", "anyone",
                              "--dry-run")
        self.assertEqual((dry["folders"], dry["dry_run"]), (6, True))
        gone = self.server.ask("mailbox", "permission", "remove", self.info, "--user", self.anna)
        self.assertTrue(gone["full_access"])
        left = self.server.ask("mailbox", "permission", "list", self.info)
        self.assertNotIn(self.anna, [p["user"] for p in left["permissions"]])

    def test_what_cannot_be_granted_is_refused_with_a_next_step(self):
        for arguments, text in (
                (("--user", "nobody@" + DOMAIN), "mailbox list"),
                (("--user", self.info), "own"),
                (("--user", self.anna, "--folder", "Nowhere", "--rights", "lr"), "mailbox folders"),
                (("--user", self.anna, "--rights", "lrZ"), "reader"),
                (("--user", "anyone"), "reader")):
            refused = self.server.run("mailbox", "permission", "add", self.info, *arguments)
            self.assertEqual(refused.returncode, 1, arguments)
            self.assertIn(text, refused.stderr)
