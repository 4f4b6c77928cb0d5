"""The queue as an administrator sees it, its settings, pressure, the Safety Net, and kill -9."""

import collections
import itertools
import os
import pathlib
import random
import re
import shutil
import signal
import smtplib
import tempfile
import threading
import time

from harness import TIMEOUT, OwnServerTest, message
from smtp_peer import SmtpPeer

_numbers = itertools.count(1)


class Gone(dict):
    """Refuses everybody whose address begins so."""

    def __contains__(self, recipient):
        return recipient.startswith("gone")

    def __getitem__(self, recipient):
        return f"550 5.1.1 <{recipient}> is not here"


class QueueTest(OwnServerTest):
    def setUp(self):
        super().setUp()
        self.peer = SmtpPeer()
        self.addCleanup(self.peer.stop)
        self.domain = f"queued{next(_numbers)}.test"
        self.server.cli("connector", "send", "create", "out", "--address-space", self.domain,
                        "--smart-host", self.peer.address)
        self.user = self.server.user()
        self.queue = "Remote/out"

    def send(self, *locals_, subject="Hello", sender=None):
        sender = sender or self.user
        to = [f"{local}@{self.domain}" for local in locals_]
        with self.server.submission(sender) as smtp:
            self.assertEqual(smtp.sendmail(sender, to, message(subject, sender, to[0])), {})

    def messages(self, *options):
        return self.server.ask("queue", "message", "list", *options)

    def until(self, condition, what, seconds=TIMEOUT):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.05)

    def suspend(self):
        """A queue exists from its first message on."""
        self.send("first", subject="First")
        self.until(lambda: self.peer.taken, "the first message is relayed")
        self.until(lambda: not self.messages(), "and leaves the queue")
        self.server.cli("queue", "suspend", self.queue)


