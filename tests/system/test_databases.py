"""Databases: mounting, dismounting, losing the index, losing a worker; and that one never hurts
another."""

import imaplib
import os
import pathlib
import signal
import time

from harness import PASSWORD, OwnServerTest, Wire


class OneDatabase(OwnServerTest):
    def test_a_lost_index_is_made_again_from_the_log(self):
        address = self.server.user()
        for number in range(20):
            self.server.deliver(address, f"n{number}")
        with self.server.imap(address) as imap:
            imap.select("INBOX")
            imap.store("3", "+FLAGS", "(\\Flagged)")
            imap.store("5", "+FLAGS", "(\\Deleted)")
            imap.expunge()
            imap.create("Archive")
            imap.copy("1:4", "Archive")
            before = imap.uid("FETCH", "1:*", "(FLAGS INTERNALDATE RFC822.SIZE)")[1]
            validity = imap.response("UIDVALIDITY")[1]
        path = pathlib.Path(self.server.ask("database", "show", "DB1")["path"])
        self.server.cli("database", "dismount", "DB1")
        (path / "index.mdb").unlink()
        self.server.cli("database", "mount", "DB1")
        with self.server.imap(address) as imap:
            imap.select("INBOX")
            after = imap.uid("FETCH", "1:*", "(FLAGS INTERNALDATE RFC822.SIZE)")[1]
            self.assertEqual(imap.response("UIDVALIDITY")[1], validity)
            self.assertEqual(imap.select("Archive")[1], [b"4"])
        strip = lambda lines: [line.replace(b"\\Recent", b"").replace(b"( ", b"(").replace(b" )", b")")
                               for line in lines]
        self.assertEqual(strip(after), strip(before))

    def test_a_killed_worker_is_back_within_a_second_and_nothing_is_lost(self):
        address = self.server.user()
        self.server.deliver(address, "before")
        worker = next(entry for entry in self.server.ask("status")["processes"]
                      if entry["database"] == "DB1")
        with Wire(self.server.ports["imaps"], self.server.tls()) as wire:
            wire.line()
            wire.tagged("a", f'LOGIN {address} "{PASSWORD}"')
            wire.tagged("b", "SELECT INBOX")
            os.kill(worker["pid"], signal.SIGKILL)
            self.assertIn("* BYE", wire.rest())
        began = time.monotonic()
        self.assertEqual(self.server.subjects(address), ["before"])
        self.assertLess(time.monotonic() - began, 2.5)
        self.server.deliver(address, "after")
        self.assertEqual(self.server.subjects(address), ["before", "after"])

    def test_mail_for_a_dismounted_database_waits_and_arrives_once(self):
        address = self.server.user()
        self.server.cli("database", "dismount", "DB1")
        for number in range(3):
            self.server.deliver(address, f"n{number}")
        waiting = self.server.ask("queue", "message", "list", "--queue", "Delivery/DB1")
        self.assertEqual([item["recipients"] for item in waiting], [[address]] * 3)
        self.server.cli("database", "mount", "DB1")
        for number in range(3):
            self.server.wait_for_subject(address, f"n{number}")
        self.assertEqual(sorted(self.server.subjects(address)), ["n0", "n1", "n2"])
        self.assertEqual(self.server.ask("queue", "message", "list"), [])

    def test_waiting_mail_survives_a_restart(self):
        address = self.server.user()
        self.server.cli("database", "dismount", "DB1")
        self.server.deliver(address, "patient")
        self.server.restart()
        if self.server.ask("database", "show", "DB1")["state"] != "mounted":
            self.server.cli("database", "mount", "DB1")
        self.server.wait_for_subject(address, "patient")
        self.assertEqual(self.server.subjects(address), ["patient"])


class TwoDatabases(OwnServerTest):
    databases = ("DB1", "DB2")

    def test_one_dismounted_leaves_the_other_alone(self):
        here = self.server.user("here", "DB1")
        there = self.server.user("there", "DB2")
        living = self.server.imap(here)
        living.select("INBOX")
        self.server.cli("database", "dismount", "DB2")
        with self.assertRaises(imaplib.IMAP4.error) as caught:
            self.server.imap(there)
        self.assertIn("UNAVAILABLE", str(caught.exception))
        self.server.deliver(here, "goes on")
        living.noop()
        self.assertEqual(living.search(None, "ALL")[1], [b"1"])
        self.server.deliver(there, "waits")
        self.server.cli("database", "mount", "DB2")
        self.server.wait_for_subject(there, "waits")
        living.logout()

    def test_one_message_for_both_while_one_is_down(self):
        here = self.server.user("here", "DB1")
        there = self.server.user("there", "DB2")
        self.server.cli("database", "dismount", "DB2")
        with self.server.smtp() as connection:
            connection.sendmail("x@example.org", [here, there], "Subject: both\r\n\r\nx\r\n")
        self.assertEqual(self.server.subjects(here), ["both"])
        self.server.cli("database", "mount", "DB2")
        self.server.wait_for_subject(there, "both")
        self.assertEqual(self.server.subjects(here), ["both"])

    def test_a_worker_that_keeps_dying_is_put_aside_alone(self):
        here = self.server.user("here", "DB1")
        for _ in range(3):
            end = time.monotonic() + 20
            while time.monotonic() < end:
                worker = next(entry for entry in self.server.ask("status")["processes"]
                              if entry["database"] == "DB2")
                if worker["state"] == "running" and worker["pid"]:
                    os.kill(worker["pid"], signal.SIGKILL)
                    break
                time.sleep(0.05)
            time.sleep(0.3)
        state = self.server.ask("database", "show", "DB2")["state"]
        self.assertEqual(state, "quarantined")
        self.assertEqual(self.server.subjects(here), [])
        self.server.cli("database", "mount", "DB2")
        self.assertEqual(self.server.ask("database", "show", "DB2")["state"], "mounted")
