"""hauspost setup: from nothing to mail read over IMAPS, again without changing anything, by options, by
a file of answers and by questions on a terminal."""

import json
import os
import pathlib
import pty
import select
import shutil
import signal
import smtplib
import subprocess
import tempfile
import time
import unittest

import imaplib
import ssl

from harness import HOST, PROGRAMS, TIMEOUT, free_port_base, message, subjects_in
from instance import Instance, ports_of_base
from scratch_disk import SETUP_FINE

PASSWORD = "correct horse battery"
ADDRESS = "anna@example.test"


class SetupTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hauspost-system-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.data = self.folder / "data"
        self.base = free_port_base()
        self.ports = ports_of_base(self.base)
        self.instance = Instance(PROGRAMS, self.data)
        self.addCleanup(self.instance.run, "server", "stop")
        self.password_file = self.folder / "password"
        self.password_file.write_text(PASSWORD + "\n")

    def options(self, *more):
        return ("--unattended", "--start", "detached", "--hostname", "mail.example.test", "--domain",
                "example.test", "--mailbox", ADDRESS, "--password-file", str(self.password_file),
                "--port-base", str(self.base), "--offline", "yes", *more)

    def setup_json(self, *options, status=SETUP_FINE):
        done = self.instance.run("--json", "setup", *options, timeout=120)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def imap(self):
        tls = ssl.create_default_context(cafile=str(self.data / "tls" / "certificate.pem"))
        connection = imaplib.IMAP4_SSL(HOST, self.ports["imaps"], ssl_context=tls, timeout=TIMEOUT)
        connection.login(ADDRESS, PASSWORD)
        return connection

    def deliver(self, recipient, subject):
        with smtplib.SMTP(HOST, self.ports["smtp"], timeout=TIMEOUT) as connection:
            refused = connection.sendmail("outside@example.org", [recipient],
                                          message(subject, "outside@example.org", recipient))
        self.assertEqual(refused, {})

    def wait_for(self, subject):
        end = time.monotonic() + 30
        while True:
            with self.imap() as connection:
                if subject in subjects_in(connection, "INBOX"):
                    return
            self.assertLess(time.monotonic(), end, f"{subject} did not arrive")
            time.sleep(0.2)