class Administration(QueueTest):
    def test_a_suspended_queue_waits_and_goes_on(self):
        self.suspend()
        for name in ("a", "b", "c"):
            self.send(name)
        shown = self.server.ask("queue", "show", self.queue)
        self.assertEqual((shown["state"], shown["messages"]), ("suspended", 3))
        listed = self.server.ask("queue", "list")
        self.assertEqual([entry["name"] for entry in listed["queues"]], [self.queue])
        self.assertEqual(listed["pressure"]["level"], "normal")
        self.assertEqual({item["state"] for item in self.messages()}, {"suspended"})
        self.server.restart()
        self.assertEqual(self.server.ask("queue", "show", self.queue)["state"], "suspended")
        self.server.cli("queue", "resume", self.queue)
        self.until(lambda: len(self.peer.taken) == 4, "all are relayed")
        self.until(lambda: not self.messages(), "nothing waits")

    def test_messages_are_found_by_filters_and_page_by_page(self):
        self.suspend()
        other = self.server.user()
        for number in range(5):
            self.send(f"r{number}", sender=other if number == 3 else None)
        self.assertEqual(len(self.messages("--filter", f"sender = {other}")), 1)
        self.assertEqual(len(self.messages("--filter", "recipient ~ r1@ and size < 100K")), 1)
        self.assertEqual(len(self.messages("--filter", "age > 1h")), 0)
        self.assertEqual(len(self.messages("--limit", "2")), 2)
        wrong = self.server.run("queue", "message", "list", "--filter", "colour = red")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("colour", wrong.stderr)
        one = self.server.ask("queue", "message", "show", self.messages()[0]["id"])
        self.assertEqual([to["address"] for to in one["recipients"]], [f"r0@{self.domain}"])
        self.assertEqual(self.server.run("queue", "message", "show", "99-99").returncode, 1)
        self.assertEqual(self.server.run("queue", "show", "Remote/none").returncode, 1)

    def test_what_is_removed_comes_back_unless_told_otherwise(self):
        self.suspend()
        for name in ("back", "silent"):
            self.send(name)
        would = self.server.ask("queue", "message", "remove", "--filter", "recipient ~ back@",
                                "--dry-run")
        self.assertEqual([len(would["messages"]), len(self.messages())], [1, 2])
        self.server.cli("--yes", "queue", "message", "remove", "--filter", "recipient ~ back@")
        self.server.cli("--yes", "queue", "remove", self.queue, "--no-ndr")
        self.assertEqual(self.messages(), [])
        self.until(lambda: self.server.subjects(self.user), "the sender has it back")
        time.sleep(0.5)
        self.assertEqual(len(self.server.subjects(self.user)), 1)
        self.assertEqual(self.server.run("--yes", "queue", "message", "remove").returncode, 2)

    def test_one_message_waits_while_others_go(self):
        self.suspend()
        for name in ("go", "stay"):
            self.send(name)
        stays = self.messages("--filter", "recipient ~ stay@")[0]["id"]
        self.server.cli("queue", "message", "suspend", stays)
        self.server.cli("queue", "resume", self.queue)
        self.until(lambda: len(self.peer.taken) == 2, "one goes")
        self.assertEqual([item["id"] for item in self.messages()], [stays])
        self.server.cli("queue", "message", "resume", stays)
        self.until(lambda: len(self.peer.taken) == 3, "the other too")

    def test_export_and_redirect(self):
        self.suspend()
        self.send("x", subject="Exported")
        folder = pathlib.Path(tempfile.mkdtemp(prefix="hauspost-queue-"))
        self.addCleanup(shutil.rmtree, folder, True)
        self.server.cli("queue", "export", self.queue, "--to", str(folder))
        (file,) = folder.iterdir()
        self.assertIn(b"\r\nSubject: Exported\r\n", file.read_bytes())
        printed = self.server.run("queue", "message", "export", self.messages()[0]["id"])
        self.assertIn("Subject: Exported", printed.stdout)
        self.assertEqual(len(self.messages()), 1)
        another = SmtpPeer()
        self.addCleanup(another.stop)
        self.server.cli("connector", "send", "create", "aside", "--address-space", "none.test",
                        "--smart-host", another.address)
        for to, status in (("Remote/nobody", 1), ("Delivery/DB1", 1)):
            self.assertEqual(self.server.run("queue", "redirect", self.queue, "--to", to).returncode,
                             status)
        self.server.cli("queue", "redirect", self.queue, "--to", "Remote/aside")
        self.assertEqual(another.wait()[0].recipients, [f"x@{self.domain}"])
        self.until(lambda: not self.messages(), "nothing waits")

    def test_a_hop_that_is_down_is_tried_as_the_settings_say(self):
        self.server.cli("queue", "set", "glitch-interval=1s")
        self.peer.answers["CONNECT"] = [None] * 3
        self.send("x")
        self.until(lambda: len(self.peer.taken) == 1, "it goes at the fourth attempt")
        settings = {entry["name"]: entry for entry in self.server.ask("queue", "set")}
        self.assertEqual(settings["glitch-interval"]["value"], 1)
        self.server.cli("queue", "set", "glitch-interval=default")
        settings = {entry["name"]: entry for entry in self.server.ask("queue", "set")}
        self.assertEqual(settings["glitch-interval"]["value"], 60)
        for wrong, status in (("expiry=1h", 1), ("glitch-interval=0", 1), ("colour=3", 2), ("expiry", 2)):
            self.assertEqual(self.server.run("queue", "set", wrong).returncode, status, wrong)

    def test_retry_does_not_wait(self):
        self.peer.answers["CONNECT"] = [None]
        self.send("x")
        self.until(lambda: any(item["attempts"] for item in self.messages()), "a first attempt fails")
        self.assertEqual(self.server.ask("queue", "show", self.queue)["state"], "retry")
        self.server.cli("queue", "retry", "--all")
        self.until(lambda: len(self.peer.taken) == 1, "it goes")


class Pressure(QueueTest):
    def both(self):
        """What a stranger and a user hear at MAIL."""
        with self.server.smtp() as outside, self.server.submission(self.user) as inside:
            outside.ehlo("client.test")
            return outside.mail("x@example.net")[0], inside.mail(self.user)[0]

    def expect(self, codes):
        end = time.monotonic() + TIMEOUT
        while self.both() != codes:
            self.assertLess(time.monotonic(), end, self.both())
            time.sleep(0.2)

    def test_a_long_queue_makes_strangers_wait_and_then_everybody(self):
        self.suspend()
        for name in ("a", "b"):
            self.send(name)
        self.server.cli("queue", "set", "items-medium=2", "items-high=3")
        self.expect((452, 250))
        level = self.server.ask("queue", "list")["pressure"]
        self.assertEqual(level, {"level": "medium", "cause": "2 messages wait"})
        self.send("c")
        self.expect((452, 452))
        self.server.cli("queue", "resume", self.queue)
        self.expect((250, 250))


