"""The command line: every verb with --json, exit statuses, thousands of mailboxes at once."""

import csv
import fcntl
import io
import json
import os
import pathlib
import pty
import re
import struct
import subprocess
import tempfile
import termios
import unittest

from harness import DOMAIN, PASSWORD, PROGRAMS, ROOT, OwnServerTest, SystemTest
from instance import Instance


def on_terminal(server, arguments, columns=80, answers=()):
    """What a verb shows on a terminal; each (prompt, answer) is typed when its prompt appears."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [str(server.programs / "hauspost"), "--data", str(server.data), *arguments],
        stdout=slave, stdin=slave, stderr=slave)
    os.close(slave)
    output = b""
    seen = 0
    answers = list(answers)
    while True:
        try:
            block = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not block:
            break
        output += block
        if answers and answers[0][0].encode() in output[seen:]:
            seen = len(output)
            os.write(master, answers.pop(0)[1].encode() + b"\n")
    process.wait()
    os.close(master)
    assert not answers, (answers, output)
    return output.decode("utf-8", "replace")


class Json(SystemTest):
    def test_status(self):
        status = self.server.ask("status")
        names = {entry["name"] for entry in status["processes"]}
        self.assertLessEqual({"auth", "frontend", "transport", "store DB1"}, names)
        self.assertTrue(all(entry["pid"] > 0 for entry in status["processes"]))
        listeners = {entry["service"]: entry for entry in status["listeners"]}
        self.assertEqual(listeners["imaps"]["port"], self.server.ports["imaps"])
        self.assertTrue(listeners["imaps"]["open"])
        self.assertFalse(listeners["pop3"]["open"])

    def test_databases(self):
        self.assertIn("DB1", [entry["name"] for entry in self.server.ask("database", "list")])
        shown = self.server.ask("database", "show", "db1")  # names compare without case
        self.assertEqual((shown["name"], shown["state"]), ("DB1", "mounted"))
        self.assertRegex(shown["guid"], r"^[0-9a-f]{8}-")
        self.server.user()
        self.assertGreater(self.server.ask("database", "show", "DB1")["mailboxes"], 0)

    def test_a_database_from_its_creation_to_its_end(self):
        made = self.server.ask("database", "create", "Short")
        self.assertEqual(made["state"], "mounted")
        self.assertEqual(self.server.ask("database", "dismount", "Short")["state"], "dismounted")
        self.assertEqual(self.server.ask("database", "mount", "Short")["state"], "mounted")
        self.assertEqual(self.server.run("database", "remove", "Short", "--yes").returncode, 1)
        self.server.cli("database", "dismount", "Short")
        tried = self.server.ask("database", "remove", "Short", "--dry-run")
        self.assertEqual(self.server.ask("database", "show", "Short")["name"], "Short")
        self.server.cli("--yes", "database", "remove", "Short")
        self.assertTrue(pathlib.Path(tried["path"]).is_dir())
        self.assertEqual(self.server.run("database", "show", "Short").returncode, 1)

    def test_domains(self):
        self.server.ask("domain", "add", "Bücher.example")
        names = [entry["name"] for entry in self.server.ask("domain", "list")]
        self.assertIn("xn--bcher-kva.example", names)
        self.server.cli("domain", "remove", "xn--bcher-kva.example", "--yes")
        self.assertNotIn("xn--bcher-kva.example",
                         [entry["name"] for entry in self.server.ask("domain", "list")])

    def test_a_mailbox_from_its_creation_to_its_end(self):
        address = f"Carol.Jones@{DOMAIN}"
        made = self.server.ask("mailbox", "create", address, "--display-name", "Carol",
                               "--alias", f"cj@{DOMAIN}", "--generate")
        self.assertGreaterEqual(len(made["password"]), 16)
        shown = self.server.ask("mailbox", "show", f"cj@{DOMAIN}")
        self.assertEqual(shown["guid"], made["guid"])
        self.assertNotIn("password", shown)
        connection = self.server.imap()
        connection.login(address, made["password"])
        connection.logout()
        changed = self.server.ask("mailbox", "set-password", address, "--generate")
        self.assertNotEqual(changed["password"], made["password"])
        with self.assertRaises(Exception):
            self.server.imap().login(address, made["password"])
        settings = {entry["service"]: entry
                    for entry in self.server.ask("mailbox", "client-settings", address)}
        self.assertEqual(settings["imaps"]["port"], self.server.ports["imaps"])
        self.assertEqual(settings["submission"]["encryption"], "STARTTLS")
        self.server.cli("mailbox", "remove", address, "--yes")
        self.assertEqual(self.server.run("mailbox", "show", address).returncode, 1)
        with self.server.smtp() as smtp:
            smtp.helo("x.example")
            smtp.mail("x@example.org")
            self.assertEqual(smtp.rcpt(address)[0], 550)

    def test_services_and_queue(self):
        states = {entry["name"]: entry["enabled"] for entry in self.server.ask("service", "list")}
        self.assertTrue(states["imap"] and states["imap-backend"])
        self.assertFalse(states.get("pop3", False))
        self.assertIsInstance(self.server.ask("queue", "message", "list"), list)


class Statuses(SystemTest):
    def status(self, *arguments, stdin=""):
        done = self.server.run(*arguments, stdin=stdin)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1 if done.returncode else 0,
                         done.stderr)
        return done.returncode

    def test_refused_is_1(self):
        self.server.user()
        for arguments in (("database", "create", "DB1"), ("database", "create", "../x"),
                          ("database", "create", "-- -rf"), ("database", "show", "None"),
                          ("domain", "add", "not a domain"), ("mailbox", "show", "nobody"),
                          ("database", "remove", "DB1", "--yes"), ("service", "enable", "nonsense"),
                          ("domain", "remove", DOMAIN, "--yes"),
                          ("mailbox", "create", "a@other.example", "--generate"),
                          ("mailbox", "create", f"a b@{DOMAIN}", "--generate")):
            self.assertEqual(self.status(*arguments), 1, arguments)

    def test_usage_is_2(self):
        for arguments in (("nonsense",), ("database",), ("mailbox", "create"),
                          ("mailbox", "create", f"new@{DOMAIN}"),  # no terminal to ask on
                          ("mailbox", "remove", f"new@{DOMAIN}")):
            self.assertEqual(self.status(*arguments), 2, arguments)

    def test_unreachable_is_3(self):
        with tempfile.TemporaryDirectory() as folder:
            other = Instance(self.server.programs, f"{folder}/data")
            other.cli("init", "--hostname", "x.example.test", "--port-base", "20000")
            done = other.run("status")
            self.assertEqual(done.returncode, 3)
            self.assertIn("hauspostd --data", done.stderr)

    def test_a_failure_in_json(self):
        done = self.server.run("--json", "database", "show", "None")
        self.assertEqual(json.loads(done.stdout)["error"]["code"], "not-found")

    def test_a_table_fits_its_terminal(self):
        self.server.user("a" * 60)
        output = on_terminal(self.server, ["mailbox", "list"], columns=60)
        lines = output.replace("\r", "").splitlines()
        self.assertTrue(any("…" in line for line in lines))
        self.assertLessEqual(max(map(len, lines)), 60)

    def test_a_password_is_asked_for_twice_and_not_shown(self):
        address = self.server.user()
        output = on_terminal(self.server, ["mailbox", "set-password", address],
                             answers=[("New password", "typed in"), ("Again", "typed in")])
        self.assertIn("has a new password", output)
        self.assertNotIn("typed in", output)
        connection = self.server.imap()
        self.assertEqual(connection.login(address, "typed in")[0], "OK")
        connection.logout()
        output = on_terminal(self.server, ["mailbox", "set-password", address],
                             answers=[("New password", "one thing"), ("Again", "another")])
        self.assertIn("differ", output)

    def test_nothing_is_destroyed_before_yes_is_typed(self):
        address = self.server.user()
        output = on_terminal(self.server, ["mailbox", "remove", address], answers=[("Type yes", "no")])
        self.assertIn("nothing was done", output)
        self.assertEqual(self.server.run("mailbox", "show", address).returncode, 0)
        on_terminal(self.server, ["mailbox", "remove", address], answers=[("Type yes", "yes")])
        self.assertEqual(self.server.run("mailbox", "show", address).returncode, 1)

    def test_completion_scripts_parse(self):
        script = self.server.cli("completion", "bash")
        done = subprocess.run(["bash", "-c", script + "\nCOMP_WORDS=(hauspost mailbox cre); "
                               "COMP_CWORD=2; _hauspost; echo \"${COMPREPLY[*]}\""],
                              capture_output=True, text=True)
        self.assertEqual((done.stdout.strip(), done.stderr), ("create", ""))
        self.assertIn("complete -c hauspost", self.server.cli("completion", "fish"))


def command_tree():
    """Each verb with its options, from the bash completion, which is made from the commands themselves."""
    script = subprocess.run([str(PROGRAMS / "hauspost"), "completion", "bash"], capture_output=True,
                            text=True, check=True).stdout
    verbs = {}
    for path, line in re.findall(r"^    '(.*?)'\) words='(.*)' ;;$", script, re.M):
        found = line.split()
        if any(not word.startswith("--") for word in found):
            continue  # a noun
        verbs[path] = [word for word in found if word != "--help"]
    return verbs


def flattened(text):
    """A manual page's source, or Markdown, as plain words."""
    text = re.sub(r"\\f[BIRP]", "", text).replace("\\-", "-")
    text = re.sub(r"^\.(B|I|BR|TP|SH)\b ?", "", text, flags=re.M)
    return re.sub(r"\s+", " ", text)


