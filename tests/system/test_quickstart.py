"""tools/quickstart: everything in one go, and again without losing anything."""

import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import unittest

from harness import PROGRAMS, ROOT, free_port_base
from instance import Instance


@unittest.skipUnless(PROGRAMS == ROOT / "build" / "release" / "bin",
                     "quickstart builds and runs build/release")
class Quickstart(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hauspost-system-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.data = self.folder / "data"
        self.base = free_port_base()
        self.instance = Instance(PROGRAMS, self.data)
        self.addCleanup(self.instance.run, "server", "stop")

    def quickstart(self, *arguments):
        return subprocess.run([str(ROOT / "tools" / "quickstart"), "--data", str(self.data),
                               *arguments], capture_output=True, text=True, timeout=1500)

    def facts(self):
        return json.loads((self.data / "quickstart.json").read_text())

    def test_a_second_run_keeps_mail_accounts_and_passwords(self):
        first = self.quickstart("--detach", "--port-base", str(self.base))
        self.assertEqual(first.returncode, 0, first.stdout + first.stderr)
        facts = self.facts()
        self.assertEqual(facts["ports"]["smtp"], self.base + 25)
        self.assertEqual(sorted(facts["users"]), ["alice@example.test", "bob@example.test"])
        self.assertTrue(pathlib.Path(facts["ca_file"]).is_file())
        for password in facts["users"].values():
            self.assertIn(password, first.stdout)
        self.assertEqual(self.instance.ask("database", "show", "DB1")["messages"], 2)
        self.assertEqual((self.data / "quickstart.json").stat().st_mode & 0o077, 0)
        stopped = self.quickstart("--stop")
        self.assertEqual(stopped.returncode, 0, stopped.stderr)
        second = self.quickstart("--detach")
        self.assertEqual(second.returncode, 0, second.stdout + second.stderr)
        self.assertEqual(self.facts()["users"], facts["users"])
        self.assertEqual(self.instance.ask("database", "show", "DB1")["messages"], 2)
        third = self.quickstart("--detach")  # while it runs
        self.assertEqual(third.returncode, 0, third.stderr)
        self.assertEqual(self.facts()["pids"]["supervisor"], self.instance.ask("status")["pid"])

    def test_a_port_in_use_is_one_clear_line_and_leaves_nothing(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", self.base + 143))
            taken.listen()
            done = self.quickstart("--detach", "--port-base", str(self.base))
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"imap {self.base + 143}", done.stderr)
        self.assertFalse(self.data.exists())