class SafetyNet(QueueTest):
    def test_delivered_mail_is_kept_and_arrives_once_however_often_it_is_resubmitted(self):
        self.server.cli("database", "dismount", "DB1")
        self.server.deliver(self.user, "Kept")
        # The second setting shows when both hold.
        self.server.cli("queue", "set", "safety-net=2d", "items-medium=1")
        self.until(lambda: self.server.ask("queue", "list")["pressure"]["level"] == "medium",
                   "the settings are followed")
        self.server.cli("database", "mount", "DB1")
        self.server.wait_for_subject(self.user, "Kept")
        self.until(lambda: not self.messages(), "nothing waits")
        found = self.server.ask("safetynet", "resubmit", "--dry-run", "--recipient", self.user)
        self.assertEqual(found, {"messages": 1, "dry_run": True})
        self.assertEqual(self.server.ask("safetynet", "resubmit", "--sender", "nobody")["messages"], 0)
        self.assertEqual(self.server.ask("safetynet", "resubmit", "--database", "DB1")["messages"], 1)
        self.until(lambda: not self.messages(), "it goes at once")
        self.assertEqual(self.server.subjects(self.user), ["Kept"])


class KillNine(QueueTest):
    KILLS = 8

    def setUp(self):
        super().setUp()
        settings = self.server.data / "hauspost.toml"
        text = settings.read_text(encoding="utf-8")
        settings.write_text(re.sub(r"(?m)^quarantine_deaths\s*=.*$", "quarantine_deaths = 0", text),
                            encoding="utf-8")
        self.server.restart()

    def pid(self):
        """Of transport; 0 while there is none."""
        found = [p["pid"] for p in self.server.ask("status")["processes"] if p["name"] == "transport"]
        return found[0] if found else 0

    def load(self, stop, answered):
        """Messages for somebody who is there and for somebody who is not."""
        numbers = itertools.count(1)
        while not stop.is_set():
            try:
                with self.server.submission(self.user) as smtp:
                    while not stop.is_set():
                        number = next(numbers)
                        text = message(f"n{number}", self.user, f"ok@{self.domain}")
                        smtp.sendmail(self.user, [f"ok@{self.domain}", f"gone{number}@{self.domain}"], text)
                        answered.append(number)
            except (OSError, smtplib.SMTPException):
                time.sleep(0.05)

    def test_every_answered_message_leaves_and_every_failure_is_reported_once(self):
        self.server.cli("queue", "set", "glitch-interval=1s")
        self.peer.delays["END"] = 0.01
        self.peer.rejects = Gone()
        stop, answered = threading.Event(), []
        sender = threading.Thread(target=self.load, args=(stop, answered))
        sender.start()
        try:
            for _ in range(self.KILLS):
                time.sleep(random.uniform(0.2, 0.6))
                self.until(self.pid, "transport runs")
                os.kill(self.pid(), signal.SIGKILL)
        finally:
            time.sleep(1)
            stop.set()
            sender.join()
        self.assertGreater(len(answered), self.KILLS)
        self.until(lambda: not self.messages(), "everything has gone", 90)
        self.assertEqual(self.messages("--queue", "Poison"), [])
        taken = collections.Counter(self.number_of(one.data) for one in self.peer.taken)
        self.assertEqual([number for number in answered if not taken[number]], [])
        # A copy more only where the answer to the end of data was lost with the process.
        again = sum(count - 1 for number, count in taken.items() if number in set(answered))
        self.assertLessEqual(again, self.KILLS * 20)
        told = collections.Counter(self.failed_numbers())
        self.assertEqual([number for number in answered if told[number] != 1], [])

    @staticmethod
    def number_of(data):
        return int(data.split(b"Subject: n", 1)[1].split(b"\r\n", 1)[0])

    def failed_numbers(self):
        """Of whom the sender was told, report by report."""
        with self.server.imap(self.user) as connection:
            connection.select("INBOX", readonly=True)
            _, parts = connection.fetch("1:*", "(BODY.PEEK[])")
        for part in parts:
            if not isinstance(part, tuple):
                continue
            for line in part[1].decode(errors="replace").splitlines():
                if line.startswith("Final-Recipient:"):
                    yield int(line.split("gone", 1)[1].split("@", 1)[0])
