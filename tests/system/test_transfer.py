"""Imports and exports of mail: whole round trips through a running server, requests that are suspended,
interrupted, refused and forgotten, and files that Python's own mailbox module reads and writes."""

import hashlib
import json
import mailbox
import os
import re
import signal
import time

from harness import OwnServerTest, SystemTest

FORMATS = ("mbox", "maildir", "eml", "zip")
WAIT_S = 60
KILLS = int(os.environ.get("HAUSPOST_KILL_ROUNDS", "3"))


def folders_of(imap):
    """The mailbox's own: those of others below Shared/ that everybody may see are not among them."""
    _, lines = imap.list()
    lines = [line for line in lines if not re.search(rb'"/" "?Shared(/|"?$)', line)]
    return sorted(re.search(rb'"/" (.*)$', line).group(1).decode().strip('"') for line in lines)


def contents(server, address, folders=None):
    """Hash, flags and internal date of every message, by folder."""
    out = {}
    with server.imap(address) as imap:
        for folder in folders or folders_of(imap):
            status, count = imap.select(f'"{folder}"', readonly=True)
            assert status == "OK", folder
            out[folder] = []
            if count == [b"0"]:
                continue
            _, parts = imap.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")
            for part in parts:
                if not isinstance(part, tuple):
                    continue
                flags = sorted(flag for flag in re.search(rb"FLAGS \(([^)]*)\)", part[0]).group(1).split()
                               if flag != b"\\Recent")
                date = re.search(rb'INTERNALDATE "([^"]+)"', part[0]).group(1)
                out[folder].append((hashlib.sha256(part[1]).hexdigest(), tuple(flags), date))
            out[folder].sort()
    return out


def fill(server, address, many=40):
    with server.imap(address) as imap:
        for folder in ("Archive/2013", "Archive/2013/deep.er", "&AOQ-rger"):
            imap.create(f'"{folder}"')
        when = '"21-Nov-2013 19:14:00 +0000"'
        put = imap.append
        put("INBOX", r"(\Seen \Flagged $Label1)", when, b"Subject: one\r\n\r\nFrom me\r\n>From you\r\n")
        put("INBOX", r"(\Answered)", '"01-Jan-1999 00:00:01 +0000"', b"Subject: two\r\n\r\nno end")
        put('"&AOQ-rger"', r"(\Draft work)", when, b"Subject: \xe4\xf6\r\n\r\n\x80\xff\r\n")
        put('"Archive/2013/deep.er"', "()", when, b"Status: O\r\nSubject: three\r\n\r\nx\r\n")
        put("Trash", r"(\Deleted)", when, b"Subject: gone\r\n\r\nx\r\n")
        for number in range(many):
            put('"Archive/2013"', r"(\Seen)" if number % 2 else "()", when,
                f"Subject: number {number}\r\n\r\n{'x' * 70}\r\n".encode() * (1 + number % 7))


