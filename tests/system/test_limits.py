"""Quotas, deleted messages that are kept, mailboxes without an owner, message sizes, session caps."""

import imaplib
import re
import smtplib
import time
import unittest

from harness import DOMAIN, PASSWORD, Server, Wire, message, shared_server

TEXT = "x" * 70 + "\r\n"


def text_of(size, subject="Filler", sender="outside@example.org", recipient="somebody"):
    """A message of about `size` bytes."""
    head = message(subject, sender, recipient, "")
    return head + TEXT * max(1, (size - len(head)) // len(TEXT))


class LimitsCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = shared_server()

    def cli(self, *words, **options):
        return self.server.cli(*words, **options)

    def asked(self, *words):
        return self.server.ask(*words)

    def append(self, connection, size, folder="INBOX"):
        return connection.append(folder, None, None, text_of(size).encode())

    def stats(self, address):
        return self.asked("mailbox", "stats", address)

    def wait_for(self, condition, what, seconds=15):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"{what} did not happen within {seconds} s")
            time.sleep(0.2)


class Quotas(LimitsCase):
    def test_append_and_copy_beyond_the_quota_are_refused(self):
        address = self.server.user()
        with self.server.imap(address) as imap:
            self.assertEqual(self.append(imap, 6000)[0], "OK")
            # Visible to a session that is open already.
            self.cli("mailbox", "set", address, "--prohibit-receive", "10K")
            status, text = self.append(imap, 6000)
            self.assertEqual(status, "NO")
            self.assertIn(b"[OVERQUOTA]", text[0])
            imap.select("INBOX")
            status, text = imap.copy("1", "Trash")
            self.assertEqual(status, "NO")
            self.assertIn(b"[OVERQUOTA]", text[0])
            self.assertEqual(imap._simple_command("MOVE", "1", "Trash")[0], "OK")
            self.cli("mailbox", "set", address, "--use-database-defaults")
            self.assertEqual(self.append(imap, 6000)[0], "OK")

    def test_quota_commands(self):
        address = self.server.user()
        with self.server.imap(address) as imap:
            self.assertIn("QUOTA=RES-STORAGE", imap.capability()[1][0].decode())
            self.assertEqual(imap.getquotaroot("INBOX")[1][0], [b'"INBOX"'])
            self.assertEqual(imap.getquota('""')[0], "NO")
            self.append(imap, 3000)
            self.cli("mailbox", "set", address, "--prohibit-receive", "1M")
            status, (roots, quotas) = imap.getquotaroot("INBOX")
            self.assertEqual(roots, [b'"INBOX" ""'])
            used = int(re.match(rb'"" \(STORAGE (\d+) 1024\)', quotas[0]).group(1))
            self.assertIn(used, (3, 4))
            self.assertEqual(imap.getquota('""')[1][0], quotas[0])
            status, text = imap.setquota('""', "(STORAGE 9)")
            self.assertEqual(status, "NO")
            self.assertIn(b"[NOPERM]", text[0])
            imap.select("INBOX")
            imap.store("1", "+FLAGS", r"(\Deleted)")
            status, text = imap.status("INBOX", "(DELETED-STORAGE DELETED)")
            self.assertRegex(text[0], rb"DELETED-STORAGE [23]\d\d\d DELETED 1")

    def test_a_full_mailbox_refuses_alone_after_data(self):
        full, other = self.server.user(), self.server.user()
        self.cli("mailbox", "set", full, "--prohibit-receive", "1K")
        with self.server.smtp() as smtp:
            smtp.ehlo()
            with self.assertRaises(smtplib.SMTPDataError) as refused:
                smtp.sendmail("outside@example.org", [full], text_of(5000))
            self.assertEqual(refused.exception.smtp_code, 552)
            self.assertTrue(refused.exception.smtp_error.startswith(b"5.2.2"))
        # Known to be full from now on: refused at RCPT, and the other one gets the mail at once.
        with self.server.smtp() as smtp:
            refused = smtp.sendmail("outside@example.org", [full, other],
                                    text_of(5000, "For both"))
        self.assertEqual(list(refused), [full])
        self.assertEqual(refused[full][0], 552)
        self.assertTrue(refused[full][1].startswith(b"5.2.2"))
        self.assertEqual(self.server.subjects(other), ["For both"])
        # Room is made: taken at once.
        self.cli("mailbox", "set", full, "--use-database-defaults")
        self.server.deliver(full, "Fits")
        self.assertIn("Fits", self.server.subjects(full))

    def test_one_of_two_recipients_becomes_full_and_gets_its_copy_later(self):
        full, other = self.server.user(), self.server.user()
        self.cli("mailbox", "set", full, "--prohibit-receive", "1K")
        with self.server.smtp() as smtp:
            refused = smtp.sendmail("outside@example.org", [full, other],
                                    text_of(5000, "Two copies"))
        self.assertEqual(refused, {})
        self.assertEqual(self.server.subjects(other), ["Two copies"])
        self.assertNotIn("Two copies", self.server.subjects(full))
        waiting = [item for item in self.asked("queue", "message", "list")
                   if full in item["recipients"]]
        self.assertEqual(len(waiting), 1)
        self.assertIn("full", waiting[0]["last_error"] or "full")
        self.cli("mailbox", "set", full, "--use-database-defaults")
        self.server.wait_for_subject(full, "Two copies", seconds=90)

    def test_who_is_over_the_limit_cannot_send(self):
        sender, other = self.server.user(), self.server.user()
        with self.server.imap(sender) as imap:
            self.append(imap, 5000)
        self.cli("mailbox", "set", sender, "--prohibit-send", "4K")
        with self.server.submission(sender) as smtp:
            with self.assertRaises(smtplib.SMTPSenderRefused) as refused:
                smtp.sendmail(sender, [other], message("No", sender, other))
            self.assertEqual(refused.exception.smtp_code, 552)
            self.assertTrue(refused.exception.smtp_error.startswith(b"5.2.2"))
            # In the same session, once there is room.
            self.cli("mailbox", "set", sender, "--prohibit-send", "1M")
            smtp.sendmail(sender, [other], message("Yes", sender, other))
        self.assertEqual(self.server.subjects(other), ["Yes"])

    def test_each_level_is_told_by_mail_once(self):
        address = self.server.user()
        self.cli("mailbox", "set", address, "--warn", "4K", "--prohibit-send", "20K",
                 "--prohibit-receive", "30K")
        with self.server.imap(address) as imap:
            self.append(imap, 6000)
            self.server.wait_for_subject(address, "Your mailbox is nearly full")
            self.append(imap, 1000)
            self.append(imap, 14000)
            self.server.wait_for_subject(address, "Your mailbox is too full to send mail")
        with self.server.smtp() as smtp, self.assertRaises(smtplib.SMTPDataError):
            smtp.sendmail("outside@example.org", [address], text_of(20000))
        self.server.wait_for_subject(address, "Your mailbox is full and takes no more mail")
        warnings = [s for s in self.server.subjects(address) if s.startswith("Your mailbox")]
        self.assertEqual(len(warnings), 3)
        with self.server.imap(address) as imap:
            imap.select("INBOX", readonly=True)
            _, (found,) = imap.search(None, "FROM", "postmaster@" + DOMAIN)
            _, parts = imap.fetch(found.split()[0], "(BODY.PEEK[])")
            text = parts[0][1].decode()
        self.assertIn("Auto-Submitted: auto-generated", text)
        self.assertIn(f"Your mailbox {address} holds", text)
        self.assertIn("4.0 KB you are warned  (passed)", text)

    def test_the_database_speaks_for_mailboxes_that_say_nothing(self):
        server = Server()
        try:
            first, second = server.user(), server.user()
            server.cli("database", "set", "DB1", "--prohibit-receive", "1K")
            server.cli("mailbox", "set", second, "--prohibit-receive", "unlimited")
            with server.smtp() as smtp:
                refused = smtp.sendmail("outside@example.org", [second], text_of(5000, "Big"))
                self.assertEqual(refused, {})
                with self.assertRaises(smtplib.SMTPDataError):
                    smtp.sendmail("outside@example.org", [first], text_of(5000))
            shown = server.ask("mailbox", "show", first)
            self.assertEqual(shown["limits"], {})
            self.assertEqual(shown["effective"]["prohibit_receive_bytes"], 1024)
        finally:
            server.destroy()

    def test_message_sizes(self):
        address, other = self.server.user(), self.server.user()
        self.cli("mailbox", "set", address, "--max-message", "4K")
        with self.server.imap(address) as imap:
            self.assertIn("APPENDLIMIT=4096", imap.capability()[1][0].decode())
            self.assertIn(b"APPENDLIMIT 4096", imap.status("INBOX", "(APPENDLIMIT)")[1][0])
            status, text = self.append(imap, 8000)
            self.assertEqual(status, "NO")
            self.assertIn(b"TOOBIG", text[0])
        with self.server.smtp() as smtp:
            with self.assertRaises(smtplib.SMTPRecipientsRefused) as refused:
                smtp.sendmail("outside@example.org", [address], text_of(8000))
            code, text = refused.exception.recipients[address]
            self.assertEqual((code, text[:5]), (552, b"5.3.4"))
        with self.server.submission(address) as smtp:
            with self.assertRaises(smtplib.SMTPSenderRefused) as refused:
                smtp.sendmail(address, [other], text_of(8000))
            self.assertEqual(refused.exception.smtp_code, 552)


