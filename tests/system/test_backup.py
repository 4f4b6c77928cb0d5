"""Backups: made while mail comes in, proved by themselves, and brought back whole, to a moment, or
one folder of one mailbox."""

import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

from harness import OwnServerTest

PADDING = "x" * 700 + "\r\n"


def digests(server, address, folder="INBOX"):
    """Of every message in a folder, without the trace lines that differ for each arrival."""
    with server.imap(address) as imap:
        status, _ = imap.select(f'"{folder}"', readonly=True)
        assert status == "OK", folder
        _, parts = imap.fetch("1:*", "(BODY.PEEK[])")
        return [hashlib.sha256(part[1]).hexdigest() for part in parts if isinstance(part, tuple)]


class Backups(OwnServerTest):
    def setUp(self):
        super().setUp()
        self.backup = self.server.folder / "backup"

    def back_up(self, *options):
        return self.server.ask("database", "backup", "DB1", str(self.backup), *options)

    def verify(self):
        return self.server.ask("backup", "verify", str(self.backup))

    def restore_and_attach(self, *options):
        """The backup in place of DB1, as after the loss of its disk."""
        self.server.cli("database", "dismount", "DB1")
        return self.server.ask("database", "restore", str(self.backup), "--name", "DB2", "--attach",
                               "DB1", *options)

    def refused(self, *arguments):
        """What a command that must fail says."""
        ended = self.server.run(*arguments)
        self.assertNotEqual(ended.returncode, 0, arguments)
        return ended.stderr

    def worker(self, database="DB1"):
        return next(entry["pid"] for entry in self.server.ask("status")["processes"]
                    if entry["database"] == database)

    def test_under_load_everything_acknowledged_before_its_end_comes_back(self):
        address = self.server.user()
        acknowledged = []
        stop = threading.Event()

        def load():
            with self.server.smtp() as connection:
                number = 0
                while not stop.is_set():
                    subject = f"load {number}"
                    connection.sendmail("outside@example.org", [address],
                                        f"Subject: {subject}\r\n\r\n{PADDING}")
                    acknowledged.append(subject)
                    number += 1

        sender = threading.Thread(target=load)
        sender.start()
        try:
            for _ in range(4):
                before = len(acknowledged)
                while len(acknowledged) < before + 25:
                    time.sleep(0.01)
                sure = len(acknowledged)
                report = self.back_up()
        finally:
            stop.set()
            sender.join()
        self.assertGreaterEqual(report["messages"], sure)
        self.assertTrue(all(entry["good"] for entry in self.verify()))
        before = digests(self.server, address)
        self.restore_and_attach()
        after = digests(self.server, address)
        self.assertGreaterEqual(len(after), sure)
        self.assertEqual(after, before[:len(after)])
        self.server.deliver(address, "life goes on")
        self.server.wait_for_subject(address, "life goes on")

    def test_clients_learn_that_a_restored_folder_is_another(self):
        address = self.server.user()
        self.server.deliver(address, "one")
        with self.server.imap(address) as imap:
            imap.select("INBOX")
            before = int(imap.response("UIDVALIDITY")[1][0])
        self.back_up()
        self.restore_and_attach()
        with self.server.imap(address) as imap:
            imap.select("INBOX")
            self.assertGreater(int(imap.response("UIDVALIDITY")[1][0]), before)
        self.assertEqual(self.server.subjects(address), ["one"])

    def test_mail_that_waited_for_the_lost_database_arrives_in_the_restored_one(self):
        address = self.server.user()
        self.server.deliver(address, "before")
        self.back_up()
        self.server.cli("database", "dismount", "DB1")
        self.server.deliver(address, "waited")
        self.server.cli("database", "restore", str(self.backup), "--name", "DB2", "--attach", "DB1")
        self.server.wait_for_subject(address, "waited", seconds=30)
        self.assertEqual(self.server.subjects(address), ["before", "waited"])

    def test_the_moment_between_two_deliveries(self):
        address = self.server.user()
        self.server.deliver(address, "first")
        self.back_up()
        time.sleep(0.02)
        moment = time.time()
        time.sleep(0.02)
        self.server.deliver(address, "second")
        report = self.back_up()
        self.assertFalse(report["full"])
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f"{moment % 1:.6f}"[1:] + "Z"
        self.restore_and_attach("--at", at)
        self.assertEqual(self.server.subjects(address), ["first"])

    def test_incremental_after_compaction(self):
        address = self.server.user()
        for number in range(30):
            self.server.deliver(address, f"n{number}", body=PADDING * 100)
        full = self.back_up()
        with self.server.imap(address) as imap:
            imap.select("INBOX")
            imap.store("1:25", "+FLAGS", "(\\Deleted)")
            imap.expunge()
        self.server.cli("database", "compact", "DB1")
        self.server.deliver(address, "after")
        more = self.back_up()
        self.assertFalse(more["full"])
        self.assertGreater(more["lsn"], full["lsn"])
        self.assertTrue(all(entry["good"] for entry in self.verify()))
        before = digests(self.server, address)
        self.restore_and_attach()
        self.assertEqual(digests(self.server, address), before)

    def test_a_changed_byte_is_found_and_named(self):
        self.server.deliver(self.server.user(), "one", body=PADDING * 20)
        report = self.back_up()
        segment = sorted(pathlib.Path(report["set_path"], "log").iterdir())[0]
        with segment.open("r+b") as file:
            file.seek(9000)
            byte = file.read(1)
            file.seek(9000)
            file.write(bytes([byte[0] ^ 1]))
        said = self.server.run("--json", "backup", "verify", str(self.backup))
        self.assertEqual(said.returncode, 1)
        self.assertIn(f"{segment} at offset", said.stdout)
        text = self.refused("database", "restore", str(self.backup), "--name", "DB2")
        self.assertIn(str(segment), text)
        self.assertEqual([entry["name"] for entry in self.server.ask("database", "list")], ["DB1"])
        self.assertFalse((self.server.data / "databases" / "DB2").exists())

    def test_one_that_was_cut_off_is_refused(self):
        self.server.deliver(self.server.user(), "one")
        report = self.back_up()
        segment = sorted(pathlib.Path(report["set_path"], "log").iterdir())[-1]
        os.truncate(segment, segment.stat().st_size - 16)
        self.assertIn("cut off", self.server.run("backup", "verify", str(self.backup)).stdout)
        self.assertIn("cut off", self.refused("database", "restore", str(self.backup), "--name",
                                              "DB2"))
        pathlib.Path(report["set_path"], "manifest").unlink()
        self.assertIn("did not end", self.refused("database", "restore", str(self.backup), "--name",
                                                  "DB2"))

    def test_a_killed_worker_leaves_the_backup_before_usable(self):
        address = self.server.user()
        self.server.deliver(address, "one")
        first = self.back_up()
        for number in range(40):
            self.server.deliver(address, f"n{number}", body=PADDING * 200)
        command = subprocess.Popen(
            [str(self.server.programs / "hauspost"), "--data", str(self.server.data), "database",
             "backup", "DB1", str(self.backup), "--rate", "1M"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        end = time.monotonic() + 15
        while not any(job["state"] == "running" and job["kind"] == "backup" and job["done"] > 0
                      for job in self.server.ask("job", "list")):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)
        os.kill(self.worker(), signal.SIGKILL)
        _, text = command.communicate(timeout=30)
        self.assertNotEqual(command.returncode, 0)
        self.assertIn(b"broke off", text)
        sets = self.verify()
        self.assertEqual([(entry["good"], entry["lsn"]) for entry in sets], [(True, first["lsn"])])
        self.assertEqual(len(self.server.subjects(address)), 41)
        again = self.back_up()
        self.assertGreater(again["lsn"], first["lsn"])
        self.assertTrue(self.verify()[0]["good"])

    def test_one_folder_of_one_mailbox_comes_back(self):
        address = self.server.user()
        other = self.server.user()
        self.server.deliver(address, "stays")
        with self.server.imap(address) as imap:
            imap.create("Work")
            imap.create("Work/2026")
            for number in range(5):
                imap.append("Work/2026", "(\\Flagged $Important)",
                            '"21-Nov-2013 12:00:00 +0000"',
                            f"Subject: w{number}\r\n\r\nText\r\n".encode())
        before = digests(self.server, address, "Work/2026")
        self.back_up()
        with self.server.imap(address) as imap:
            imap.delete("Work/2026")
            imap.delete("Work")
        source = ("mailbox", "restore", str(self.backup), "--mailbox", address, "--folder", "Work")
        report = self.server.ask(*source, "--target-root", "Restored")
        self.assertEqual((report["copied"], report["existing"]), (5, 0))
        self.assertEqual(digests(self.server, address, "Restored/Work/2026"), before)
        with self.server.imap(address) as imap:
            imap.select("Restored/Work/2026", readonly=True)
            _, found = imap.fetch("1:*", "(FLAGS INTERNALDATE)")
            self.assertEqual(len(found), 5)
            for line in found:
                self.assertIn(b"\\Flagged", line)
                self.assertIn(b"$Important", line)
                self.assertIn(b"21-Nov-2013 12:00:00", line)
        again = self.server.ask(*source, "--target-root", "Restored")
        self.assertEqual((again["copied"], again["existing"]), (0, 5))
        moved = self.server.ask(*source, "--to", other)
        self.assertEqual(moved["copied"], 5)
        self.assertEqual(digests(self.server, other, "Work/2026"), before)
        self.assertEqual(self.server.subjects(address), ["stays"])

    def test_a_recovery_database_is_a_source_and_nothing_else(self):
        address = self.server.user()
        self.server.deliver(address, "lost")
        self.back_up()
        with self.server.imap(address) as imap:
            imap.select("INBOX")
            imap.store("1", "+FLAGS", "(\\Deleted)")
            imap.expunge()
        self.server.cli("database", "restore", str(self.backup), "--name", "RDB", "--recovery")
        shown = self.server.ask("database", "show", "RDB")
        self.assertTrue(shown["recovery"])
        self.assertEqual(shown["state"], "dismounted")
        self.assertIn("recovery database", self.refused("database", "mount", "RDB"))
        self.assertIn("recovery database", self.refused(
            "mailbox", "create", f"new@{address.partition('@')[2]}", "--database", "RDB",
            "--generate"))
        report = self.server.ask("mailbox", "restore", "RDB", "--mailbox", address)
        self.assertEqual(report["copied"], 1)
        self.assertEqual(self.server.subjects(address), ["lost"])
        self.server.cli("--yes", "database", "remove", "RDB")

    def test_a_dismounted_database_can_be_backed_up_and_show_tells_the_last_one(self):
        address = self.server.user()
        self.server.deliver(address, "one")
        self.assertEqual(self.server.ask("database", "show", "DB1")["last_backup_s"], 0)
        self.server.cli("database", "dismount", "DB1")
        began = int(time.time())
        report = self.back_up()
        shown = self.server.ask("database", "show", "DB1")
        self.assertGreaterEqual(shown["last_backup_s"], began)
        self.assertEqual(shown["last_backup_lsn"], report["lsn"])
        self.server.cli("database", "mount", "DB1")
        self.assertEqual(self.server.subjects(address), ["one"])
        self.assertTrue(self.verify()[0]["good"])

    def test_a_folder_that_cannot_be_written_is_named(self):
        blocked = self.server.folder / "file"
        blocked.write_text("not a folder")
        text = self.refused("database", "backup", "DB1", str(blocked))
        self.assertIn(str(blocked), text)
        self.assertIn("holds no backup", self.refused("backup", "list", str(self.server.folder)))

    def test_old_sets_go_when_new_ones_stand(self):
        address = self.server.user()
        for number in range(3):
            self.server.deliver(address, f"n{number}")
            report = self.back_up("--full", "--keep", "2")
        self.assertEqual(report["sets_removed"], 1)
        self.assertEqual([entry["set"] for entry in
                          self.server.ask("backup", "list", str(self.backup))], [2, 3])
        shutil.rmtree(self.backup / "set-000002")
        self.assertTrue(self.verify()[0]["good"])
