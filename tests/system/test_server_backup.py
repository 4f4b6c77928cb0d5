"""server backup and server restore: the loss of a whole machine, but for what was backed up."""

import json
import os
import pathlib
import shutil
import stat
import subprocess
import unittest

from harness import DOMAIN, PASSWORD, PROGRAMS, OwnServerTest


class ServerBackups(OwnServerTest):
    def setUp(self):
        super().setUp()
        self.copies = self.server.folder / "copies"

    def back_up(self, *options):
        return self.server.ask("server", "backup", str(self.copies), *options)

    def lose_everything(self):
        self.server.stop()
        shutil.rmtree(self.server.data)

    def test_a_lost_machine_comes_back_with_its_accounts_and_mail(self):
        server = self.server
        address = f"anna@{DOMAIN}"
        server.cli("mailbox", "create", address, "--alias", f"info@{DOMAIN}", "--password-stdin",
                   stdin=PASSWORD + "\n")
        server.cli("dkim", "create", DOMAIN, "--selector", "s1")
        key = server.ask("dkim", "list")["keys"]
        server.deliver(address, "before the fire")
        server.ask("database", "backup", "DB1", str(server.folder / "mail"))
        made = self.back_up()
        self.assertEqual(made["databases"], ["DB1"])
        self.lose_everything()

        answer = server.ask("server", "restore", made["folder"])
        self.assertEqual((answer["done"], answer["hostname"]), (True, "mail.example.test"))
        server.start(server.log)
        self.assertEqual(server.ask("dkim", "list")["keys"], key)
        server.cli("database", "dismount", "DB1")
        server.cli("database", "restore", str(server.folder / "mail"), "--name", "DB2", "--attach", "DB1")
        self.assertEqual(server.subjects(address), ["before the fire"])  # the old password, too
        server.deliver(f"info@{DOMAIN}", "after it")
        server.wait_for_subject(address, "after it")

    def test_a_copy_is_private_and_complete(self):
        self.server.user()
        filters = self.server.data / "filters"
        held = filters / "quarantine" / "held.mail"
        held.parent.mkdir(mode=0o700, exist_ok=True)
        held.write_text("held back")
        for path in (held.parent, held):  # as transport makes it
            os.chown(path, filters.stat().st_uid, filters.stat().st_gid)
        made = self.back_up()
        folder = pathlib.Path(made["folder"])
        listed = json.loads((folder / "server-backup.json").read_text())
        names = {entry["name"] for entry in listed["files"]}
        self.assertLessEqual({"settings.toml", "root/hauspost-root", "root/directory.mdb",
                              "root/auth/verifiers.mdb", "root/filters/quarantine/held.mail",
                              "root/tls/key.pem", "root/audit.log"}, names)
        on_disk = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        self.assertEqual(on_disk, names | {"server-backup.json"})
        for path in [folder, *folder.rglob("*")]:
            self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o077, 0, path)
        self.assertFalse((self.server.data / "auth" / "verifiers.copy").exists())

    def test_old_copies_go_and_unfinished_ones_are_none(self):
        kept = []
        for _ in range(3):
            kept.append(self.back_up_when_a_second_has_passed("--keep", "2")["folder"])
        (self.copies / "server-20130101T000000Z~").mkdir()
        whole = sorted(str(path) for path in self.copies.iterdir() if not path.name.endswith("~"))
        self.assertEqual(whole, kept[1:])

    def back_up_when_a_second_has_passed(self, *options):
        for _ in range(100):
            done = self.server.run("--json", "server", "backup", str(self.copies), *options)
            if done.returncode == 0:
                return json.loads(done.stdout)
            self.assertIn("this very second", done.stderr)
        raise AssertionError("no backup was made")

    def restore(self, data, *arguments):
        return subprocess.run([str(PROGRAMS / "hauspost"), "--data", data, "server", "restore", *arguments],
                              capture_output=True, text=True, timeout=60)

    def test_what_is_damaged_or_in_the_way_is_refused(self):
        made = self.back_up()
        occupied = self.server.run("server", "restore", made["folder"])
        self.assertEqual(occupied.returncode, 1)
        self.assertIn("is not empty", occupied.stderr)

        other = str(self.server.folder / "other")
        dry = self.restore(other, made["folder"], "--dry-run")
        self.assertEqual((dry.returncode, os.path.exists(other)), (0, False), dry.stderr)

        path = pathlib.Path(made["folder"]) / "root/directory.mdb"
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        damaged = self.restore(other, made["folder"])
        self.assertEqual((damaged.returncode, os.path.exists(other)), (1, False))
        self.assertIn("directory.mdb: is not what was written", damaged.stderr)
        none = self.restore(other, str(self.server.folder))
        self.assertIn("holds no server backup", none.stderr)


if __name__ == "__main__":
    unittest.main()