class Sessions(LimitsCase):
    def test_one_session_more_than_allowed(self):
        address = self.server.user()
        self.cli("mailbox", "set", address, "--sessions", "3")
        open_now = [self.server.imap(address) for _ in range(3)]
        try:
            with Wire(self.server.ports["imaps"], self.server.tls()) as wire:
                wire.line()
                answer = wire.tagged("a", f'LOGIN {address} "{PASSWORD}"')[-1]
                self.assertTrue(answer.startswith("a NO [LIMIT]"), answer)
            self.assertEqual(self.stats(address)["stored"]["sessions"], 3)
            open_now.pop().logout()
            self.wait_for(lambda: self.stats(address)["stored"]["sessions"] == 2, "logout")
            open_now.append(self.server.imap(address))
        finally:
            for connection in open_now:
                connection.logout()


class Recovery(LimitsCase):
    def filled(self, subjects=("One", "Two", "Three"), folder="INBOX"):
        address = self.server.user()
        with self.server.imap(address) as imap:
            if folder != "INBOX":
                imap.create(folder)
            for subject in subjects:
                imap.append(folder, r"(\Flagged $Work)", None,
                            message(subject, "boss@example.org", address).encode())
        return address

    def expunge(self, address, numbers="1:*", folder="INBOX"):
        with self.server.imap(address) as imap:
            imap.select(folder)
            imap.store(numbers, "+FLAGS", r"(\Deleted)")
            imap.expunge()

    def listed(self, address, *words):
        return self.asked("mailbox", "recover", "list", address, *words)["items"]

    def test_expunged_messages_come_back_as_they_were(self):
        address = self.filled()
        self.expunge(address, "1:2")
        self.assertEqual(self.server.subjects(address), ["Three"])
        with self.server.imap(address) as imap:
            folders = b" ".join(imap.list()[1])
        self.assertNotIn(b"ecoverable", folders)
        items = self.listed(address)
        self.assertEqual([item["subject"] for item in items], ["One", "Two"])
        self.assertEqual(items[0]["folder"], "INBOX")
        self.assertEqual(items[0]["gone_s"] - items[0]["deleted_s"], 14 * 24 * 3600)
        said = self.cli("mailbox", "recover", "restore", address, "--subject", "tWO", "--dry-run")
        self.assertEqual(said.split(" (")[0], "Would be put back: 1 message")
        self.assertEqual(self.server.subjects(address), ["Three"])
        self.cli("mailbox", "recover", "restore", address, "--subject", "tWO")
        self.assertEqual(self.server.subjects(address), ["Three", "Two"])
        with self.server.imap(address) as imap:
            imap.select("INBOX", readonly=True)
            _, flags = imap.fetch("2", "(FLAGS)")
        self.assertIn(rb"\Flagged", flags[0])
        self.assertIn(rb"$Work", flags[0])
        self.assertNotIn(rb"\Deleted", flags[0])
        self.assertEqual([item["subject"] for item in self.listed(address)], ["One"])

    def test_all_ways_of_deleting_but_moving(self):
        address = self.filled(("Close", "Uid", "Move"))
        with self.server.imap(address) as imap:
            imap.select("INBOX")
            imap._simple_command("MOVE", "3", "Trash")
            imap.store("2", "+FLAGS", r"(\Deleted)")
            imap.uid("EXPUNGE", "2")
            imap.store("1", "+FLAGS", r"(\Deleted)")
            imap.close()
            imap.create("Doomed")
            imap.append("Doomed", None, None, message("Folder", "x@example.org", address).encode())
            imap.delete("Doomed")
        self.assertEqual([item["subject"] for item in self.listed(address)],
                         ["Uid", "Close", "Folder"])
        self.assertEqual(self.server.subjects(address, "Trash"), ["Move"])
        # Its folder is gone: back into INBOX.
        self.cli("mailbox", "recover", "restore", address, "--all")
        self.assertEqual(sorted(self.server.subjects(address)), ["Close", "Folder", "Uid"])

    def test_filters_and_purge(self):
        address = self.filled(("Alpha", "Beta", "Gamma"), "Work")
        self.expunge(address, folder="Work")
        self.assertEqual(len(self.listed(address, "--folder", "Work")), 3)
        self.assertEqual(self.listed(address, "--folder", "INBOX"), [])
        self.assertEqual(self.listed(address, "--since", "2099-01-01"), [])
        self.assertEqual(len(self.listed(address, "--since", "1d", "--from", "BOSS@")), 3)
        self.assertEqual(len(self.listed(address, "--limit", "2")), 2)
        first = self.listed(address)[0]["id"]
        self.cli("mailbox", "recover", "purge", address, "--id", str(first), "--yes")
        self.assertEqual([item["subject"] for item in self.listed(address)], ["Beta", "Gamma"])
        self.assertEqual(self.server.run("mailbox", "recover", "purge", address, "--yes").returncode, 2)
        self.cli("mailbox", "recover", "purge", address, "--all", "--yes")
        self.assertEqual(self.listed(address), [])

    def test_without_retention_nothing_is_kept(self):
        address = self.filled(("Gone",))
        self.cli("mailbox", "set", address, "--keep-deleted", "0")
        self.expunge(address)
        self.assertEqual(self.listed(address), [])

    def test_kept_messages_go_when_their_time_has_come(self):
        server = Server()
        try:
            address = server.user()
            server.deliver(address, "Old")
            with server.imap(address) as imap:
                imap.select("INBOX")
                imap.store("1", "+FLAGS", r"(\Deleted)")
                imap.expunge()
            server.cli("database", "set", "DB1", "--keep-deleted", "1")
            time.sleep(1.5)
            # The round that looks after mailboxes begins with the mount, and goes every hour.
            server.cli("database", "dismount", "DB1")
            server.cli("database", "mount", "DB1")
            end = time.monotonic() + 15
            while True:
                shown = server.ask("mailbox", "stats", address)
                if shown["stored"]["recoverable_messages"] == 0:
                    break
                self.assertLess(time.monotonic(), end, "the message is still there")
                time.sleep(0.2)
        finally:
            server.destroy()


