"""One story in the order an operator lives it: install, set up, mail in and out, discovery, export,
upgrade, removal, installation again, purge without and with the mail. Each test goes on where the
one before ended."""

import contextlib
import hashlib
import http.client
import imaplib
import os
import pathlib
import smtplib
import socket
import ssl
import subprocess
import time
import unittest

from dns_server import DnsServer, reverse_name
from machine import CommandFailed, Machine
from smtp_peer import SmtpPeer

HOSTNAME = "mail.example.test"
DOMAIN = "example.test"
USER = f"alice@{DOMAIN}"
PASSWORD = "correct horse battery"
SERVER, ROUTER = "192.0.2.1", "192.0.2.254"
SENDER, PEER, RESOLVER = "198.51.100.7", "198.51.100.25", "198.51.100.53"
WAIT_SECONDS = 30
FIRST_MAIL_SECONDS_MAX = 120
ROLES = {"hauspost-auth", "hauspost-frontend", "hauspost-transport", "hauspost-store"}
ZONE = {
    DOMAIN: {"MX": [f"10 {HOSTNAME}"], "TXT": ["v=spf1 mx -all"]},
    HOSTNAME: {"A": [SERVER]},
    f"autoconfig.{DOMAIN}": {"A": [SERVER]},
    reverse_name(SERVER): {"PTR": [HOSTNAME]},
    "outside.test": {"MX": ["10 sender.outside.test"], "TXT": [f"v=spf1 ip4:{SENDER} -all"]},
    "sender.outside.test": {"A": [SENDER]},
    reverse_name(SENDER): {"PTR": ["sender.outside.test"]},
    "elsewhere.test": {"MX": ["10 mx.elsewhere.test"]},
    "mx.elsewhere.test": {"A": [PEER]},
}


def text_of(subject, sender, recipient):
    return (f"From: {sender}\r\nTo: {recipient}\r\nSubject: {subject}\r\n"
            f"Date: Thu, 21 Nov 2013 12:00:00 +0000\r\n"
            f"Message-ID: <{subject}@{sender.partition('@')[2]}>\r\n\r\nBody of {subject}.\r\n")


def is_open(port):
    with contextlib.closing(socket.socket()) as probe:
        return probe.connect_ex((SERVER, port)) == 0


