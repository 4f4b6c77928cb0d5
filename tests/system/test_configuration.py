"""Starting: what is wrong with the settings or the surroundings is one clear line, and nothing is
touched."""

import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from harness import HOST, PROGRAMS, OwnServerTest, free_port_base
from instance import Instance, ports_of_base


class Refused(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hauspost-system-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.data = self.folder / "data"
        self.instance = Instance(PROGRAMS, self.data)
        self.base = free_port_base()

    def init(self):
        self.instance.cli("init", "--hostname", "mail.example.test", "--port-base", str(self.base))

    def refusal(self, data=None):
        """What hauspostd says when it does not start; it must end by itself, soon and badly."""
        done = subprocess.run([str(PROGRAMS / "hauspostd"), "--data", str(data or self.data)],
                              capture_output=True, text=True, timeout=20)
        self.assertNotEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def change_settings(self, old, new):
        path = self.data / "hauspost.toml"
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new, 1))

    def test_an_unknown_key_is_named_with_its_line(self):
        self.init()
        self.change_settings("[server]\n", "[server]\nhostnam = \"x.example\"\n")
        said = self.refusal()
        self.assertIn("hostnam", said)
        self.assertIn("hauspost.toml", said)
        self.assertRegex(said, r"\b5\b")

    def test_settings_that_cannot_be_meant(self):
        for old, new, named in (("hostname = \"", "hostname = 5 #\"", "hostname"),
                                (f":{self.base + 25}", ":99999", "smtp"),
                                (f":{self.base + 143}", f":{self.base + 25}", "imap"),
                                ("[limits]", "[limitz]", "limitz"),
                                ("tls/key.pem", "tls/none.pem", "key"),
                                ("[tls]", "[tls", "hauspost.toml")):
            with self.subTest(new=new):
                shutil.rmtree(self.data, ignore_errors=True)
                self.init()
                self.change_settings(old, new)
                self.assertIn(named, self.refusal())

    def test_a_folder_with_something_else_in_it_is_left_alone(self):
        self.data.mkdir()
        (self.data / "thesis.txt").write_text("precious")
        self.assertIn("not a Hauspost data root", self.refusal())
        done = self.instance.run("init", "--hostname", "mail.example.test")
        self.assertEqual(done.returncode, 1)
        self.assertEqual([path.name for path in self.data.iterdir()], ["thesis.txt"])

    def test_a_newer_data_root_is_left_alone(self):
        self.init()
        marker = self.data / "hauspost-root"
        marker.write_text(marker.read_text().replace("format 1", "format 99"))
        self.assertIn("99", self.refusal())

    def test_a_port_in_use_is_named(self):
        self.init()
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind((HOST, self.base + 587))
            taken.listen()
            said = self.refusal()
        self.assertIn("submission", said)
        self.assertIn(str(self.base + 587), said)

    def test_children_do_not_run_by_hand(self):
        for name in ("auth", "frontend", "transport", "store"):
            done = subprocess.run([str(PROGRAMS / f"hauspost-{name}")], capture_output=True,
                                  text=True, timeout=20)
            self.assertNotEqual(done.returncode, 0, name)
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)


class Running(OwnServerTest):
    def test_two_servers_never_share_a_data_root(self):
        done = subprocess.run([str(PROGRAMS / "hauspostd"), "--data", str(self.server.data)],
                              capture_output=True, text=True, timeout=20)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.server.run("status").returncode, 0)

    def test_everything_is_there_after_a_restart(self):
        address = self.server.user()
        self.server.deliver(address, "before")
        self.server.restart()
        self.assertEqual(self.server.subjects(address), ["before"])
        self.server.deliver(address, "after")
        self.assertEqual(self.server.subjects(address), ["before", "after"])

    def test_a_stop_in_order_ends_every_process(self):
        status = self.server.ask("status")
        self.server.cli("server", "stop", timeout=40)
        self.assertEqual(self.server.process.wait(5), 0)
        for entry in status["processes"]:
            self.assertFalse(pathlib.Path(f"/proc/{entry['pid']}").exists(), entry["name"])
        self.assertEqual(self.server.run("status").returncode, 3)

    def test_the_death_of_the_supervisor_ends_every_process(self):
        address = self.server.user()
        self.server.deliver(address, "kept")
        pids = [entry["pid"] for entry in self.server.ask("status")["processes"]]
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait(5)
        for _ in range(100):
            left = [pid for pid in pids if pathlib.Path(f"/proc/{pid}").exists()]
            if not left:
                break
            time.sleep(0.05)
        self.assertEqual(left, [])
        self.server.start(self.server.log)
        self.assertEqual(self.server.subjects(address), ["kept"])

    def test_a_service_that_is_off_does_not_listen(self):
        def connects():
            try:
                socket.create_connection((HOST, ports_of_base(self.server.base)["imaps"]), 5).close()
                return True
            except ConnectionRefusedError:
                return False

        self.assertTrue(connects())
        self.server.cli("service", "disable", "imap")
        self.assertFalse(connects())
        self.server.cli("service", "enable", "imap")
        self.assertTrue(connects())