class Transfers(SystemTest):
    def setUp(self):
        super().setUp()
        self.folder = self.server.folder / f"transfer-{self.id().rsplit('.', 1)[-1]}"
        self.folder.mkdir()
        # Each role may have a user of its own.
        self.server.folder.chmod(0o755)
        self.folder.chmod(0o777)

    def request(self, noun, *options, status=0):
        """A request that is waited for: its JSON."""
        done = self.server.run("--json", "mailbox", noun, "new", "--wait", *map(str, options))
        self.assertEqual(done.returncode, status, done.stderr)
        return json.loads(done.stdout)

    def refused(self, *arguments):
        ended = self.server.run(*map(str, arguments))
        self.assertNotEqual(ended.returncode, 0, arguments)
        return ended.stderr

    def test_every_format_brings_a_mailbox_back_as_it_was(self):
        source = self.server.user()
        fill(self.server, source)
        before = contents(self.server, source)
        for form in FORMATS:
            with self.subTest(form):
                path = self.folder / f"out-{form}"
                made = self.request("export", "--mailbox", source, "--file", path, "--format", form)
                self.assertEqual(made["state"], "Completed")
                self.assertEqual(made["messages"], 45)
                self.assertFalse(path.with_name(path.name + ".part").exists())
                target = self.server.user()
                read = self.request("import", "--mailbox", target, "--file", path)
                self.assertEqual((read["state"], read["messages"]), ("Completed", 45))
                self.assertEqual(contents(self.server, target), before)

    def test_folders_are_chosen_and_moved(self):
        source = self.server.user()
        fill(self.server, source, many=3)
        path = self.folder / "some"
        made = self.request("export", "--mailbox", source, "--file", path, "--format", "zip",
                            "--exclude", "#DeletedItems#/*", "--exclude", "Archive/2013/*")
        self.assertEqual(made["messages"], 3)
        target = self.server.user()
        self.request("import", "--mailbox", target, "--file", path, "--include", "#Inbox#",
                     "--target-root", "From elsewhere")
        found = contents(self.server, target)
        self.assertEqual(len(found["From elsewhere/INBOX"]), 2)
        self.assertEqual(found["INBOX"], [])
        again = self.server.user()
        self.request("import", "--mailbox", again, "--file", path, "--source-root", "INBOX")
        self.assertEqual(len(contents(self.server, again)["INBOX"]), 2)

    def test_pythons_mailbox_module_reads_what_we_write_and_writes_what_we_read(self):
        source = self.server.user()
        fill(self.server, source, many=5)
        self.request("export", "--mailbox", source, "--file", self.folder / "box", "--include", "INBOX")
        theirs = mailbox.mbox(self.folder / "box", create=False)
        self.assertEqual([message["Subject"] for message in theirs], ["one", "two"])
        self.assertEqual(theirs[0].get_flags(), "ROF")
        self.request("export", "--mailbox", source, "--file", self.folder / "dir", "--format", "maildir")
        maildir = mailbox.Maildir(self.folder / "dir", create=False)
        self.assertEqual(sorted(message.get_flags() for message in maildir), ["FSa", "R"])
        self.assertEqual(len(maildir.get_folder("Archive.2013")), 5)

        made = mailbox.mbox(self.folder / "python.mbox")
        for number in range(20):
            message = mailbox.mboxMessage(f"Subject: {number}\n\nFrom here\nbody\n")
            message.set_from(f"a{number}@example.org", time.gmtime(1385061240 + number))
            message.set_flags("RO" if number % 2 else "O")
            made.add(message)
        made.close()
        target = self.server.user()
        read = self.request("import", "--mailbox", target, "--file", self.folder / "python.mbox")
        self.assertEqual(read["messages"], 20)
        inbox = contents(self.server, target, ["INBOX"])["INBOX"]
        self.assertEqual(sum(b"\\Seen" in flags for _, flags, _ in inbox), 10)
        body = hashlib.sha256(b"Subject: 3\r\n\r\nFrom here\r\nbody\r\n").hexdigest()
        self.assertIn((body, (b"\\Seen",), b"21-Nov-2013 19:14:03 +0000"), inbox)

        made = mailbox.Maildir(self.folder / "python")
        message = mailbox.MaildirMessage("Subject: kept\n\nbody\n")
        message.set_subdir("cur")
        message.set_flags("FS")
        message.set_date(1385061240)
        made.add_folder("Sub.Deep").add(message)
        self.request("import", "--mailbox", target, "--file", self.folder / "python")
        self.assertEqual(contents(self.server, target, ["Sub/Deep"])["Sub/Deep"],
                         [(hashlib.sha256(b"Subject: kept\r\n\r\nbody\r\n").hexdigest(),
                           (b"\\Flagged", b"\\Seen"), b"21-Nov-2013 19:14:00 +0000")])

    def test_what_is_bad_is_counted_told_and_left_out(self):
        path = self.folder / "bad.mbox"
        good = b"From a@b Thu Nov 21 19:14:00 2013\nSubject: %d\n\nbody\n\n"
        empty = b"From a@b Thu Nov 21 19:14:00 2013\n\n"
        path.write_bytes(b"rubbish\n" + b"".join(good % i + empty for i in range(5)))
        target = self.server.user()
        read = self.request("import", "--mailbox", target, "--file", path, "--format", "mbox", status=4)
        self.assertEqual((read["state"], read["messages"], read["bad_items"]),
                         ("CompletedWithWarning", 5, 6))
        report = self.server.ask("mailbox", "import", "report", f"{target}/import0")
        self.assertEqual(len(report), 6)
        self.assertRegex(report[0], r"bad\.mbox at byte 0: ")
        said = self.server.run("mailbox", "import", "new", "--wait", "--mailbox", target, "--file",
                               str(path), "--format", "mbox", "--bad-items", "2", "--name", "strict")
        self.assertEqual(said.returncode, 1)
        self.assertIn("more than 2 bad items", said.stderr)
        self.server.cli("mailbox", "import", "set", f"{target}/strict", "--bad-items", "any")
        self.server.cli("mailbox", "import", "resume", f"{target}/strict")
        self.assertEqual(self.server.run("mailbox", "import", "stats", "--wait",
                                         f"{target}/strict").returncode, 4)
        self.assertEqual(len(contents(self.server, target, ["INBOX"])["INBOX"]), 10)

    def test_requests_have_names_and_one_file_has_one_writer(self):
        address = self.server.user()
        path = self.folder / "held"
        new = ("mailbox", "export", "new", "--mailbox", address, "--suspended", "--file")
        self.server.cli(*new, str(path))
        (self.folder / "x").mkdir()
        self.assertIn("is being written by export",
                      self.refused(*new, self.folder / "x" / ".." / "held"))
        for number in range(1, 10):
            self.server.cli(*new, str(self.folder / f"other{number}"))
        self.assertIn("--name", self.refused(*new, self.folder / "eleventh"))
        self.server.cli(*new, str(self.folder / "eleventh"), "--name", "mine")
        self.assertIn("already", self.refused(*new, self.folder / "twelfth", "--name", "MINE"))
        (self.folder / "there").write_text("x")
        self.assertIn("overwrite nothing", self.refused(*new, self.folder / "there"))
        names = [each["name"] for each in self.server.ask("mailbox", "export", "list", "--mailbox",
                                                          address)]
        self.assertEqual(names, [f"export{number}" for number in range(10)] + ["mine"])
        for name in names:
            self.server.cli("mailbox", "export", "remove", f"{address}/{name}")
        self.assertEqual(self.server.ask("mailbox", "export", "list", "--mailbox", address), [])

    def test_a_full_mailbox_suspends_the_import_which_goes_on_with_room(self):
        path = self.folder / "big.mbox"
        with open(path, "wb") as out:
            for number in range(40):
                out.write(b"From a@b Thu Nov 21 19:14:00 2013\nSubject: %d\n\n" % number)
                out.write((b"x" * 75 + b"\n") * 700 + b"\n")
        target = self.server.user()
        self.server.cli("mailbox", "set", target, "--prohibit-receive", "1M")
        self.server.cli("mailbox", "import", "new", "--mailbox", target, "--file", str(path))
        name = f"{target}/import0"
        self.assertEqual(self.server.run("mailbox", "import", "stats", "--wait", name).returncode, 1)
        shown = self.server.ask("mailbox", "import", "show", name)
        self.assertEqual(shown["state"], "Suspended")
        self.assertIn("full", shown["detail"])
        self.server.cli("mailbox", "set", target, "--prohibit-receive", "unlimited")
        self.server.cli("mailbox", "import", "resume", name)
        self.server.cli("mailbox", "import", "stats", "--wait", name)
        self.assertEqual(len(contents(self.server, target, ["INBOX"])["INBOX"]), 40)


