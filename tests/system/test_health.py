"""The server looks after itself: probes through its front doors, restarts of what hangs, mail to the
administrator, and a health mailbox that nobody else gets into."""

import imaplib
import json
import os
import signal
import smtplib
import subprocess
import time
import unittest

from harness import DOMAIN, PASSWORD, PROGRAMS, Server

SECONDS = 60


def wait_for(what, found, seconds=SECONDS):
    end = time.monotonic() + seconds
    while True:
        value = found()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} within {seconds} s")
        time.sleep(0.2)


def children(server):
    """Process ids by program and database, of the children of this server's supervisor."""
    parent = int((server.data / "run" / "ready").read_text())
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                stat = file.read()
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                command = file.read().split(b"\0")
        except OSError:
            continue
        if int(stat.rpartition(")")[2].split()[1]) == parent:
            found[os.path.basename(command[0].decode())] = int(entry)
    return found


class HealthTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.destroy)
        cls.server.cli("service", "enable", "pop3", "pop3-backend")
        cls.admin = cls.server.user("admin")
        # A round each second makes more connections than one address may have.
        for listener in ("smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s"):
            cls.server.cli("listener", "set", listener, "--new-per-minute", "100000")
        # Strangers, and who types a wrong password, wait for their answers; nobody has to here.
        cls.server.cli("connector", "receive", "set", "Default Frontend mail", "--tarpit", "0s")
        cls.server.cli("connector", "receive", "set", "Client Frontend mail", "--auth-tarpit", "0s")
        # Less time, and a machine with much else to do looks broken.
        cls.server.cli("health", "set", "--interval", "1s", "--timeout", "3s", "--failures", "2",
                       "--window", "3", "--restarts-per-hour", "20", "--disk-free", "0",
                       "--administrator", cls.admin)

    def show(self):
        answer = json.loads(self.server.cli("--json", "health", "show"))
        return {(target["set"], target["target"]): target for target in answer["targets"]}

    def health_address(self):
        boxes = json.loads(self.server.cli("--json", "mailbox", "list", "--all"))
        return next(box["address"] for box in boxes if box["system"])

    def refused(self, *arguments):
        """What the CLI says of a command that fails."""
        done = subprocess.run([PROGRAMS / "hauspost", "--data", self.server.data, *arguments],
                              capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def wait_healthy(self):
        def healthy():
            targets = self.show()
            return targets if targets and all(
                one["state"] == "healthy" for one in targets.values()
                if one["set"] in ("imap", "pop3", "smtp", "submission", "mailflow", "search",
                                  "database", "auth", "transport", "frontend")) else None
        return wait_for("everything healthy", healthy)

    def test_probes_go_green(self):
        self.server.cli("health", "show", "--now")
        targets = self.wait_healthy()
        for name in ("imap", "pop3", "mailflow", "search", "database"):
            self.assertEqual(targets[(name, "DB1")]["outcome"], "good", targets[(name, "DB1")])
        for name in ("smtp", "submission", "auth", "transport", "frontend", "health", "clock"):
            self.assertEqual(targets[(name, "")]["outcome"], "good", targets[(name, "")])
        self.assertGreater(targets[("imap", "DB1")]["time_us"], 0)
        doors = [target for name, target in targets if name == "frontend" and target]
        self.assertEqual(sorted(door.split()[0] for door in doors),
                         ["imap", "imaps", "pop3", "pop3s", "smtp", "submission", "submissions"])
        self.server.cli("health", "report")
        # Though not with each round, doors are tried again without being asked for.
        looked = targets[("imap", "DB1")]["looked_s"]
        wait_for("another look at IMAP", lambda: self.show()[("imap", "DB1")]["looked_s"] > looked)

    def test_tests_run_now_and_tell_steps(self):
        for name, last in (("imap", "remove"), ("pop3", "quit"), ("mailflow", "remove")):
            answer = json.loads(self.server.cli("--json", "test", name, "--database", "DB1"))
            self.assertEqual([one["outcome"] for one in answer], ["good"], answer)
            self.assertEqual(answer[0]["steps"][-1]["name"], last)
        answer = json.loads(self.server.cli("--json", "test", "smtp"))
        self.assertEqual(sorted(one["test"] for one in answer), ["smtp", "submission"])
        self.assertIn("does not exist", self.refused("test", "imap", "--database", "DB9"))

    def test_the_mailbox_stays_empty(self):
        self.wait_healthy()
        stats = json.loads(self.server.cli("--json", "database", "show", "DB1"))
        before = stats["messages"]
        self.server.cli("test", "mailflow")
        self.server.cli("test", "imap")
        stats = json.loads(self.server.cli("--json", "database", "show", "DB1"))
        # Others' rounds may be under way.
        self.assertLessEqual(abs(stats["messages"] - before), 3)

    def test_nobody_else_gets_in(self):
        self.wait_healthy()
        address = self.health_address()
        listed = json.loads(self.server.cli("--json", "mailbox", "list"))
        self.assertNotIn(address, [box["address"] for box in listed])
        with self.assertRaises(imaplib.IMAP4.error):
            self.server.imap(address)
        with self.server.submission() as connection:
            with self.assertRaises(smtplib.SMTPAuthenticationError):
                connection.login(address, PASSWORD)
        with self.server.smtp() as connection:
            connection.ehlo("outside.example.org")
            connection.mail("outside@example.org")
            for recipient in (address, "postmaster@hauspost.internal",
                              "anybody@hauspost.internal"):
                self.assertEqual(connection.rcpt(recipient)[0], 550, recipient)
        # Nor does mail for it leave.
        with self.server.submission(self.admin) as connection:
            connection.mail(self.admin)
            self.assertEqual(connection.rcpt(address)[0], 550)
        self.assertIn("the server's own", self.refused("mailbox", "set-password", address,
                                                       "--generate"))
        self.assertIn("the server's own", self.refused("--yes", "mailbox", "remove", address))
        self.assertIn("the server's own", self.refused("domain", "add", "hauspost.internal"))

    def test_a_store_worker_that_hangs_is_restarted(self):
        self.wait_healthy()
        user = self.server.user()
        worker = children(self.server)["hauspost-store"]
        os.kill(worker, signal.SIGSTOP)
        wait_for("another store worker",
                 lambda: children(self.server).get("hauspost-store", worker) != worker)
        self.wait_healthy()
        self.server.deliver(user, "After the restart")
        self.server.wait_for_subject(user, "After the restart")
        log = self.server.log.read_text()
        self.assertIn("health.unhealthy", log)
        self.assertRegex(log, r'health\.restart .*component="?store DB1')
        self.assertIn("store DB1 was restarted", self.show()[("database", "DB1")]["done"])
        host = "mail.example.test"
        self.server.wait_for_subject(self.admin, f"{host}: database DB1 is well again", SECONDS)
        # What only follows from that fault is no subject of its own.
        told = {subject for subject in self.server.subjects(self.admin) if "DB1" in subject}
        self.assertEqual(told, {f"{host}: database DB1 is unhealthy",
                                f"{host}: database DB1 is well again"})

    def test_the_administrator_hears_of_transport(self):
        self.wait_healthy()
        transport = children(self.server)["hauspost-transport"]
        os.kill(transport, signal.SIGSTOP)
        wait_for("another transport",
                 lambda: children(self.server).get("hauspost-transport", transport) != transport)
        self.wait_healthy()
        host = "mail.example.test"
        self.server.wait_for_subject(self.admin, f"{host}: transport is unhealthy", SECONDS)
        self.server.wait_for_subject(self.admin, f"{host}: transport is well again", SECONDS)
        subjects = self.server.subjects(self.admin)
        self.assertEqual(subjects.count(f"{host}: transport is unhealthy"), 1, subjects)

    def test_what_is_in_maintenance_is_not_restarted_and_not_tried(self):
        self.wait_healthy()
        self.server.cli("component", "set", "pop3", "--state", "inactive", "--requester",
                        "maintenance")
        try:
            wait_for("POP3 is not tried",
                     lambda: ("pop3", "DB1") not in self.show())
        finally:
            self.server.cli("component", "set", "pop3", "--state", "active", "--requester",
                            "maintenance")
        wait_for("POP3 is tried again", lambda: ("pop3", "DB1") in self.show())

    def test_an_override_holds_until_it_is_lifted(self):
        self.wait_healthy()
        self.server.cli("health", "override", "search", "--off")
        wait_for("search is off", lambda: self.show()[("search", "DB1")]["state"] == "off")
        self.server.cli("health", "override", "search", "--on")
        wait_for("search is on", lambda: self.show()[("search", "DB1")]["state"] == "healthy")
        self.assertIn("not switched off", self.refused("health", "override", "search", "--on"))

    def test_settings_are_checked(self):
        self.assertIn("must be from", self.refused("health", "set", "--failures", "21"))
        self.assertIn("cannot be so many",
                      self.refused("health", "set", "--failures", "6", "--window", "5"))


if __name__ == "__main__":
    unittest.main()