class CleanRoot(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.package = pathlib.Path(os.environ["HAUSPOST_PACKAGE"])
        cls.later = pathlib.Path(os.environ["HAUSPOST_LATER_PACKAGE"])
        cls.dns = DnsServer(dict(ZONE), RESOLVER, 53)
        cls.addClassCleanup(cls.dns.stop)
        try:  # nothing of ours is in the machine yet: one that does not boot says nothing of the package
            cls.machine = Machine(pathlib.Path(os.environ["HAUSPOST_BASE"]), HOSTNAME, SERVER, ROUTER, RESOLVER)
        except (CommandFailed, subprocess.CalledProcessError) as failure:
            print(f"SKIPPED: the package in a clean root: systemd does not start here: {failure}", flush=True)
            raise unittest.SkipTest("systemd does not start here") from failure
        cls.addClassCleanup(cls.machine.destroy)

    def hauspost(self, *arguments, check=True, **more):
        return self.machine.run("hauspost", *arguments, check=check, **more)

    def unit(self, name):
        return self.machine.run("systemctl", "show", "--value", "-p", name, "hauspost").stdout.strip()

    def log(self):
        return self.machine.run("journalctl", "-u", "hauspost", "-n", "30", "--no-pager", check=False).stdout

    def imap(self):
        certificate = self.machine.path("/var/lib/hauspost/tls/certificate.pem").read_text()
        context = ssl.create_default_context(cadata=certificate)
        context.check_hostname = False  # asked by address
        connection = imaplib.IMAP4_SSL(SERVER, 993, ssl_context=context, timeout=WAIT_SECONDS)
        connection.login(USER, PASSWORD)
        return connection

    def bodies(self):
        with self.imap() as connection:
            connection.select("INBOX", readonly=True)
            _, parts = connection.fetch("1:*", "(BODY.PEEK[TEXT])")
        return [part[1].decode() for part in parts if isinstance(part, tuple)]

    def wait_until(self, what, is_so):
        end = time.monotonic() + WAIT_SECONDS
        while True:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                if is_so():
                    return
            if time.monotonic() > end:
                self.fail(f"not within {WAIT_SECONDS} s: {what}\n{self.log()}")
            time.sleep(0.1)

    def deliver(self, subject):
        with smtplib.SMTP(SERVER, 25, "sender.outside.test", WAIT_SECONDS, (SENDER, 0)) as connection:
            sender = "bob@outside.test"
            self.assertEqual(connection.sendmail(sender, [USER], text_of(subject, sender, USER)), {})

    def assert_mail(self, subjects):
        wanted = [f"Body of {subject}.\r\n" for subject in subjects]
        self.wait_until(f"mail {subjects}", lambda: self.bodies() == wanted)

    def test_1_install_set_up_and_read_the_first_mail_in_time(self):
        machine = self.machine
        package = machine.put(self.package)
        began = time.monotonic()
        machine.apt("install", package)
        installed = time.monotonic()
        self.assertEqual(self.unit("ActiveState"), "inactive")  # nothing to serve, and no failure either
        machine.path("/root/password").write_text(PASSWORD + "\n")
        done = self.hauspost(
            "setup", "--unattended", "--hostname", HOSTNAME, "--domain", DOMAIN, "--mailbox", USER,
            "--password-file", "/root/password", "--administrator", USER, "--send", "direct", "--web", "yes",
            "--bind", SERVER, "--offline", "yes", check=False)
        # 4: it is done, and a list says what will not work yet, such as a disk of a container.
        self.assertIn(done.returncode, (0, 4), done.stdout + done.stderr)
        self.assertEqual(self.unit("ActiveState"), "active", done.stdout + done.stderr)
        self.deliver("first")
        self.assert_mail(["first"])
        ended = time.monotonic()
        print(f"\napt install {installed - began:.1f} s, set-up to first mail read {ended - installed:.1f} s, "
              f"together {ended - began:.1f} s", flush=True)
        self.assertLess(ended - began, FIRST_MAIL_SECONDS_MAX)

    def test_2_settings_users_and_files_are_where_they_belong(self):
        settings = self.machine.path("/etc/hauspost/hauspost.toml")
        self.assertIn(HOSTNAME, settings.read_text())
        self.assertEqual(settings.stat().st_mode & 0o077, 0)
        self.assertFalse(self.machine.path("/var/lib/hauspost/hauspost.toml").exists())
        listed = self.machine.run("ps", "-eo", "user:32,comm:32,args", check=False)
        processes = listed.stdout if listed.returncode == 0 else self.processes()
        for role in ROLES:
            self.assertRegex(processes, rf"(?m)^{role}\s.*/usr/lib/hauspost/{role}\b", processes)

    def processes(self):
        """As ps would show them: the clean root has none."""
        script = ('for p in /proc/[0-9]*; do u=$(stat -c %U $p 2>/dev/null) || continue; '
                  'echo "$u $(tr "\\0" " " < $p/cmdline)"; done')
        return self.machine.run("sh", "-c", script).stdout

    def test_3_mail_leaves_for_another_server(self):
        with SmtpPeer(PEER, port=25, name="mx.elsewhere.test") as peer:
            context = ssl._create_unverified_context()
            with smtplib.SMTP_SSL(SERVER, 465, HOSTNAME, context=context, timeout=WAIT_SECONDS) as connection:
                connection.login(USER, PASSWORD)
                carol = "carol@elsewhere.test"
                connection.sendmail(USER, [carol], text_of("out", USER, carol))
            taken = peer.wait(seconds=WAIT_SECONDS)[0]
        self.assertEqual(taken.recipients, [carol])
        self.assertIn(b"Body of out.", taken.data)

    def test_4_a_client_finds_its_settings_by_the_address(self):
        connection = http.client.HTTPSConnection(SERVER, 443, timeout=WAIT_SECONDS,
                                                 context=ssl._create_unverified_context())
        connection.request("GET", f"/mail/config-v1.1.xml?emailaddress={USER}",
                           headers={"Host": f"autoconfig.{DOMAIN}"})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        self.assertEqual(answer.status, 200, text)
        self.assertIn(f"<hostname>{HOSTNAME}</hostname>", text)
        self.assertIn("<port>993</port>", text)

    def test_5_a_mailbox_is_exported(self):
        target = "/var/lib/hauspost/exports/alice.mbox"
        self.hauspost("mailbox", "export", "new", "--mailbox", USER, "--file", target, "--wait")
        exported = self.machine.path(target)
        files = [exported] if exported.is_file() else [file for file in exported.rglob("*") if file.is_file()]
        self.assertTrue(any("Body of first." in file.read_text(errors="replace") for file in files), files)

    def test_5_b_the_unit_reloads_and_brings_back_what_was_killed(self):
        pid = self.unit("MainPID")
        self.machine.run("systemctl", "reload", "hauspost")
        self.assertEqual(self.unit("MainPID"), pid)
        self.machine.run("systemctl", "kill", "--kill-who=main", "--signal=KILL", "hauspost")
        self.wait_until("started again", lambda: self.unit("MainPID") not in (pid, "0"))
        self.wait_until("active", lambda: self.unit("ActiveState") == "active")
        self.assert_mail(["first"])
        # The watchdog is fed and no role may tell the manager anything.
        self.assertEqual(self.unit("WatchdogUSec"), "1min")
        self.assertEqual(self.unit("StatusText"), f"Mail server of {HOSTNAME}")

    def test_6_an_upgrade_keeps_mail_and_settings_and_runs_the_new_programs(self):
        settings = self.machine.path("/etc/hauspost/hauspost.toml")
        before, pid = hashlib.sha256(settings.read_bytes()).digest(), self.unit("MainPID")
        self.machine.apt("install", self.machine.put(self.later))
        self.assertEqual(self.machine.run("dpkg-query", "-W", "-f", "${Version}", "hauspost").stdout,
                         self.later.name.split("_")[1])
        self.assertEqual(hashlib.sha256(settings.read_bytes()).digest(), before)
        self.assertEqual(self.unit("ActiveState"), "active")
        self.assertNotEqual(self.unit("MainPID"), pid)
        self.deliver("second")
        self.assert_mail(["first", "second"])

    def test_7_a_removal_keeps_mail_and_settings_for_the_next_installation(self):
        self.machine.apt("remove", "hauspost")
        self.assertFalse(is_open(25))
        self.assertTrue(self.machine.path("/etc/hauspost/hauspost.toml").exists())
        self.assertTrue(self.machine.path("/var/lib/hauspost/hauspost-root").exists())
        self.machine.apt("install", self.machine.put(self.later))
        self.wait_until("port 993 open", lambda: is_open(993))
        self.assert_mail(["first", "second"])

    def test_8_a_purge_that_nobody_answers_keeps_the_mail(self):
        self.machine.apt("purge", "hauspost")
        self.assertFalse(self.machine.path("/etc/hauspost").exists())
        self.assertTrue(self.machine.path("/var/lib/hauspost/hauspost.toml").exists())
        self.machine.apt("install", self.machine.put(self.later))
        self.assertTrue(self.machine.path("/etc/hauspost/hauspost.toml").exists())
        self.wait_until("port 993 open", lambda: is_open(993))
        self.assert_mail(["first", "second"])

    def test_9_a_purge_answered_with_yes_removes_the_mail(self):
        self.machine.run("debconf-set-selections", stdin="hauspost hauspost/purge-mail boolean true\n")
        self.machine.apt("purge", "hauspost")
        for gone in ("/var/lib/hauspost", "/etc/hauspost"):
            self.assertFalse(self.machine.path(gone).exists(), gone)
        self.assertFalse(is_open(25))


if __name__ == "__main__":
    unittest.main()