class Unattended(SetupTest):
    def test_from_nothing_to_mail_and_again_without_a_change(self):
        first = self.setup_json(*self.options())
        self.assertTrue(all(step["done"] for step in first["steps"]), first["steps"])
        self.assertEqual(first["mailbox"], ADDRESS)
        self.assertNotIn("password", first)
        self.assertEqual(first["dns_records"], [])  # of a private box
        self.assertIn(("imaps", self.ports["imaps"]),
                      [(one["service"], one["port"]) for one in first["client_settings"]])
        self.deliver(ADDRESS, "Welcome")
        self.wait_for("Welcome")
        self.deliver("abuse@example.test", "A complaint")
        self.wait_for("A complaint")
        audit = len(self.instance.ask("audit", "list"))
        again = self.setup_json(*self.options())
        self.assertEqual(again["steps"], [])
        plain = self.setup_json("--unattended")
        self.assertEqual(plain["steps"], [])
        self.assertEqual(len(self.instance.ask("audit", "list")), audit, "a second run changed something")

    def test_a_further_domain_and_service_later(self):
        self.setup_json(*self.options())
        plan = self.instance.ask("setup", "--unattended", "--dry-run", "--pop3", "yes", "--domain",
                                 "example.test", "--domain", "other.test")
        wanted = {"accept mail for other.test", "enable pop3", "enable pop3-backend",
                  f"mail for postmaster and abuse at other.test goes to {ADDRESS}"}
        self.assertEqual({step["step"] for step in plan["steps"]}, wanted)
        self.assertNotIn("other.test", self.instance.cli("domain", "list"))
        self.setup_json("--unattended", "--pop3", "yes", "--domain", "example.test", "--domain",
                        "other.test")
        self.assertIn("other.test", self.instance.cli("domain", "list"))
        self.deliver("postmaster@other.test", "To the postmaster")
        self.wait_for("To the postmaster")

    def test_a_server_that_was_stopped_is_started(self):
        self.setup_json(*self.options())
        self.instance.cli("server", "stop")
        printed = self.instance.run("setup", "--print-answers", "--start", "detached")
        self.assertEqual(printed.returncode, 3, printed.stdout + printed.stderr)
        self.assertFalse(self.instance.is_running())  # printing starts nothing
        self.setup_json("--unattended", "--start", "detached")
        self.assertTrue(self.instance.is_running())
        renamed = self.instance.run("setup", "--unattended", "--hostname", "other.example.test")
        self.assertEqual(renamed.returncode, 2, renamed.stdout + renamed.stderr)
        self.assertIn("mail.example.test", renamed.stderr)

    def test_an_administrator_whom_nobody_knows_leaves_no_group_that_swallows_mail(self):
        done = self.instance.run("setup", *self.options("--administrator", "nobody@example.test"),
                                 timeout=120)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("--administrator", done.stderr)
        self.assertEqual(self.instance.run("group", "show", "postmaster@example.test").returncode, 1)
        self.setup_json(*self.options())
        self.deliver("postmaster@example.test", "To somebody")
        self.wait_for("To somebody")

    def test_what_cannot_be_is_said_before_anything_is_done(self):
        cases = [(("--unattended", "--hostname", "mail.example.test", "--domain", "example.test",
                   "--mailbox", ADDRESS), "password"),
                 (("--unattended", "--hostname", "nodots"), "full host name"),
                 (self.options("--send", "smart-host"), "smart-host"),
                 (self.options("--public-address", "192.0.2.0/24"), "not an IP address"),
                 (self.options("--certificate", "files"), "certificate-file")]
        for options, word in cases:
            with self.subTest(word=word):
                done = self.instance.run("setup", *options)
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertIn(word, done.stderr)
                self.assertFalse(self.data.exists())

    def test_a_dry_run_does_nothing(self):
        plan = self.setup_json(*self.options("--dry-run"), status=0)
        self.assertGreater(len(plan["steps"]), 5)
        self.assertFalse(self.data.exists())

    def test_a_port_in_use_is_told_and_a_next_run_goes_on(self):
        import socket
        with socket.socket() as taken:
            taken.bind((HOST, self.ports["imap"]))
            taken.listen()
            done = self.instance.run("setup", *self.options(), timeout=120)
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertIn("another program listens there", done.stderr)
        self.setup_json(*self.options())
        self.deliver(ADDRESS, "After all")
        self.wait_for("After all")


