"""What the server tells about itself: metrics, sessions and their end, log files, top."""

import fcntl
import gzip
import json
import os
import poplib
import pty
import re
import select
import socket
import struct
import subprocess
import termios
import threading
import time
import unittest

from harness import DOMAIN, HOST, PASSWORD, PROGRAMS, ROOT, TIMEOUT, Server
from instance import CliError

NAME = re.compile(r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")
SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (-?[0-9.e+-]+|NaN|[+-]Inf)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(,|$)')
MANUAL = ROOT / "docs" / "manual" / "metrics.md"


def parse_exposition(text):
    """Prometheus's text format, strictly: families with their type, and samples. What promtool
    would refuse raises."""
    types, helps, samples = {}, {}, {}
    current = None
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            assert NAME.match(name) and name not in helps, line
            helps[name] = line.split(" ", 3)[3]
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name in helps and name not in types, line
            assert kind in ("counter", "gauge", "histogram"), line
            types[name] = kind
            current = name
            continue
        match = SAMPLE.match(line)
        assert match, line
        name, labels, value = match.groups()
        family = re.sub("_(bucket|sum|count)$", "", name) if types[current] == "histogram" else name
        assert family == current, f"{line} stands under {current}"
        found = {}
        rest = labels[1:-1] if labels else ""
        while rest:
            label = LABEL.match(rest)
            assert label, line
            assert label[1] not in found, line
            found[label[1]] = label[2]
            rest = rest[label.end():]
        key = (name, tuple(sorted(found.items())))
        assert key not in samples, f"{line} stands twice"
        samples[key] = float(value.replace("Inf", "inf"))
        if types[current] == "counter":
            assert name.endswith("_total"), name
    return types, samples


def check_histograms(types, samples):
    for (name, labels), value in samples.items():
        if not name.endswith("_bucket"):
            continue
        of = dict(labels)
        bound = of.pop("le")
        rest = tuple(sorted(of.items()))
        if bound == "+Inf":
            assert samples[(name[:-7] + "_count", rest)] == value, name
            assert (name[:-7] + "_sum", rest) in samples, name


class ObserveTest(unittest.TestCase):
    """The tests of a class share a server, and so ask by how much its numbers grow."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.destroy)
        # Probes log in and send mail, too: the numbers would be theirs as well.
        cls.server.cli("health", "set", "--probes", "off")

    def metrics(self):
        types, samples = parse_exposition(self.server.cli("metrics"))
        check_histograms(types, samples)
        return samples

    def total(self, name, **labels):
        wanted = set(labels.items())
        return sum(value for (found, of), value in self.metrics().items()
                   if found == name and wanted <= set(of))

    def wait_for(self, condition, what, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                self.fail(f"not within {seconds} s: {what}")
            time.sleep(0.1)

    def sessions(self, *options):
        return self.server.ask("session", "list", *options)["sessions"]


class MetricsTest(ObserveTest):
    def test_they_move_when_mail_flows(self):
        user = self.server.user()
        before = {name: self.total(name) for name in (
            "hauspost_smtp_messages_total", "hauspost_smtp_message_bytes_total",
            "hauspost_store_sync_seconds_count")}
        delivered = self.total("hauspost_store_deliveries_total", outcome="delivered")
        connections = self.total("hauspost_connections_total", service="smtp", outcome="accepted")
        refused = self.total("hauspost_smtp_refusals_total", stage="rcpt", outcome="refused")
        messages = self.total("hauspost_store_messages", database="DB1")
        for number in range(3):
            self.server.deliver(user, f"Number {number}")
        with self.assertRaises(Exception):
            self.server.deliver("nobody@" + DOMAIN)
        self.assertEqual(self.total("hauspost_smtp_messages_total"),
                         before["hauspost_smtp_messages_total"] + 3)
        self.assertGreater(self.total("hauspost_smtp_message_bytes_total"),
                           before["hauspost_smtp_message_bytes_total"] + 300)
        self.assertEqual(self.total("hauspost_store_deliveries_total", outcome="delivered"),
                         delivered + 3)
        self.assertEqual(self.total("hauspost_connections_total", service="smtp",
                                    outcome="accepted"), connections + 4)
        self.assertEqual(self.total("hauspost_smtp_refusals_total", stage="rcpt",
                                    outcome="refused"), refused + 1)
        self.assertGreaterEqual(self.total("hauspost_store_sync_seconds_count"),
                                before["hauspost_store_sync_seconds_count"] + 1)
        with self.server.imap(user) as connection:
            connection.select("INBOX")
            connection.fetch("1:*", "(FLAGS)")
            connection.fetch("1:*", "(ENVELOPE)")
            self.assertEqual(self.total("hauspost_sessions", service="imaps"), 1)
            self.assertEqual(self.total("hauspost_sessions_logged_in", service="imaps"), 1)
        self.assertEqual(self.total("hauspost_imap_commands_total", command="FETCH",
                                    outcome="ok"), 2)
        self.assertEqual(self.total("hauspost_imap_command_seconds_count", command="FETCH"), 2)
        self.assertEqual(self.total("hauspost_logins_total", outcome="ok"), 1)
        self.assertGreater(self.total("hauspost_client_bytes_total", direction="out"), 100)
        with self.assertRaises(Exception):
            self.server.imap().login(user, "wrong " + PASSWORD)
        self.assertEqual(self.total("hauspost_logins_total", outcome="denied"), 1)
        self.assertEqual(self.total("hauspost_tls_handshakes_total", outcome="ok",
                                    service="imaps"), 2)
        self.assertEqual(self.total("hauspost_child_up", role="store", database="DB1"), 1)
        self.assertEqual(self.total("hauspost_store_messages", database="DB1"), messages + 3)

    def test_what_waits_in_a_queue(self):
        user = self.server.user()
        self.assertEqual(self.total("hauspost_queue_items"), 0)
        queued = self.total("hauspost_transport_recipients_total", outcome="queued")
        with self.server.submission(user) as connection:
            connection.sendmail(user, ["far@away.example"], "Subject: Out\r\n\r\nBody\r\n")
        self.wait_for(lambda: self.total("hauspost_queue_items", queue="unreachable") == 1,
                      "the message in queue Unreachable")
        self.assertEqual(self.total("hauspost_transport_recipients_total", outcome="queued"),
                         queued + 1)
        self.wait_for(lambda: self.total("hauspost_queue_oldest_seconds",
                                         queue="unreachable") > 0, "an age")

    def test_the_socket_tells_the_same(self):
        def read():
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(TIMEOUT)
                # Paths of sockets are short.
                here = os.getcwd()
                os.chdir(self.server.data / "run")
                try:
                    connection.connect("metrics.sock")
                finally:
                    os.chdir(here)
                return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

        types, samples = parse_exposition(read())
        check_histograms(types, samples)
        self.assertEqual(samples[("hauspost_child_up", (("role", "transport"),))], 1)
        told = parse_exposition(self.server.cli("metrics"))[0]
        self.assertEqual(set(types), set(told))

    def test_a_child_that_is_gone_is_told(self):
        self.server.cli("database", "dismount", "DB1")
        self.addCleanup(self.server.cli, "database", "mount", "DB1")
        samples = self.metrics()
        self.assertEqual(samples[("hauspost_database_mounted", (("database", "DB1"),))], 0)
        self.assertFalse([key for key in samples if key[0] == "hauspost_store_messages"])


class DocumentedTest(ObserveTest):
    """The page, the dashboard and the rules speak of the metrics there are."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        user = cls.server.user()
        cls.server.cli("service", "enable", "pop3", "pop3-backend")
        cls.server.deliver(user)
        with cls.server.imap(user) as connection:
            connection.select("INBOX")
        cls.exported = parse_exposition(cls.server.cli("metrics"))[0]

    def test_every_family_is_documented_and_every_documented_one_exists(self):
        types = self.exported
        rows = re.findall(r"^\| `(hauspost_[a-z0-9_]+)` \| (counter|gauge|histogram) \|",
                          MANUAL.read_text(), re.M)
        self.assertEqual(len(rows), len(dict(rows)), "a name stands twice")
        documented = dict(rows)
        own = {name: kind for name, kind in types.items()}
        self.assertEqual(sorted(set(own) - set(documented)), [], "not documented")
        # Probes tell only once there were some.
        missing = {name for name in set(documented) - set(own)
                   if not name.startswith("hauspost_health_")}
        self.assertEqual(sorted(missing), [], "documented, not exported")
        self.assertEqual({name: documented[name] for name in own}, own)

    def test_dashboard_and_rules_use_exported_names_only(self):
        types = self.exported
        known = set(types)
        for name, kind in types.items():
            if kind == "histogram":
                known |= {name + suffix for suffix in ("_bucket", "_sum", "_count")}
        folder = ROOT / "docs" / "monitoring"
        dashboard = json.loads((folder / "hauspost-dashboard.json").read_text())
        expressions = [target["expr"] for panel in dashboard["panels"]
                       for target in panel.get("targets", [])]
        self.assertGreater(len(expressions), 15)
        rules = (folder / "hauspost-alerts.yml").read_text()
        self.assertIn("expr:", rules)
        for text in [*expressions, rules]:
            for name in re.findall(r"\bhauspost_[a-z0-9_]+", text):
                self.assertIn(name, known)


class SessionTest(ObserveTest):
    def test_imap_is_listed_and_told_goodbye(self):
        user, other = self.server.user(), self.server.user()
        mine = self.server.imap(user)
        self.addCleanup(mine.shutdown)
        with self.server.imap(other) as others:
            mine.select("INBOX")
            listed = self.sessions("--user", user)
            self.assertEqual(len(listed), 1)
            session = listed[0]
            self.assertEqual(session["service"], "imaps")
            self.assertEqual(session["database"], "DB1")
            self.assertEqual(session["client"], HOST)
            self.assertTrue(session["tls"].startswith("TLSv1"))
            self.assertEqual(session["command"], "SELECT")
            self.assertEqual(session["folder"], "INBOX")
            self.assertGreater(session["bytes_out"], 0)
            self.assertEqual(len(self.sessions("--service", "imap")), 2)
            self.assertEqual(self.sessions("--service", "pop3"), [])
            self.assertEqual(len(self.sessions("--database", "db1")), 2)
            self.assertEqual(len(self.sessions("--limit", "1")), 1)
            would = self.server.ask("session", "kill", "--user", user, "--dry-run")
            self.assertEqual(would["count"], 1)
            self.assertEqual(mine.noop()[0], "OK")
            told = self.server.ask("session", "kill", session["id"][:13])
            self.assertEqual(told["count"], 1)
            self.assertIn(b"BYE", mine.readline())
            self.assertEqual(mine.readline(), b"")
            self.assertEqual(others.noop()[0], "OK")
            self.wait_for(lambda: not self.sessions("--user", user), "the session's end")
            with self.assertRaises(CliError):
                self.server.cli("session", "kill", session["id"])

    def test_pop3_and_smtp_are_told_goodbye(self):
        user = self.server.user()
        self.server.cli("service", "enable", "pop3", "pop3-backend")
        pop3 = poplib.POP3_SSL(HOST, self.server.ports["pop3s"], context=self.server.tls(),
                               timeout=TIMEOUT)
        self.addCleanup(pop3.close)
        pop3.user(user)
        pop3.pass_(PASSWORD)
        pop3.stat()
        listed = self.sessions("--service", "pop3")
        self.assertEqual([(one["user"], one["command"]) for one in listed], [(user, "STAT")])
        self.server.cli("session", "kill", "--service", "pop3", "--yes")
        self.assertTrue(pop3.file.readline().startswith(b"-ERR"))
        self.assertEqual(pop3.file.readline(), b"")
        smtp = self.server.submission(user)
        self.addCleanup(smtp.close)
        self.assertEqual(self.sessions("--service", "smtp")[0]["user"], user)
        # One that has not logged in has no name, and an id all the same.
        outside = self.server.smtp()
        self.addCleanup(outside.close)
        outside.noop()
        nameless = [one for one in self.sessions("--service", "smtp") if one["service"] == "smtp"]
        self.assertEqual([one["user"] for one in nameless], [""])
        self.server.cli("session", "kill", "--user", user)
        self.assertEqual(smtp.getreply()[0], 421)
        self.server.cli("session", "kill", nameless[0]["id"])
        self.assertEqual(outside.getreply()[0], 421)

    def test_nothing_is_killed_without_saying_what(self):
        with self.assertRaises(CliError):
            self.server.cli("session", "kill")


class TopTest(ObserveTest):
    def test_once_as_json(self):
        user = self.server.user()
        stop = threading.Event()

        def traffic():
            with self.server.imap(user) as connection:
                while not stop.is_set():
                    connection.noop()

        client = threading.Thread(target=traffic)
        client.start()
        try:
            self.wait_for(lambda: self.sessions("--user", user), "a session")
            facts = self.server.ask("top", "--once", "--interval", "1")
        finally:
            stop.set()
            client.join()
        self.assertGreater(facts["rates_per_s"]["imap_commands"], 1)
        self.assertGreater(facts["latencies"]["imap_command"]["count"], 0)
        self.assertGreater(facts["latencies"]["imap_command"]["p95_s"], 0)
        processes = {one["process"]: one for one in facts["processes"]}
        for name in ("hauspostd", "auth", "frontend", "transport", "store DB1"):
            self.assertTrue(processes[name]["up"], name)
            self.assertGreater(processes[name]["resident_bytes"], 1 << 20, name)
        self.assertEqual([one["database"] for one in facts["databases"]], ["DB1"])
        self.assertEqual({one["queue"] for one in facts["queues"]},
                         {"delivery", "remote", "unreachable", "poison"})
        services = {one["service"]: one for one in facts["services"]}
        self.assertEqual(services["imaps"]["logged_in"], 1)

    def test_plain_lines_without_a_terminal(self):
        text = self.server.cli("top", "--count", "2", "--interval", "0.2")
        self.assertEqual(text.count("Memory in all"), 2)
        self.assertNotIn("\x1b", text)
        with self.assertRaises(CliError):
            self.server.cli("top", "--interval", "0")

    def test_live_on_a_terminal(self):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(PROGRAMS / "hauspost", ["hauspost", "--data", str(self.server.data), "top",
                                             "--interval", "0.2"])
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 80, 120, 0, 0))
        shown = b""
        end = time.monotonic() + 30
        while b"PROCESS" not in shown and time.monotonic() < end:
            if select.select([terminal], [], [], 1)[0]:
                shown += os.read(terminal, 65536)
        self.assertIn(b"PROCESS", shown)
        os.write(terminal, b"m")
        os.write(terminal, b"q")
        while True:
            try:
                more = os.read(terminal, 65536)
            except OSError:
                break
            if not more:
                break
            shown += more
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        os.close(terminal)
        self.assertIn(b"\x1b[?1049h", shown)
        self.assertTrue(shown.rstrip().endswith(b"\x1b[?1049l"))

    def test_log_show_without_a_file_says_where_the_lines_are(self):
        with self.assertRaises(CliError) as caught:
            self.server.cli("log", "show")
        self.assertIn("journalctl", str(caught.exception))