class Interrupted(OwnServerTest):
    """Imports and exports whose worker, or whole server, is killed in their middle, again and again."""

    MESSAGES = 10_000

    def setUp(self):
        super().setUp()
        self.folder = self.server.folder / "files"
        self.folder.mkdir()
        self.server.folder.chmod(0o755)
        self.folder.chmod(0o777)
        # So many deaths would put the database aside.
        settings = self.server.data / "hauspost.toml"
        text = settings.read_text(encoding="utf-8")
        settings.write_text(re.sub(r"(?m)^quarantine_deaths\s*=.*$", "quarantine_deaths = 0", text),
                            encoding="utf-8")
        self.server.restart()

    def worker(self):
        return next((entry["pid"] for entry in self.server.ask("status")["processes"]
                     if entry["database"] == "DB1"), 0)

    def make_mbox(self, path):
        with open(path, "wb") as out:
            for number in range(self.MESSAGES):
                out.write(b"From a@b Thu Nov 21 19:14:00 2013\nSubject: %d\n\n" % number)
                out.write((b"%d" % number * 10 + b"\n") * (20 + number % 60) + b"\n")

    def wait_for(self, what):
        end = time.monotonic() + WAIT_S
        while True:
            value = what()
            if value:
                return value
            self.assertLess(time.monotonic(), end, "it does not come")
            time.sleep(0.05)

    def stats(self, noun, name):
        return self.server.ask("mailbox", noun, "stats", name)

    def kill_through(self, noun, name, times):
        """Kills the worker and the server in turn while the request moves; how often it was hit."""
        hits = 0
        for number in range(times):
            before = self.stats(noun, name)
            if before["state"].startswith("Completed"):
                break
            # It has come further, so that each death hits another place; but for the first, as a fast
            # machine has ended before any progress was told.
            now = self.wait_for(lambda: (lambda at: at if at["messages"] > before["messages"] or
                                         at["state"].startswith("Completed") or
                                         (number == 0 and at["state"] == "InProgress") else None)(
                                             self.stats(noun, name)))
            if now["state"].startswith("Completed"):
                break
            hits += 1
            if number % 2:
                self.server.process.kill()
                self.server.process.wait()
                self.server.process = None
                self.server.start(self.server.log)
            else:
                os.kill(self.wait_for(self.worker), signal.SIGKILL)
                self.wait_for(lambda: self.server.run("mailbox", "list").returncode == 0)
        return hits

    def finish(self, noun, name):
        return self.wait_for(lambda: (lambda at: at if at["state"].startswith("Completed") else None)(
            self.stats(noun, name)))

    def test_nothing_is_lost_or_doubled(self):
        source = self.folder / "source.mbox"
        self.make_mbox(source)
        address = self.server.user()
        self.server.cli("mailbox", "import", "new", "--mailbox", address, "--file", str(source))
        hits = self.kill_through("import", f"{address}/import0", KILLS)
        self.assertGreater(hits, 0)
        done = self.finish("import", f"{address}/import0")
        self.assertEqual((done["messages"], done["bad_items"]), (self.MESSAGES, 0))
        with self.server.imap(address) as imap:
            _, count = imap.select("INBOX", readonly=True)
            self.assertEqual(int(count[0]), self.MESSAGES)
            _, parts = imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            subjects = [int(part[1].split(b":")[1]) for part in parts if isinstance(part, tuple)]
        self.assertEqual(subjects, list(range(self.MESSAGES)))

        target = self.folder / "out.mbox"
        self.server.cli("mailbox", "export", "new", "--mailbox", address, "--file", str(target))
        self.kill_through("export", f"{address}/export0", KILLS)
        done = self.finish("export", f"{address}/export0")
        self.assertEqual(done["messages"], self.MESSAGES)
        bodies = []
        for part in re.split(rb"\n\n(?=From MAILER-DAEMON )", target.read_bytes()):
            bodies.append(int(re.search(rb"^Subject: (\d+)$", part, re.M).group(1)))
        self.assertEqual(bodies, list(range(self.MESSAGES)))
        self.server.cli("database", "check", "DB1")

    def test_suspended_is_still_and_resumed_goes_on(self):
        source = self.folder / "source.mbox"
        self.make_mbox(source)
        address = self.server.user()
        name = f"{address}/import0"
        self.server.cli("mailbox", "import", "new", "--mailbox", address, "--file", str(source))
        self.wait_for(lambda: self.stats("import", name)["messages"] > 0)
        ended = self.server.run("mailbox", "import", "suspend", name)
        if ended.returncode == 0:
            self.wait_for(lambda: self.stats("import", name)["state"] != "InProgress")
        # It may have ended before it was told to stop.
        if self.stats("import", name)["state"] == "Suspended":
            before = self.stats("import", name)["messages"]
            self.server.restart()
            time.sleep(1.5)
            self.assertEqual(self.stats("import", name)["messages"], before)
            self.assertEqual(self.stats("import", name)["state"], "Suspended")
            self.server.cli("mailbox", "import", "resume", name)
        done = self.finish("import", name)
        self.assertEqual(done["messages"], self.MESSAGES)