def undocumented(verbs, page, text):
    text = flattened(text)

    def says(words):
        return re.search(rf"(?<![\w-]){re.escape(words)}(?![\w-])", text)

    missing = [f"{page}: {verb}" for verb in verbs if not says(verb)]
    options = sorted({option for found in verbs.values() for option in found})
    return missing + [f"{page}: {option}" for option in options if not says(option)]


class Documentation(unittest.TestCase):
    def test_every_verb_and_option_is_documented(self):
        verbs = command_tree()
        self.assertIn("mailbox recover restore", verbs)  # the completion was understood
        self.assertIn("--dry-run", verbs["database remove"])
        missing = []
        for page in ("docs/cli.md", "docs/man/hauspost.1"):
            missing += undocumented(verbs, page, (ROOT / page).read_text(encoding="utf-8"))
        self.assertEqual(missing, [])

    def test_what_is_not_documented_is_found(self):
        verbs = {"database set": ["--keep-log"], "database sever": ["--keep"]}
        self.assertEqual(undocumented(verbs, "page", "\\fBdatabase set\\fR [\\fB\\-\\-keep\\-log\\fR]"),
                         ["page: database sever", "page: --keep"])


class Many(OwnServerTest):
    def write(self, rows):
        path = self.server.folder / "people.csv"
        with open(path, "w", newline="") as out:
            csv.writer(out).writerows(rows)
        return str(path)

    def test_hundreds_of_mailboxes_and_the_lines_that_failed(self):
        rows = [["address", "password", "display_name"]]
        rows += [[f"p{number}@{DOMAIN}", PASSWORD, f"Person, {number}"] for number in range(200)]
        rows[50][0] = "not an address"
        rows[100] = [f"p0@{DOMAIN}", PASSWORD, "twice"]
        rows[150] = ["too", "few"]
        done = self.server.run("--json", "mailbox", "create", "--csv", self.write(rows), timeout=120)
        self.assertEqual(done.returncode, 4, done.stderr)
        answer = json.loads(done.stdout)
        self.assertEqual(len(answer["created"]), 197)
        self.assertEqual([entry["line"] for entry in answer["failed"]], [51, 101, 151])
        for line in (51, 101, 151):
            self.assertIn(f"line {line}:", done.stderr)
        self.assertEqual(len(self.server.ask("mailbox", "list")), 197)
        self.assertEqual(self.server.subjects(f"p199@{DOMAIN}"), [])
        self.assertEqual(self.server.ask("mailbox", "show", f"p7@{DOMAIN}")["display_name"],
                         "Person, 7")

    def test_generated_passwords_come_as_csv(self):
        done = self.server.run("mailbox", "create", "--generate", "--csv",
                               self.write([["address"], [f"a@{DOMAIN}"], [f"b@{DOMAIN}"]]))
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        self.assertEqual([row["address"] for row in rows], [f"a@{DOMAIN}", f"b@{DOMAIN}"])
        connection = self.server.imap()
        self.assertEqual(connection.login(rows[1]["address"], rows[1]["password"])[0], "OK")
        connection.logout()

    def test_a_terminal_shows_how_far_it_is(self):
        path = self.write([["address", "password"],
                           *([f"p{number}@{DOMAIN}", PASSWORD] for number in range(100))])
        output = on_terminal(self.server, ["mailbox", "create", "--csv", path])
        self.assertRegex(output, r"\[#+\.+\] 50/100  \d+/s  \d+s left")
        self.assertIn("mailboxes created: 100, failed: 0", output)

    def test_a_dry_run_creates_nothing(self):
        path = self.write([["address"], [f"a@{DOMAIN}"]])
        answer = self.server.ask("mailbox", "create", "--csv", path, "--dry-run")
        self.assertEqual(len(answer["created"]), 1)
        self.assertEqual(self.server.ask("mailbox", "list"), [])