class LogTest(ObserveTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.stop()
        with open(cls.server.data / "hauspost.toml", "a") as file:
            print('\n[log]', 'target = "file"', 'rotate_size = "64K"', 'keep = 50', sep="\n",
                  file=file)
        cls.server.start(cls.server.log)
        cls.path = cls.server.data / "log" / "hauspost.log"
        for listener in ("smtp", "submission", "imap", "imaps", "pop3", "pop3s"):  # hundreds from one address
            cls.server.cli("listener", "set", listener, "--new-per-minute", "100000")

    def level(self, role, level):
        """Until the test has ended."""
        self.addCleanup(self.server.cli, "log", "level", role, "info")
        return self.server.ask("log", "level", role, level)

    def all_text(self, path):
        while True:
            text = ""
            try:
                for file in sorted(path.parent.glob("hauspost.log*"),
                                   key=lambda one: (one == path, one)):
                    if not file.name.endswith("~"):
                        opener = gzip.open if file.suffix == ".gz" else open
                        with opener(file, "rt", errors="replace") as lines:
                            text += lines.read()
                return text
            except FileNotFoundError:
                pass  # put aside or compressed meanwhile: it has another name now

    def test_lines_of_every_process_go_to_the_file_and_show_finds_them(self):
        path = self.path
        user = self.server.user()
        self.server.deliver(user)
        with self.server.imap(user) as connection:
            connection.select("INBOX")
        self.wait_for(lambda: "session.started" in self.all_text(path), "the store's lines")
        roles = {line.split(" pid=")[0].split(" ", 2)[2]
                 for line in self.all_text(path).splitlines()}
        self.assertLessEqual({"hauspostd", "auth", "frontend", "transport", "store DB1"}, roles)
        shown = self.server.ask("log", "show", "--role", "store", "--event", "session")["lines"]
        self.assertTrue(shown)
        self.assertEqual({line["role"] for line in shown}, {"store DB1"})
        self.assertIn(user, [line["fields"].get("user") for line in shown])
        self.assertEqual(self.server.ask("log", "show", "--since", "1h", "--level", "error")["lines"],
                         [])
        with self.assertRaises(CliError):
            self.server.cli("log", "show", "--level", "loud")

    def test_files_rotate_and_no_line_is_lost(self):
        path = self.path
        self.server.cli("listener", "set", "smtp", "--new-per-minute", "100000")
        sessions = 350
        count = self.all_text(path).count(" session.accepted ") + sessions
        for number in range(sessions):
            with self.server.smtp() as connection:
                connection.ehlo(f"number-{number}.example")
        self.wait_for(lambda: len(list(path.parent.glob("hauspost.log-*.gz"))) >= 1,
                      "a compressed file")
        # One that has just been compressed stands there twice for a moment.
        self.wait_for(lambda: self.all_text(path).count(" session.accepted ") == count,
                      "every session's line, once")
        self.assertLess(path.stat().st_size, 70 << 10)
        self.assertGreaterEqual(self.total("hauspost_log_rotations_total"), 1)
        self.assertEqual(self.total("hauspost_log_dropped_total"), 0)
        lines = self.server.ask("log", "show", "--lines", "0", "--event", "session.accepted")
        self.assertEqual(len(lines["lines"]), count)

    def test_follow(self):
        follower = subprocess.Popen(
            [PROGRAMS / "hauspost", "--data", self.server.data, "log", "show", "--follow",
             "--event", "session.accepted"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(follower.wait)
        self.addCleanup(follower.kill)
        self.addCleanup(follower.stdout.close)
        found = []
        reader = threading.Thread(target=lambda: found.append(follower.stdout.readline()))
        reader.start()
        end = time.monotonic() + 30
        while not found and time.monotonic() < end:
            self.server.smtp().close()
            time.sleep(0.2)
        follower.kill()
        reader.join()
        self.assertIn("session.accepted", found[0])

    def test_level_changes_while_a_process_runs(self):
        path = self.path
        user = self.server.user()
        told = self.level("transport", "debug")
        self.assertEqual(told["changed"], ["transport"])
        with self.server.submission(user) as connection:
            connection.mail(user)  # from here on it is transport that answers
            connection.docmd("NONSENSE")
        self.wait_for(lambda: " debug transport " in self.all_text(path), "a line of level debug")
        self.level("store", "error")
        before = self.all_text(path).count("session.started")
        with self.server.imap(user):
            pass
        self.assertEqual(self.all_text(path).count("session.started"), before)
        for role, level in (("nobody", "info"), ("all", "loud")):
            with self.assertRaises(CliError):
                self.server.cli("log", "level", role, level)

    def test_no_secret_is_ever_written(self):
        path = self.path
        self.level("all", "debug")
        user = self.server.user()
        with self.server.imap(user), self.server.submission(user):
            pass
        with self.assertRaises(Exception):
            self.server.imap().login(user, "another secret word")
        application = self.server.ask("mailbox", "app-password", "create", user, "--name", "phone")
        self.wait_for(lambda: "login.failed" in self.all_text(path), "the failed login")
        text = self.all_text(path)
        for secret in (PASSWORD, "another secret word", application.get("password", PASSWORD)):
            self.assertNotIn(secret, text)
        self.assertIn("login.ok", text)


if __name__ == "__main__":
    unittest.main()