class AnswerFile(SetupTest):
    def test_a_printed_file_is_taken_and_wrong_lines_are_named(self):
        printed = self.instance.cli("setup", "--print-answers", "--hostname", "mail.example.test",
                                    "--domain", "example.test", "--offline", "yes", "--mailbox",
                                    ADDRESS, "--password-file", str(self.password_file),
                                    "--port-base", str(self.base), "--start", "detached")
        self.assertFalse(self.data.exists())
        answers = self.folder / "answers.toml"
        answers.write_text(printed)
        done = self.setup_json("--answers", str(answers))
        self.assertEqual(done["hostname"], "mail.example.test")
        self.deliver(ADDRESS, "By file")
        self.wait_for("By file")
        for text, word in (('nonsense = "x"\n', "nonsense"), ('imap = "maybe"\n', "line 1"),
                           ("domain = [1]\n", "domain"), ("= broken", "line 1")):
            with self.subTest(text=text):
                answers.write_text(text)
                wrong = self.instance.run("setup", "--answers", str(answers))
                self.assertEqual(wrong.returncode, 2)
                self.assertIn(word, wrong.stderr)


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *command):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where the tests run in the background
            os.execv(command[0], command)
        self.text = ""

    def read_until(self, words, seconds=60):
        end = time.monotonic() + seconds
        seen = len(self.text)
        while words not in self.text[seen:]:
            left = end - time.monotonic()
            ready = select.select([self.fd], [], [], max(left, 0))[0]
            assert ready, f"{words!r} did not come: {self.text[-2000:]!r}"
            try:
                piece = os.read(self.fd, 4096)
            except OSError:
                piece = b""
            assert piece, f"{words!r} did not come before the end: {self.text[-2000:]!r}"
            self.text += piece.decode("utf-8", "replace")

    def answer(self, question, line):
        self.read_until(question)
        os.write(self.fd, (line + "\n").encode())

    def status(self):
        """Waits for the end, which is forced after a while."""
        while True:
            if not select.select([self.fd], [], [], 60)[0]:
                os.kill(self.pid, signal.SIGKILL)
            try:
                piece = os.read(self.fd, 4096)
            except OSError:
                break
            if not piece:
                break
            self.text += piece.decode("utf-8", "replace")
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Interactive(SetupTest):
    def start(self):
        return Terminal(str(PROGRAMS / "hauspost"), "--data", str(self.data), "setup", "--start",
                        "detached", "--port-base", str(self.base))

    def answer_all(self, terminal):
        terminal.answer("Full name of this server", "not a name")
        terminal.answer("Full name of this server", "mail.example.test")  # asked again
        terminal.answer("private box", "y")
        terminal.answer("Mail domain [example.test]", "")
        terminal.answer("first mailbox", ADDRESS)
        terminal.answer(f"postmaster and abuse [{ADDRESS}]", "")
        terminal.answer("Serve IMAP (yes, no) [yes]", "")
        terminal.answer("Serve POP3 (yes, no) [no]", "")
        terminal.answer("set themselves up", "no")
        terminal.answer("How mail leaves (direct, smart-host, none) [none]", "")
        terminal.answer("Certificate (self-signed, files, acme) [self-signed]", "")
        terminal.answer("DKIM key", "")
        terminal.answer("New password for mailbox " + ADDRESS, PASSWORD)
        terminal.answer("Again", PASSWORD)

    def test_questions_on_a_terminal(self):
        terminal = self.start()
        self.answer_all(terminal)
        terminal.answer("Do it?", "yes")
        self.assertEqual(terminal.status(), SETUP_FINE, terminal.text)
        self.assertNotIn(PASSWORD, terminal.text)  # no echo
        self.deliver(ADDRESS, "By questions")
        self.wait_for("By questions")

    def test_no_and_an_interrupt_leave_nothing(self):
        terminal = self.start()
        self.answer_all(terminal)
        terminal.answer("Do it?", "no")
        self.assertEqual(terminal.status(), 1, terminal.text)
        self.assertFalse(self.data.exists())
        terminal = self.start()
        self.answer_all(terminal)
        terminal.read_until("Do it?")
        os.kill(terminal.pid, signal.SIGINT)
        self.assertNotEqual(terminal.status(), 0)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["password"])

    def test_answers_by_a_pipe_and_an_early_end(self):
        command = [str(PROGRAMS / "hauspost"), "--data", str(self.data), "setup", "--hostname",
                   "mail.example.test", "--offline", "yes", "--start", "detached", "--port-base",
                   str(self.base)]
        lines = ["example.test", ADDRESS, "", "yes", "no", "no", "none", "self-signed", "none",
                 PASSWORD, "yes"]
        early = subprocess.run(command, input="\n".join(lines[:4]) + "\n", text=True,
                               capture_output=True, timeout=60)
        self.assertEqual(early.returncode, 2, early.stdout + early.stderr)
        self.assertIn("nothing was done", early.stderr)
        self.assertFalse(self.data.exists())
        # The server lives on: it must not hold what we read from.
        with open(self.folder / "out", "w+") as out:
            done = subprocess.run(command, input="\n".join(lines) + "\n", text=True, stdout=out,
                                  stderr=subprocess.STDOUT, timeout=120)
            out.seek(0)
            self.assertEqual(done.returncode, SETUP_FINE, out.read())
        self.deliver(ADDRESS, "By a pipe")
        self.wait_for("By a pipe")
