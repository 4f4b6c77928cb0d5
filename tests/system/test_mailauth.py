"""Who mail is from: SPF, DKIM, DMARC and ARC of what comes in, signatures under what leaves, keys by the
CLI, aggregate reports. What we sign is verified by dkimpy and what it signs by us; our results are read
by authres. Every answer comes from a DNS server of the test."""

import base64
import email
import gzip
import itertools
import json
import pathlib
import shutil
import smtplib
import stat
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

try:
    import authres
    import dkim
except ModuleNotFoundError:  # this Python is not Debian's: its packages stand elsewhere
    sys.path.append("/usr/lib/python3/dist-packages")
    import authres
    import dkim

from dns_server import DnsServer
from harness import DOMAIN, HOST, Server, message
from instance import CliError
from smtp_peer import SmtpPeer

HOSTNAME = "mail.example.test"
_numbers = itertools.count(1)


class MailauthTest(unittest.TestCase):
    """One server for all tests of a class; each takes names of its own."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.destroy)
        cls.dns = DnsServer({})
        cls.addClassCleanup(cls.dns.stop)
        cls.server.cli("dns", "set", "--server", cls.dns.address, "--timeout", "300ms", "--tries", "2",
                       "--mta-sts", "off")
        cls.server.cli("mailauth", "set", "--skip", "none")
        end = time.monotonic() + 10
        while cls.server.ask("dns", "show")["state"]["servers"] != [cls.dns.address]:
            assert time.monotonic() < end
            time.sleep(0.05)

    def setUp(self):
        self.user = self.server.user()
        self.sender_domain = f"sender{next(_numbers)}.test"
        folder = tempfile.mkdtemp(prefix="hauspost-mailauth-")
        self.addCleanup(shutil.rmtree, folder, True)
        self.folder = pathlib.Path(folder)

    def cli(self, *words, **options):
        return self.server.cli(*words, **options)

    def ask(self, *words):
        return self.server.ask(*words)

    def set(self, *options):
        """Until the end of the test."""
        self.cli("mailauth", "set", *options)
        self.addCleanup(self.cli, "mailauth", "set",
                        *(word if word.startswith("--") else "default" for word in options))

    def publish(self, key):
        self.dns.zone[key["record_name"]] = {"TXT": [key["record"]]}

    def receive(self, text, sender, recipient=None):
        with self.server.smtp() as smtp:
            smtp.ehlo("client.example.org")
            smtp.sendmail(sender, [recipient or self.user], text)

    def forged(self, subject="Forged"):
        return message(subject, f"ceo@{self.sender_domain}", self.user)

    def messages(self, folder="INBOX"):
        with self.server.imap(self.user) as imap:
            self.assertEqual(imap.select(folder, readonly=True)[0], "OK")
            _, parts = imap.fetch("1:*", "(BODY.PEEK[])")
            return [part[1] for part in parts if isinstance(part, tuple)]

    def results(self, raw):
        """Our Authentication-Results as (method, result)."""
        fields = [value for value in email.message_from_bytes(raw).get_all("Authentication-Results", [])
                  if HOSTNAME in value]
        self.assertEqual(len(fields), 1, fields)
        parsed = authres.AuthenticationResultsHeader.parse("Authentication-Results: " + fields[0])
        self.assertEqual(parsed.authserv_id, HOSTNAME)
        return [(one.method, one.result) for one in parsed.results]

    def dns_txt(self, name, timeout=5):
        """What dkimpy asks."""
        records = self.dns.zone.get(name.decode().rstrip(".").lower(), {}).get("TXT")
        return records[0].encode() if records else None


class Incoming(MailauthTest):
    def publish_policy(self, policy, spf="v=spf1 -all"):
        self.dns.zone[self.sender_domain] = {"TXT": [spf]}
        self.dns.zone[f"_dmarc.{self.sender_domain}"] = {"TXT": [f"v=DMARC1; p={policy}"]}

    def test_what_spf_vouches_for_arrives_with_our_results_alone(self):
        self.publish_policy("reject", f"v=spf1 ip4:{HOST} -all")
        lie = f"Authentication-Results: {HOSTNAME}; dmarc=fail\r\n"
        self.receive(lie + self.forged("Good"), f"ceo@{self.sender_domain}")
        raw = self.messages()[0]
        self.assertEqual(self.results(raw), [("spf", "pass"), ("dkim", "none"), ("dmarc", "pass")])
        self.assertRegex(raw[:60], rb"^(Return-Path|Authentication-Results):")

    def test_a_forgery_goes_into_junk(self):
        self.publish_policy("reject")
        self.receive(self.forged(), "evil@other.test")
        self.assertEqual(self.messages(), [])
        self.assertIn(("dmarc", "fail"), self.results(self.messages("Junk")[0]))
        events = self.ask("track", "search", "--sender", "evil@other.test", "--event", "verdict")["events"]
        self.assertEqual(events[0]["status"], "junk")
        self.assertIn("dmarc=fail", events[0]["detail"])

    def test_p_none_is_only_written_down(self):
        self.publish_policy("none")
        self.receive(self.forged(), "evil@other.test")
        self.assertIn(("dmarc", "fail"), self.results(self.messages()[0]))

    def test_reject_refuses_and_monitor_lets_pass(self):
        self.publish_policy("reject")
        self.set("--enforce", "reject")
        with self.assertRaises(smtplib.SMTPDataError) as caught:
            self.receive(self.forged(), "evil@other.test")
        self.assertEqual(caught.exception.smtp_code, 550)
        self.assertIn(b"5.7.26", caught.exception.smtp_error)
        self.cli("mailauth", "set", "--enforce", "monitor")
        self.receive(self.forged(), "evil@other.test")
        self.assertEqual(len(self.messages()), 1)

    def test_a_dns_that_fails_refuses_nobody(self):
        self.publish_policy("reject")
        self.set("--enforce", "reject", "--time-limit", "1s")
        self.dns.silent.update({self.sender_domain, f"_dmarc.{self.sender_domain}"})
        begin = time.monotonic()
        self.receive(self.forged(), f"ceo@{self.sender_domain}")
        self.assertLess(time.monotonic() - begin, 5)
        self.assertIn(("dmarc", "temperror"), self.results(self.messages()[0]))

    def test_signatures_of_dkimpy(self):
        key = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, check=True).stdout
        public = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=key,
                                capture_output=True, check=True).stdout
        self.dns.zone[f"s1._domainkey.{self.sender_domain}"] = {
            "TXT": [f"v=DKIM1; p={base64.b64encode(public).decode()}"]}
        self.publish_policy("reject")
        text = self.forged("Signed").encode()
        for forms in ((b"simple", b"simple"), (b"relaxed", b"relaxed")):
            signature = dkim.sign(text, b"s1", self.sender_domain.encode(), key, canonicalize=forms)
            self.receive((signature + text).decode(), "list@other.test")
        self.receive((signature + text.replace(b"Body", b"Bodies")).decode(), "list@other.test")
        for raw in self.messages():
            self.assertIn(("dkim", "pass"), self.results(raw))
            self.assertIn(("dmarc", "pass"), self.results(raw))
        self.assertEqual(len(self.messages()), 2)
        self.assertIn(("dkim", "fail"), self.results(self.messages("Junk")[0]))

    def test_who_logged_in_is_not_looked_at(self):
        with self.server.submission(self.user) as smtp:
            smtp.sendmail(self.user, [self.user], message("Mine", self.user, self.user))
        self.assertNotIn(b"Authentication-Results", self.messages()[0])

    def test_skipped_networks(self):
        self.publish_policy("reject")
        self.addCleanup(self.cli, "mailauth", "set", "--skip", "none")
        self.cli("mailauth", "set", "--skip", "127.0.0.0/8")
        self.receive(self.forged(), "evil@other.test")
        self.assertNotIn(b"Authentication-Results", self.messages()[0])

    def test_a_message_in_a_file(self):
        self.publish_policy("reject")
        path = self.folder / "message.eml"
        path.write_text(self.forged().replace("\r\n", "\n"))
        options = ("--client", HOST, "--helo", "x.test", "--from", "evil@other.test")
        answer = self.ask("mailauth", "test", str(path), *options)
        self.assertEqual({one["method"]: one["result"] for one in answer["verdicts"]},
                         {"spf": "none", "dkim": "none", "arc": "none", "dmarc": "fail"})
        self.assertEqual(answer["action"], "junk")
        self.assertTrue(answer["client_checked"])
        self.assertIn("It would go into the folder Junk.", self.cli("mailauth", "test", str(path), *options))
        without = self.ask("mailauth", "test", str(path))
        self.assertNotIn("spf", [one["method"] for one in without["verdicts"]])
        self.assertEqual(without["action"], "accept")
        for bad in (["--client", "nowhere"],):
            with self.assertRaises(CliError):
                self.cli("mailauth", "test", str(path), *bad)
        with self.assertRaises(CliError):
            self.cli("mailauth", "test", str(path) + ".missing")


class Settings(MailauthTest):
    def test_show_and_set(self):
        defaults = self.ask("mailauth", "show")["settings"]
        self.assertEqual(defaults["enforce"], "quarantine")
        changed = self.ask("mailauth", "set", "--spf", "off", "--trusted-sealers", "Lists.Example.org",
                           "b.test", "--time-limit", "7s", "--dry-run")["settings"]
        self.assertEqual(changed["spf"], "off")
        self.assertEqual(changed["trusted-sealers"], "lists.example.org b.test")
        self.assertEqual(changed["time-limit-ms"], "7000")
        self.assertEqual(self.ask("mailauth", "show")["settings"], defaults)
        for wrong in (["--spf", "maybe"], ["--enforce", "always"], ["--skip", "nowhere"],
                      ["--time-limit", "0s"], [], ["--authserv-id", "a b"]):
            self.assertIn(self.server.run("mailauth", "set", *wrong).returncode, (1, 2), wrong)
        self.assertEqual(self.ask("mailauth", "show")["settings"], defaults)


class Keys(MailauthTest):
    def setUp(self):
        super().setUp()
        self.domain = f"keys{next(_numbers)}.test"
        self.cli("domain", "add", self.domain)

    def states(self):
        return {key["selector"]: key["state"] for key in self.ask("dkim", "list", self.domain)["keys"]}

    def test_a_key_from_its_making_to_its_end(self):
        made = self.ask("dkim", "create", self.domain, "--selector", "One")["keys"][0]
        self.assertEqual((made["selector"], made["algorithm"], made["bits"], made["state"]),
                         ("one", "rsa", 2048, "staged"))
        self.assertEqual(made["record_name"], f"one._domainkey.{self.domain}")
        refused = self.server.run("dkim", "activate", self.domain, "one")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("no record", refused.stderr)
        self.publish(made)
        self.assertEqual(self.ask("dkim", "check", self.domain)["keys"][0]["published"], "good")
        self.cli("dkim", "activate", self.domain, "one", "--dry-run")
        self.assertEqual(self.states(), {"one": "staged"})
        self.cli("dkim", "activate", self.domain, "one")
        self.assertEqual(self.states(), {"one": "active"})

        following = self.ask("dkim", "rotate", self.domain)["keys"][0]
        self.assertEqual(following["state"], "staged")
        self.publish(following)
        self.cli("dkim", "activate", self.domain, following["selector"])
        self.assertEqual(self.states(), {"one": "retired", following["selector"]: "active"})

        self.assertEqual(self.server.run("dkim", "remove", self.domain, following["selector"],
                                         "--yes").returncode, 1)
        self.cli("dkim", "remove", self.domain, "one", "--yes")
        self.assertEqual(self.states(), {following["selector"]: "active"})
        self.dns.zone[following["record_name"]] = {"TXT": ["v=DKIM1; p="]}
        bad = self.server.run("--json", "dkim", "check", self.domain)
        self.assertEqual(bad.returncode, 1)
        self.assertEqual(json.loads(bad.stdout)["keys"][0]["published"], "revoked")
        self.cli("dkim", "remove", self.domain, following["selector"], "--force", "--yes")
        self.assertEqual(self.server.run("dkim", "show", self.domain).returncode, 1)

    def test_the_record_can_be_pasted_into_a_zone(self):
        key = self.ask("dkim", "create", self.domain, "--algorithm", "both")["keys"]
        self.assertEqual([one["algorithm"] for one in key], ["rsa", "ed25519"])
        shown = self.cli("dkim", "show", self.domain, key[0]["selector"])
        strings = [line.strip().rstrip(" )").strip('"') for line in shown.splitlines()
                   if line.strip().startswith('"')]
        self.assertTrue(all(len(one) <= 255 for one in strings))
        self.assertEqual("".join(strings), key[0]["record"])

    def test_private_keys_stay_where_they_are(self):
        self.cli("dkim", "create", self.domain, "--selector", "s")
        folder = self.server.data / "secrets" / "transport" / "dkim"
        path = folder / self.domain / "s.key"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        for part in (folder, path.parent):
            self.assertEqual(stat.S_IMODE(part.stat().st_mode), 0o700)
        secret = path.read_text().split("key ")[-1].strip()
        self.assertGreater(len(secret), 1000)
        told = self.server.run("--json", "dkim", "list").stdout + self.server.log.read_text()
        self.assertNotIn(secret[40:120], told)

    def test_what_cannot_be_is_refused(self):
        for words in (["create", "unknown.test"], ["create", self.domain, "--bits", "1024"],
                      ["create", self.domain, "--selector", "a b"], ["rotate", self.domain],
                      ["show", self.domain], ["activate", self.domain, "none"],
                      ["remove", self.domain, "none", "--yes"]):
            self.assertEqual(self.server.run("dkim", *words).returncode, 1, words)
        self.cli("dkim", "create", self.domain, "--selector", "twice")
        self.assertEqual(self.server.run("dkim", "create", self.domain, "--selector", "twice").returncode, 1)
        self.assertEqual(self.server.run("dkim", "create", self.domain, "--algorithm", "dsa").returncode, 2)


class Outgoing(MailauthTest):
    def setUp(self):
        super().setUp()
        self.peer = SmtpPeer()
        self.addCleanup(self.peer.stop)
        self.there = f"there{next(_numbers)}.test"
        self.cli("connector", "send", "create", self.there, "--address-space", self.there,
                 "--smart-host", self.peer.address)

    def send(self, text=None):
        recipient = f"bob@{self.there}"
        with self.server.submission(self.user) as smtp:
            smtp.sendmail(self.user, [recipient], text or message("Hello", self.user, recipient))
        return self.peer.wait()[0].data

    def activate(self, *options):
        keys = self.ask("dkim", "create", DOMAIN, *options)["keys"]
        for key in keys:
            self.publish(key)
            self.cli("dkim", "activate", DOMAIN, key["selector"])
            self.addCleanup(self.cli, "dkim", "remove", DOMAIN, key["selector"], "--force", "--yes")
        return keys

    def test_without_a_key_nothing_is_signed(self):
        self.assertNotIn(b"DKIM-Signature", self.send())

    def test_dkimpy_verifies_both_signatures(self):
        self.activate("--algorithm", "both")
        recipient = f"bob@{self.there}"
        text = message("Gr\u00fc\u00dfe  aus", self.user, recipient,
                       "Line \t with  spaces  \r\n\r\n.dot\r\n\r\n\r\n")
        data = self.send(text.encode("utf-8"))
        self.assertEqual(data.count(b"DKIM-Signature:"), 2)
        verifier = dkim.DKIM(data)
        for index in range(2):
            self.assertTrue(verifier.verify(idx=index, dnsfunc=self.dns_txt), (index, data))
        added = dkim.DKIM(b"Subject: other\r\n" + data)
        self.assertFalse(added.verify(dnsfunc=self.dns_txt))

    def test_opendkim_verifies_what_we_sign(self):
        program = shutil.which("opendkim")
        self.assertIsNotNone(program, "the package opendkim is not installed")
        self.activate()
        data = self.send()
        path = self.folder / "signed.eml"
        path.write_bytes(data.replace(b"\r\n", b"\n"))
        keys = self.folder / "keys"
        keys.write_text("".join(f"{name} {zone['TXT'][0]}\n" for name, zone in self.dns.zone.items()
                                if "_domainkey" in name))
        config = self.folder / "opendkim.conf"
        config.write_text(f"TestDNSData file:{keys}\nMode v\nSyslog no\n")
        done = subprocess.run([program, "-x", str(config), "-t", str(path), "-vvv"], capture_output=True,
                              text=True, timeout=30)
        said = done.stdout + done.stderr
        if "unrecognized" in said or "configuration error" in said.lower():
            self.skipTest("opendkim was built without TestDNSData: " + said.strip()[:200])
        self.assertEqual(done.returncode, 0, said)
        self.assertIn("dkim=pass", said.replace("Authentication-Results", ""), said)

    def test_keys_are_there_after_a_restart(self):
        self.activate("--algorithm", "ed25519")
        self.server.restart()
        data = self.send()
        self.assertIn(b"a=ed25519-sha256", data)
        self.assertTrue(dkim.verify(data, dnsfunc=self.dns_txt))

    def test_signing_can_be_switched_off(self):
        self.activate()
        self.set("--sign", "off")
        self.assertNotIn(b"DKIM-Signature", self.send())


class Reports(MailauthTest):
    def test_an_aggregate_report_reaches_who_asked_for_it(self):
        self.set("--reports", "on", "--report-organization", "Example & Co")
        self.dns.zone[self.sender_domain] = {"TXT": ["v=spf1 -all"]}
        self.dns.zone[f"_dmarc.{self.sender_domain}"] = {
            "TXT": [f"v=DMARC1; p=quarantine; rua=mailto:{self.user},mailto:x@unasked.test"]}
        self.dns.zone[f"{self.sender_domain}._report._dmarc.{DOMAIN}"] = {"TXT": ["v=DMARC1;"]}
        for _ in range(3):
            self.receive(self.forged(), "evil@other.test")
        counted = self.ask("mailauth", "report", "list")["reports"]
        mine = next(one for one in counted if one["domain"] == self.sender_domain)
        self.assertEqual((mine["messages"], mine["failures"], mine["reported"]), (3, 3, False))
        self.server.restart()
        sent = self.ask("mailauth", "report", "send", "--today", "--domain", self.sender_domain)["sendings"]
        self.assertEqual(sent[0]["sent_to"], [self.user])
        self.assertEqual(sent[0]["not_agreed"], ["x@unasked.test"])
        parsed = email.message_from_bytes(self.messages()[0])
        self.assertIn(f"Report Domain: {self.sender_domain}", parsed["Subject"])
        attachment = parsed.get_payload()[1]
        self.assertEqual(attachment.get_content_type(), "application/gzip")
        text = gzip.decompress(attachment.get_payload(decode=True))
        report = xml.etree.ElementTree.fromstring(text)
        self.assertEqual(report.findtext("report_metadata/org_name"), "Example & Co")
        self.assertEqual(report.findtext("policy_published/p"), "quarantine")
        self.assertEqual(report.findtext("record/row/count"), "3")
        self.assertEqual(report.findtext("record/row/source_ip"), HOST)
        self.assertEqual(report.findtext("record/row/policy_evaluated/disposition"), "quarantine")
        self.assertEqual(report.findtext("record/identifiers/header_from"), self.sender_domain)
        shown = self.ask("mailauth", "report", "show", self.sender_domain, mine["date"])["xml"]
        self.assertEqual(shown.encode(), text)


if __name__ == "__main__":
    unittest.main()
