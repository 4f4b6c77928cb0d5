"""Databases as an operator looks after them: settings, check, repair, rebuild, compaction, moving,
removing, the maintenance scan and jobs."""

import json
import pathlib
import time

from harness import OwnServerTest


def body(number, size=8000):
    letter = chr(ord("a") + number % 26)
    return "\r\n".join([f"number {number}"] + [letter * 70] * (size // 72)) + "\r\n"


class Care(OwnServerTest):
    def folder(self, name="DB1"):
        return pathlib.Path(self.server.ask("database", "show", name)["path"])

    def show(self, name="DB1"):
        return self.server.ask("database", "show", name)

    def try_cli(self, *words):
        """Exit status, output, errors of a command that may fail."""
        done = self.server.run(*words)
        return done.returncode, done.stdout, done.stderr

    def fill(self, address, count=12):
        for number in range(count):
            self.server.deliver(address, f"n{number}", body=body(number))

    def flip(self, text, name="DB1"):
        """Flips one bit where `text` lies in the change log."""
        for segment in sorted((self.folder(name) / "log").glob("*.seg")):
            data = segment.read_bytes()
            at = data.find(text.encode())
            if at >= 0:
                with segment.open("r+b") as file:
                    file.seek(at)
                    file.write(bytes([data[at] ^ 0x20]))
                return
        raise AssertionError(f"{text!r} is not in the log")

    def wait(self, what, seconds=20):
        end = time.monotonic() + seconds
        while True:
            answer = what()
            if answer or time.monotonic() > end:
                return answer
            time.sleep(0.2)


class Checking(Care):
    def test_a_whole_database_is_whole_mounted_and_dismounted(self):
        address = self.server.user()
        self.fill(address, 5)
        mounted = self.server.ask("database", "check", "DB1")
        self.assertTrue(mounted["whole"], mounted)
        self.assertEqual(mounted["messages"], 5)
        self.assertEqual(self.server.subjects(address)[0], "n0")
        self.server.cli("database", "dismount", "DB1")
        closed = self.server.ask("database", "check", "DB1")
        self.assertTrue(closed["whole"], closed)
        self.assertTrue(closed["index_checked"])
        self.assertEqual(closed["messages"], 5)
        self.assertEqual(closed["records"], mounted["records"])
        self.server.cli("database", "mount", "DB1")
        self.assertEqual([job["state"] for job in self.server.ask("job", "list")],
                         ["done", "done"])

    def test_a_flipped_byte_is_named_and_the_message_dropped_only_on_demand(self):
        address = self.server.user()
        self.fill(address, 6)
        self.flip("number 3")
        status, out, errors = self.try_cli("database", "check", "DB1")
        self.assertEqual(status, 1, out + errors)
        self.assertIn(f"damaged: message 4 in INBOX of {address}", out)
        self.assertIn("--drop-damaged", errors)
        status, out, _ = self.try_cli("database", "check", "DB1", "--json")
        self.assertEqual(status, 1)
        found = json.loads(out)
        self.assertEqual([(place["folder"], place["uid"], place["mailbox"])
                          for damage in found["damage"] for place in damage["messages"]],
                         [("INBOX", 4, address)])
        # Without the option nothing is taken away.
        status, _, errors = self.try_cli("database", "repair", "DB1")
        self.assertEqual(status, 4, errors)
        self.assertEqual(self.message_count(address), 6)
        dry = self.server.ask("database", "repair", "DB1", "--drop-damaged", "--dry-run")
        self.assertEqual(dry["messages_dropped"], 1)
        self.assertEqual(self.message_count(address), 6)
        done = self.server.ask("database", "repair", "DB1", "--drop-damaged", "--yes")
        self.assertEqual(done["messages_dropped"], 1)
        self.assertEqual(self.message_count(address), 5)
        salvage = pathlib.Path(done["salvage"])
        self.assertIn(f"message 4 in INBOX of {address}", (salvage / "report.txt").read_text())
        (saved,) = salvage.glob("*.eml")
        self.assertIn(b"Subject: n3", saved.read_bytes())
        self.assertTrue(self.server.ask("database", "check", "DB1")["whole"])
        # The index can be made anew although the log holds the damaged record.
        self.server.cli("database", "dismount", "DB1")
        rebuilt = self.server.ask("database", "rebuild-index", "DB1")
        self.assertEqual(rebuilt["messages"], 5)
        self.server.cli("database", "mount", "DB1")
        self.assertEqual(self.server.subjects(address), ["n0", "n1", "n2", "n4", "n5"])

    def message_count(self, address):
        with self.server.imap(address) as imap:
            return int(imap.select("INBOX", readonly=True)[1][0])

    def test_the_maintenance_scan_finds_a_flipped_byte_by_itself(self):
        address = self.server.user()
        self.fill(address, 6)
        self.server.cli("database", "set", "DB1", "--scan-period", "2")
        before = self.wait(lambda: self.show()["upkeep"]["scan_finished_s"])
        self.assertTrue(before, "no pass of the scan ended")
        self.assertEqual(self.show()["upkeep"]["damage"], [])
        self.flip("number 2")
        damage = self.wait(lambda: self.show()["upkeep"]["damage"])
        self.assertEqual(len(damage), 1)
        self.assertIn(f"message 3 in INBOX of {address}", damage[0])
        self.assertIn("store.scan.damage", self.server.log.read_text())
        # Known after a new mount as well, before the scan comes to it again.
        self.server.cli("database", "set", "DB1", "--scan-period", "30d")
        self.server.cli("database", "dismount", "DB1")
        self.server.cli("database", "mount", "DB1")
        self.assertEqual(len(self.show()["upkeep"]["damage"]), 1)


class Rebuilding(Care):
    def test_a_damaged_index_is_mended_by_repair(self):
        address = self.server.user()
        self.fill(address, 5)
        status, _, errors = self.try_cli("database", "rebuild-index", "DB1")
        self.assertEqual(status, 1)
        self.assertIn("dismount", errors)
        self.server.cli("database", "dismount", "DB1")
        dry = self.server.ask("database", "rebuild-index", "DB1", "--dry-run")
        self.assertGreaterEqual(dry["records"], 5)
        made = self.server.ask("database", "rebuild-index", "DB1")
        self.assertEqual(made["messages"], 5)
        self.assertFalse((self.folder() / "index.mdb.before-rebuild").exists())
        self.server.cli("database", "mount", "DB1")
        self.assertEqual(self.server.subjects(address), [f"n{i}" for i in range(5)])

    def test_a_failed_mount_names_its_cause(self):
        self.server.cli("database", "dismount", "DB1")
        (self.folder() / "database").write_bytes(b"garbage")
        status, _, errors = self.try_cli("database", "mount", "DB1")
        self.assertEqual(status, 1)
        self.assertIn("/database is damaged", errors)
        self.assertIn("database is damaged",
                      self.wait(lambda: self.show()["problem"]))


class Moving(Care):
    def test_the_files_move_and_mail_stays(self):
        address = self.server.user()
        self.fill(address, 5)
        old = self.folder()
        new = self.server.folder / "elsewhere" / "DB1"
        dry = self.server.ask("database", "move-path", "DB1", "--path", str(new), "--dry-run")
        self.assertGreater(dry["bytes"], 5 * 8000)
        self.assertEqual(self.folder(), old)
        moved = self.server.ask("database", "move-path", "DB1", "--path", str(new))
        self.assertGreater(moved["files"], 3)
        self.assertEqual(self.folder(), new)
        self.assertFalse(old.exists())
        self.assertEqual(self.show()["state"], "mounted")
        self.assertEqual(self.server.subjects(address), [f"n{i}" for i in range(5)])
        self.server.deliver(address, "after")
        self.server.restart()
        self.assertEqual(self.server.subjects(address)[-1], "after")
        self.assertTrue(self.server.ask("database", "check", "DB1")["whole"])

    def test_a_target_that_is_not_empty_is_refused(self):
        target = self.server.folder / "target"
        target.mkdir()
        (target / "other").write_text("x")
        status, _, errors = self.try_cli("database", "move-path", "DB1", "--path", str(target))
        self.assertEqual(status, 1)
        self.assertIn("not empty", errors)
        self.assertEqual(self.show()["state"], "mounted")
        self.assertEqual([entry.name for entry in target.iterdir()], ["other"])

    def test_the_old_files_stay_on_demand_and_the_path_alone_can_change(self):
        address = self.server.user()
        self.fill(address, 3)
        old = self.folder()
        new = self.server.folder / "new"
        self.server.cli("database", "move-path", "DB1", "--path", str(new), "--keep-old")
        self.assertTrue((old / "database").exists())
        status, _, errors = self.try_cli("database", "move-path", "DB1", "--path", str(old),
                                         "--config-only")
        self.assertEqual(status, 1)
        self.assertIn("mounted", errors)
        self.server.cli("database", "dismount", "DB1")
        self.server.cli("database", "move-path", "DB1", "--path", str(old), "--config-only")
        self.server.cli("database", "mount", "DB1")
        self.assertEqual(self.folder(), old)
        self.assertEqual(self.server.subjects(address), ["n0", "n1", "n2"])


class Lifecycle(Care):
    databases = ("DB1", "DB2")

    def test_settings_hold_and_a_database_may_stay_down_at_start(self):
        self.server.cli("database", "set", "DB2", "--mount-at-startup", "no",
                        "--compact-below", "30", "--scan-period", "14d", "--keep-log", "1d")
        shown = self.show("DB2")
        self.assertEqual((shown["mount_at_startup"], shown["compact_below_percent"],
                          shown["scan_period_s"], shown["keep_log_s"]),
                         (False, 30, 14 * 86400, 86400))
        self.server.restart()
        self.assertEqual(self.show("DB2")["state"], "dismounted")
        self.assertEqual(self.show("DB1")["state"], "mounted")
        self.server.cli("database", "mount", "DB2")
        status, _, errors = self.try_cli("database", "set", "DB2", "--scan-period", "soon")
        self.assertEqual(status, 2, errors)

    def test_removing_with_files_deletes_only_a_databases_files(self):
        folder = self.folder("DB2")
        (folder / "notes.txt").write_text("mine")
        status, _, errors = self.try_cli("database", "remove", "DB2", "--delete-files", "--yes")
        self.assertEqual(status, 1)
        self.assertIn("mounted", errors)
        self.server.cli("database", "dismount", "DB2")
        self.server.ask("database", "remove", "DB2", "--delete-files", "--dry-run")
        self.assertTrue((folder / "log").exists())
        removed = self.server.ask("database", "remove", "DB2", "--delete-files", "--yes")
        self.assertEqual(removed["left"], ["notes.txt"])
        self.assertEqual([entry.name for entry in folder.iterdir()], ["notes.txt"])
        self.assertEqual([entry["name"] for entry in self.server.ask("database", "list")], ["DB1"])

    def test_compacting_gives_space_back(self):
        address = self.server.user("u", "DB1")
        self.server.cli("database", "set", "DB1", "--keep-deleted", "0")
        self.fill(address, 30)
        with self.server.imap(address) as imap:
            imap.select("INBOX")
            imap.store("1:29", "+FLAGS", "(\\Deleted)")
            imap.expunge()
        before = self.show()
        self.assertGreater(before["dead_body_bytes"], 29 * 7000)
        dry = self.server.ask("database", "compact", "DB1", "--dry-run")
        report = self.server.ask("database", "compact", "DB1")
        self.assertGreaterEqual(report["segments_dropped"], 1, (dry, report))
        self.assertEqual(self.server.subjects(address), ["n29"])
        self.assertTrue(self.server.ask("database", "check", "DB1")["whole"])
        self.server.restart()
        self.assertEqual(self.server.subjects(address), ["n29"])

    def test_the_log_can_be_read(self):
        address = self.server.user("u", "DB1")
        self.server.deliver(address, "secret subject")
        self.server.deliver(address, "another secret")
        code, out, errors = self.try_cli("database", "dump-log", "DB1")
        self.assertEqual(code, 0, errors)
        self.assertTrue(out.startswith("record lsn=1 "))
        self.assertIn("add-message", out)
        self.assertNotIn("secret", out)
        code, out, _ = self.try_cli("database", "dump-log", "DB1", "--from", "2", "--to", "2",
                                    "--json")
        (line,) = out.splitlines()
        self.assertEqual(json.loads(line)["lsn"], 2)
        folder = str(self.folder())
        self.server.stop()
        code, out, _ = self.try_cli("database", "dump-log", "--folder", folder, "--to", "1")
        self.assertEqual((code, out.splitlines()[0].split()[1]), (0, "lsn=1"))

    def test_a_job_outlives_the_command_that_began_it(self):
        address = self.server.user("u", "DB1")
        self.fill(address, 5)
        job = self.server.ask("database", "check", "DB1", "--background")
        self.assertEqual(job["kind"], "check")
        ended = self.wait(lambda: next((entry for entry in self.server.ask("job", "list", "DB1")
                                        if entry["state"] != "running"), None))
        self.assertEqual((ended["id"], ended["state"]), (job["id"], "done"))
        self.assertEqual(self.server.ask("job", "show", str(job["id"]))["state"], "done")
        code, _, errors = self.try_cli("job", "cancel", str(job["id"]))
        self.assertEqual(code, 1)
        self.assertIn("ended already", errors)
        code, _, errors = self.try_cli("job", "show", "4711")
        self.assertEqual(code, 1)
        self.assertIn("not known", errors)