class Owners(LimitsCase):
    def disconnected(self):
        return {item["label"]: item for item in self.asked("mailbox", "list", "--disconnected")}

    def test_disable_and_connect_to_another_address(self):
        old = self.server.user("old")
        self.server.deliver(old, "Inheritance")
        imap = self.server.imap(old)
        imap.select("INBOX", readonly=True)
        before = imap.response("UIDVALIDITY")[1]
        self.cli("mailbox", "disable", old, "--dry-run")
        self.assertEqual(imap.noop()[0], "OK")
        self.cli("mailbox", "disable", old, "--yes")
        with self.assertRaises(imaplib.IMAP4.abort):
            imap.noop()  # BYE: there is no such user any more
        imap.shutdown()
        with self.assertRaises(imaplib.IMAP4.error):
            self.server.imap(old)
        with self.server.smtp() as smtp, self.assertRaises(smtplib.SMTPRecipientsRefused):
            smtp.sendmail("outside@example.org", [old], message("x", "outside@example.org", old))
        listed = self.disconnected()[old]
        self.assertEqual(listed["messages"], 1)
        self.assertEqual(listed["purge_s"] - listed["disconnected_s"], 30 * 24 * 3600)
        new = f"heir{listed['created_s']}@{DOMAIN}"
        self.cli("mailbox", "connect", old, "--to", new, "--password-stdin",
                 stdin=PASSWORD + "\n")
        self.assertNotIn(old, self.disconnected())
        self.assertEqual(self.server.subjects(new), ["Inheritance"])
        with self.server.imap(new) as imap:
            imap.select("INBOX", readonly=True)
            self.assertEqual(imap.response("UIDVALIDITY")[1], before)

    def test_remove_keeps_the_mail_for_a_time_and_purge_does_not(self):
        address = self.server.user("leaver")
        self.server.deliver(address, "Bye")
        said = self.cli("mailbox", "remove", address, "--yes")
        self.assertIn("its mail is kept until", said)
        guid = self.disconnected()[address]["guid"]
        self.cli("mailbox", "purge", guid, "--dry-run")
        self.assertIn(address, self.disconnected())
        self.assertIn("Gone for good: 1 message", self.cli("mailbox", "purge", guid, "--yes"))
        self.assertNotIn(address, self.disconnected())
        self.assertEqual(self.server.run("mailbox", "purge", guid, "--yes").returncode, 1)

    def test_remove_permanent(self):
        address = self.server.user("fired")
        self.server.deliver(address, "Bye")
        self.cli("mailbox", "remove", address, "--permanent", "--yes")
        self.assertNotIn(address, self.disconnected())

    def test_a_worker_that_was_away_finds_out_by_itself(self):
        server = Server(databases=("DB1",))
        try:
            address = server.user()
            server.deliver(address, "Kept")
            server.cli("database", "dismount", "DB1")
            server.cli("mailbox", "remove", address, "--yes")
            server.cli("database", "mount", "DB1")
            end = time.monotonic() + 15
            while not server.ask("mailbox", "list", "--disconnected"):
                self.assertLess(time.monotonic(), end, "the mailbox is not listed")
                time.sleep(0.2)
            # Its time over, it goes with the next round.
            server.cli("database", "set", "DB1", "--keep-disconnected", "0")
            server.cli("database", "dismount", "DB1")
            server.cli("database", "mount", "DB1")
            end = time.monotonic() + 15
            while server.ask("mailbox", "list", "--disconnected"):
                self.assertLess(time.monotonic(), end, "the mailbox is still there")
                time.sleep(0.2)
        finally:
            server.destroy()


