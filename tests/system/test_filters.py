"""What refuses, holds back and changes mail from outside; and the whole story of a message, told by
`hauspost track`."""

import email
import os
import pathlib
import shutil
import smtplib
import socket
import subprocess
import tempfile
import time
import unittest

from dns_server import DnsServer
from harness import DOMAIN, HOST, Server, Wire, message
from instance import CliError
from milter import Milter, wait_for_port

SETTINGS_SECONDS = 15  # until sessions begin under what was set


class FilterTest(unittest.TestCase):
    """One server for all tests of a class; each takes away what it switched on."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.destroy)

    def setUp(self):
        self.address = self.server.user()

    def filter(self, *words):
        """Runs a verb that adds something, and takes it away afterwards."""
        self.server.cli(*words)
        noun = list(words[:words.index("add")])
        self.addCleanup(self.server.cli, *noun, "remove", words[len(noun) + 1])

    def set(self, *options, back=()):
        self.server.cli("filter", "set", *options)
        self.addCleanup(self.server.cli, "filter", "set", *back)

    def reply(self, sender, recipient, subject="Hello"):
        """The first reply that refuses, or that to the message."""
        with Wire(self.server.ports["smtp"]) as wire:
            wire.reply()
            for line in ("EHLO client.example.org", f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>",
                         "DATA"):
                answer = wire.command(line)
                if answer[0] not in "23":
                    wire.command("QUIT")
                    return answer
            answer = wire.command(message(subject, sender, recipient) + ".")
            wire.command("QUIT")
            return answer

    def wait_for_reply(self, wanted, *arguments):
        """Until the settings hold: they are looked at every two seconds."""
        end = time.monotonic() + SETTINGS_SECONDS
        while True:
            reply = self.reply(*arguments)
            if reply.startswith(wanted):
                return reply
            self.assertLess(time.monotonic(), end, f"{reply!r} instead of {wanted!r}")
            time.sleep(0.2)

    def events(self, *options):
        return self.server.ask("track", "search", *options)["events"]

    def fetch(self, address, number=-1):
        with self.server.imap(address) as imap:
            imap.select("INBOX", readonly=True)
            last = imap.search(None, "ALL")[1][0].split()[number].decode()
            return email.message_from_bytes(imap.fetch(last, "(BODY.PEEK[])")[1][0][1])


class ListsTest(FilterTest):
    def test_nothing_is_switched_on_by_itself(self):
        shown = {(entry["kind"], entry["name"]): entry for entry in self.server.ask("filter", "show")}
        self.assertEqual(set(kind for kind, _ in shown),
                         {"greylist", "client-checks", "reputation", "null-sender", "caps"})
        for kind in ("greylist", "client-checks", "reputation", "null-sender"):
            self.assertFalse(shown[kind, ""]["enabled"], kind)
        self.wait_for_reply("250", "a@example.net", self.address)

    def test_a_blocked_client_and_one_that_is_allowed(self):
        self.filter("filter", "ip-block", "add", "127.0.0.0/8", "--note", "loopback", "--until", "1h")
        self.wait_for_reply("550 5.7.1 Mail from [127.0.0.1] is not taken", "a@example.net", self.address)
        refused = self.events("--event", "refuse", "--recipient", self.address)
        self.assertEqual(refused[0]["detail"], "ip-block")
        self.assertEqual(refused[0]["remote"], "127.0.0.1")
        # Users are not asked about.
        with self.server.submission(self.address) as connection:
            connection.sendmail(self.address, [self.address], message("own", self.address, self.address))
        self.filter("filter", "ip-allow", "add", "127.0.0.1")
        self.wait_for_reply("250", "a@example.net", self.address)

    def test_an_entry_ends_by_itself(self):
        self.filter("filter", "ip-block", "add", "127.0.0.1", "--until", "6s")
        self.wait_for_reply("550", "a@example.net", self.address)
        self.wait_for_reply("250", "a@example.net", self.address)

    def test_blocked_senders_and_recipients(self):
        self.filter("filter", "sender", "add", "*.bad.example", "--note", "spam")
        self.filter("filter", "recipient", "add", self.address)
        self.wait_for_reply("550 5.7.1 Sender refused", "x@very.bad.example", self.address)
        self.wait_for_reply("550 5.7.1 Recipient refused", "x@good.example", self.address)

    def test_what_is_wrong_is_refused_and_says_why(self):
        for words in (("filter", "ip-block", "add", "192.0.2.1/24"), ("filter", "sender", "add", "a b"),
                      ("filter", "dnsbl", "add", "x.example", "--codes", "10.0.0.1"),
                      ("filter", "ip-block", "remove", "192.0.2.1"),
                      ("milter", "add", "x", "--address", "somewhere"),
                      ("filter", "set", "--block-level", "10"),
                      ("quarantine", "show", "11111111-2222-3333-4444-555555555555")):
            done = self.server.run(*words)
            self.assertEqual(done.returncode, 1, words)
            self.assertTrue(done.stderr.strip(), words)
        self.assertEqual(self.server.run("filter", "set").returncode, 2)
        before = self.server.ask("filter", "show")
        self.server.cli("filter", "sender", "add", "x.example", "--dry-run")
        self.server.cli("filter", "set", "--greylist", "on", "--dry-run")
        self.assertEqual(self.server.ask("filter", "show"), before)

    def test_a_dns_list(self):
        with DnsServer({"1.0.0.127.list.example": {"A": ["127.0.0.2"]}}) as dns:
            self.server.cli("dns", "set", "--server", dns.address, "--timeout", "300ms", "--tries", "1")
            other = self.server.user()
            self.filter("filter", "dnsbl-exempt", "add", other)
            self.filter("filter", "dnsbl", "add", "list.example", "--text", "%IP is on %LIST, see there")
            self.wait_for_reply("550 5.7.1 127.0.0.1 is on list.example, see there", "a@example.net",
                                self.address)
            self.assertTrue(self.reply("a@example.net", other).startswith("250"))
            self.assertGreaterEqual(dns.count("1.0.0.127.list.example", "A"), 1)
            # Another answer than one of the codes that count is none.
            self.server.cli("filter", "dnsbl", "set", "list.example", "--codes", "127.0.0.9")
            self.wait_for_reply("250", "a@example.net", self.address)
        # Nobody answers any more: mail goes on.
        self.server.cli("filter", "dnsbl", "set", "list.example", "--codes", "127.0.0.2")
        time.sleep(3)
        self.assertTrue(self.reply("a@example.net", self.address).startswith("250"))

    def test_greylisting_outlives_a_restart(self):
        self.set("--greylist", "on", "--greylist-delay", "4s", back=("--greylist", "off"))
        self.wait_for_reply("451 4.7.1 Greylisted", "grey@example.net", self.address)
        self.server.restart()
        self.assertEqual(self.server.ask("filter", "client", "list")["greylist_triplets"], 1)
        self.wait_for_reply("250", "grey@example.net", self.address)
        self.assertEqual(self.events("--event", "refuse", "--sender", "grey@")[-1]["detail"], "greylist")

    def test_caps_of_a_user(self):
        self.server.cli("filter", "set", "--messages", "1", "--mailbox", self.address)
        other = self.server.user()
        end = time.monotonic() + SETTINGS_SECONDS
        with self.assertRaises(smtplib.SMTPSenderRefused) as refused:
            while time.monotonic() < end:
                with self.server.submission(self.address) as connection:
                    connection.sendmail(self.address, [other], message("n", self.address, other))
        self.assertEqual(refused.exception.smtp_code, 450)
        self.server.cli("filter", "set", "--mailbox", self.address, "--default")
        self.assertEqual([entry["name"] for entry in self.server.ask("filter", "show")
                          if entry["kind"] == "caps"], [""])


class MilterTest(FilterTest):
    def milter(self, *options, path=None):
        program = Milter(path)
        self.addCleanup(program.stop)
        if path:
            path.chmod(0o666)  # transport may be another user
        self.filter("milter", "add", "test", "--address", program.address, *options)
        end = time.monotonic() + SETTINGS_SECONDS
        while not program.heard:
            self.reply("a@example.net", self.address, "probe")
            self.assertLess(time.monotonic(), end)
            time.sleep(0.3)
        return program

    def test_what_it_changes_is_what_arrives(self):
        self.milter(path=self.server.folder / "milter.sock")
        self.assertTrue(self.reply("a@example.net", self.address, "tag").startswith("250"))
        got = self.fetch(self.address)
        self.assertEqual((got["X-Test"], got["Subject"]), ("yes", "tagged"))
        self.reply("a@example.net", self.address, "body")
        self.assertEqual(self.fetch(self.address).get_payload(), "Another body\r\n")
        self.reply("a@example.net", self.address, "sender")
        self.assertEqual(self.fetch(self.address)["Return-Path"], "<changed@example.org>")
        other = self.server.user()
        count = len(self.server.subjects(self.address))
        self.reply("a@example.net", self.address, f"reroute:{other}")
        self.assertEqual(self.server.subjects(other), [f"reroute:{other}"])
        self.assertEqual(len(self.server.subjects(self.address)), count)

    def test_what_it_refuses_is_refused_and_tracked(self):
        self.milter()
        self.assertTrue(self.reply("m@example.net", self.address, "reject").startswith("550 5.7.1"))
        self.assertTrue(self.reply("m@example.net", self.address, "tempfail").startswith("451"))
        self.assertEqual(self.reply("m@example.net", self.address, "reply"), "554 5.7.9 Not of this kind")
        story = self.events("--event", "refuse", "--sender", "m@example.net")
        self.assertEqual([event["subject"] for event in story], ["reply", "tempfail", "reject"])
        self.assertEqual({event["detail"] for event in story}, {"milter test"})

    def test_quarantine_keeps_and_releases(self):
        self.milter()
        for subject in ("quarantine", "discard", "quarantine"):
            self.assertTrue(self.reply("q@example.net", self.address, subject).startswith("250"))
        self.assertNotIn("quarantine", self.server.subjects(self.address))
        self.server.restart()  # it is on the disk
        kept = self.server.ask("quarantine", "list", "--recipient", self.address)
        self.assertEqual([entry["reason"] for entry in kept], ["looks bad", "discarded", "looks bad"])
        first, second, third = [entry["id"] for entry in kept]
        shown = self.server.ask("quarantine", "show", first)
        self.assertEqual(shown["filter"], "test")
        self.assertIn("Subject: quarantine", shown["header"])
        path = self.server.folder / "export.eml"
        self.server.cli("quarantine", "export", first, str(path))
        self.assertEqual(email.message_from_bytes(path.read_bytes())["Subject"], "quarantine")
        self.server.cli("quarantine", "release", first, second)
        subjects = self.server.subjects(self.address)
        self.assertEqual((subjects.count("quarantine"), subjects.count("discard")), (1, 1))
        story = [event["event"] for event in self.server.ask("track", "show", first)["events"]]
        self.assertEqual(story, ["QUARANTINE", "RESUBMIT", "RECEIVE", "DELIVER"])
        self.server.cli("quarantine", "remove", third, "--dry-run")
        self.server.cli("--yes", "quarantine", "remove", third)
        self.assertEqual(self.server.ask("quarantine", "list", "--recipient", self.address), [])
        self.assertEqual(self.server.ask("track", "show", third)["events"][-1]["event"], "DROP")

    def test_one_that_does_not_answer(self):
        self.milter("--end-timeout", "1s")
        self.assertTrue(self.reply("a@example.net", self.address, "hang").startswith("451 4.7.1"))
        self.server.cli("milter", "set", "test", "--address", "inet:127.0.0.1:9", "--on-failure", "accept")
        time.sleep(3)
        self.assertTrue(self.reply("a@example.net", self.address, "free").startswith("250"))
        self.server.cli("milter", "set", "test", "--on-failure", "tempfail")
        self.wait_for_reply("451 4.7.1", "a@example.net", self.address)


def program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class RealMilterTest(FilterTest):
    """Programs that people run behind their mail servers."""

    def run_program(self, *command, port=None, path=None):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)

        def connect():
            if process.poll() is not None:
                self.fail(f"{command[0]} ended with {process.returncode}")
            if path:
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(str(path))
            else:
                socket.create_connection((HOST, port), timeout=1).close()
        wait_for_port(connect)

    def folder(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="hauspost-milter-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        return folder

    @unittest.skipUnless(program("opendkim"), "needs opendkim")
    def test_opendkim_signs_what_users_submit(self):
        folder, port = self.folder(), free_port()
        key = folder / "key.pem"
        subprocess.run(["openssl", "genrsa", "-traditional", "-out", key, "2048"], check=True,
                       capture_output=True)
        key.chmod(0o600)
        config = folder / "opendkim.conf"
        config.write_text(f"Mode s\nDomain {DOMAIN}\nSelector s1\nKeyFile {key}\n"
                          f"Socket inet:{port}@127.0.0.1\nSyslog no\nRequireSafeKeys no\n"
                          f"Canonicalization relaxed/simple\nInternalHosts 127.0.0.1\n")
        self.run_program(program("opendkim"), "-f", "-x", str(config), port=port)
        self.filter("milter", "add", "opendkim", "--address", f"inet:127.0.0.1:{port}", "--users", "on")
        other = self.server.user()
        end = time.monotonic() + SETTINGS_SECONDS
        while True:
            with self.server.submission(self.address) as connection:
                connection.sendmail(self.address, [other], message("Signed", self.address, other))
            got = self.fetch(other)
            if got["DKIM-Signature"]:
                break
            self.assertLess(time.monotonic(), end, "opendkim did not sign")
            time.sleep(0.3)
        self.assertIn(f"d={DOMAIN}", got["DKIM-Signature"])
        self.check_signature(other, key)

    def check_signature(self, address, key):
        """By an independent implementation, where there is one."""
        public = subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-outform", "DER"], check=True,
                                capture_output=True).stdout
        with self.server.imap(address) as imap:
            imap.select("INBOX", readonly=True)
            last = imap.search(None, "ALL")[1][0].split()[-1].decode()
            raw = imap.fetch(last, "(BODY.PEEK[])")[1][0][1]
        script = ("import sys, base64, dkim\n"
                  "key = base64.b64encode(bytes.fromhex(sys.argv[1]))\n"
                  "record = b'v=DKIM1; k=rsa; p=' + key\n"
                  "good = dkim.verify(sys.stdin.buffer.read(), dnsfunc=lambda *a, **k: record)\n"
                  "sys.exit(0 if good else 1)\n")
        have = subprocess.run(["/usr/bin/python3", "-c", "import dkim"], capture_output=True)
        if have.returncode != 0:
            self.skipTest("needs python3-dkim")
        done = subprocess.run(["/usr/bin/python3", "-c", script, public.hex()], input=raw,
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    @unittest.skipUnless(program("spamass-milter") and program("spamd"), "needs spamass-milter and spamd")
    def test_spamass_milter_marks_what_is_spam(self):
        folder, port = self.folder(), free_port()
        rules = ("header HAS_BAD_WORD Subject =~ /badword/", "score HAS_BAD_WORD 20", "required_score 5",
                 "use_bayes 0", "dns_available no")
        self.run_program(program("spamd"), "-L", "-x", "-i", "127.0.0.1", "-p", str(port), "-m", "1",
                         "-H", str(folder), "-r", str(folder / "spamd.pid"),
                         *(f"--cf={rule}" for rule in rules), port=port)
        path = folder / "spamass.sock"
        # Spam from a score of 15 on is rejected.
        self.run_program(program("spamass-milter"), "-p", str(path), "-r", "15", "--", "-p", str(port),
                         "-d", "127.0.0.1", path=path)
        folder.chmod(0o755)
        path.chmod(0o666)  # transport may be another user
        self.filter("milter", "add", "spamassassin", "--address", f"unix:{path}")
        self.wait_for_reply("550 5.7.1", "s@example.net", self.address, "a badword")
        self.assertTrue(self.reply("s@example.net", self.address, "a good word").startswith("250"))
        self.assertIn("score", self.fetch(self.address)["X-Spam-Status"])


class StoryTest(FilterTest):
    def test_one_message_from_its_session_to_its_mailboxes(self):
        other = self.server.user()
        with self.server.submission(self.address) as connection:
            connection.sendmail(self.address, [other, "nobody@elsewhere.example"],
                                message("The story", self.address, other))
        found = self.events("--sender", self.address, "--event", "receive")
        self.assertEqual(len(found), 1)
        self.assertEqual(found[0]["subject"], "The story")
        story = self.server.ask("track", "show", found[0]["id"])["events"]
        kinds = [event["event"] for event in story]
        self.assertEqual(kinds[0], "RECEIVE")
        self.assertCountEqual(kinds[1:3], ["DELIVER", "TRANSFER"])
        transfer = story[kinds.index("TRANSFER")]
        self.assertEqual(transfer["recipients"], ["nobody@elsewhere.example"])
        self.assertEqual(transfer["source"], "Unreachable")
        self.assertEqual(story[kinds.index("DELIVER")]["recipients"], [other])
        text = self.server.cli("track", "show", found[0]["message_id"])
        for word in ("RECEIVE", "DELIVER", "TRANSFER", other, "The story"):
            self.assertIn(word, text)

    def test_what_is_refused_in_the_session(self):
        sender = f"r{self.server.ports['smtp']}@example.net"
        with Wire(self.server.ports["smtp"]) as wire:
            wire.reply()
            wire.command("EHLO client.example.org")
            wire.command(f"MAIL FROM:<{sender}>")
            self.assertTrue(wire.command(f"RCPT TO:<no-such-one@{DOMAIN}>").startswith("550 5.1.1"))
            self.assertTrue(wire.command("RCPT TO:<a@elsewhere.example>").startswith("550 5.7.1"))
            wire.command(f"RCPT TO:<{self.address}>")
            wire.command("DATA")
            looping = "Received: from x by y; Thu, 21 Nov 2013 12:00:00 +0000\r\n" * 200
            wire.command(looping + message("Loop", sender, self.address) + ".")
        refused = self.events("--event", "refuse", "--sender", sender)
        self.assertEqual([event["status"][:9] for event in refused], ["554 5.4.6", "550 5.7.1", "550 5.1.1"])
        self.assertEqual(refused[2]["recipients"], [f"no-such-one@{DOMAIN}"])
        self.assertEqual(refused[0]["subject"], "Loop")

    def test_the_dialogue_where_the_connector_keeps_it(self):
        connectors = self.server.ask("connector", "receive", "list")
        name = next(one["name"] for one in connectors if one["listener"] == "smtp" and not one["internal"])
        self.server.cli("connector", "receive", "set", name, "--protocol-log", "on")
        self.addCleanup(self.server.cli, "connector", "receive", "set", name, "--protocol-log", "off")
        self.assertTrue(self.reply("dialogue@example.net", self.address, "Kept").startswith("250"))
        found = self.events("--sender", "dialogue@example.net", "--event", "receive")[0]
        dialogues = self.server.ask("track", "show", found["id"])["dialogues"]
        text = "\n".join("\n".join(one["lines"]) for one in dialogues)
        self.assertIn("MAIL FROM:<dialogue@example.net>", text)
        self.assertIn("250 2.0.0 Ok", text)
        self.assertNotIn("Subject", text)

    def test_settings_of_the_log(self):
        self.server.cli("track", "set", "--subjects", "off")
        self.addCleanup(self.server.cli, "track", "set", "--subjects", "on")
        end = time.monotonic() + SETTINGS_SECONDS
        while True:
            sender = f"subject{time.monotonic_ns()}@example.net"
            self.reply(sender, self.address, "Secret")
            if "subject" not in self.events("--sender", sender, "--event", "receive")[0]:
                break
            self.assertLess(time.monotonic(), end)
            time.sleep(0.3)
        with self.assertRaises(CliError):
            self.server.cli("track", "set", "--file", "20M", "--total", "10M")