class Figures(LimitsCase):
    def test_stats_and_folders(self):
        address = self.server.user()
        self.assertIsNone(self.stats(address)["stored"])
        self.assertIn("none yet", self.cli("mailbox", "stats", address))
        with self.server.imap(address) as imap:
            imap.append("Sent", r"(\Seen)", None, text_of(3000).encode())
            imap.append("INBOX", None, None, text_of(2000).encode())
        stored = self.stats(address)["stored"]
        self.assertEqual(stored["messages"], 2)
        self.assertGreater(stored["bytes"], 4500)
        folders = {f["path"]: f for f in self.asked("mailbox", "folders", address)}
        self.assertEqual(folders["Sent"]["unseen"], 0)
        self.assertEqual(folders["INBOX"]["unseen"], 1)
        self.assertEqual(folders["Sent"]["special_use"], "sent")
        self.assertEqual(folders["INBOX"]["bytes"] + folders["Sent"]["bytes"], stored["bytes"])

    def test_what_is_set_is_shown(self):
        address = self.server.user()
        self.cli("mailbox", "set", address, "--exchange-quotas", "--sessions", "7")
        shown = self.asked("mailbox", "show", address)
        self.assertEqual(shown["limits"]["warn_bytes"], 2039480320)
        self.assertEqual(shown["limits"]["prohibit_send_bytes"], 2147483648)
        self.assertEqual(shown["limits"]["prohibit_receive_bytes"], 2469396480)
        self.assertEqual(shown["effective"]["sessions_max"], 7)
        self.cli("mailbox", "set", address, "--warn", "default")
        self.assertNotIn("warn_bytes", self.asked("mailbox", "show", address)["limits"])
        self.assertEqual(self.server.run("mailbox", "set", address, "--warn", "lots").returncode, 2)
        self.assertEqual(self.server.run("mailbox", "set", address).returncode, 2)


if __name__ == "__main__":
    unittest.main()
