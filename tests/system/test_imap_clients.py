"""IMAP clients of others: offlineimap, mutt, fetchmail, getmail, mbsync with a trash folder, Python's
imaplib. A missing one is installed by tools/test; without it its tests are skipped."""

import contextlib
import os
import pathlib
import pty
import select
import shutil
import subprocess
import tempfile
import time
import unittest

from harness import HOST, PASSWORD, SystemTest, message

MUTT_SECONDS_MAX = 90


def needs(program):
    return unittest.skipUnless(shutil.which(program), f"{program} is not installed")


class ClientTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.address = self.server.user("client")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hauspost-client-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.ca = str(self.server.data / "tls" / "certificate.pem")
        self.port = self.server.ports["imaps"]
        self.environment = {**os.environ, "HOME": str(self.folder), "TERM": "xterm"}

    def run_client(self, *command, status=0, timeout=120):
        done = subprocess.run(command, capture_output=True, timeout=timeout, env=self.environment)
        output = (done.stdout + done.stderr).decode("utf-8", "replace")
        self.assertEqual(done.returncode, status, output)
        return output

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    def fill(self, folder, *subjects):
        with self.server.imap(self.address) as imap:
            if folder != "INBOX":
                imap.create(folder)
            for subject in subjects:
                text = message(subject, "a@example.org", self.address, "Body of " + subject + "\r\n")
                self.assertEqual(imap.append(folder, "", None, text.encode())[0], "OK")

    def subjects(self, folder="INBOX"):
        return self.server.subjects(self.address, folder)

    def flags(self, folder="INBOX"):
        """Subject to flags."""
        with self.server.imap(self.address) as imap:
            imap.select(folder, readonly=True)
            found = {}
            for part in imap.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]:
                if isinstance(part, tuple):
                    words = part[0].decode().partition("FLAGS (")[2].partition(")")[0].split()
                    found[part[1].decode().partition(":")[2].strip()] = set(words) - {"\\Recent"}
            return found


@needs("offlineimap")
class OfflineImap(ClientTest):
    def sync(self):
        config = self.write("offlineimaprc", f"""
[general]
accounts = all
metadata = {self.folder}/metadata
[Account all]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {self.folder}/mail
[Repository far]
type = IMAP
remotehost = localhost
remoteport = {self.port}
remoteuser = {self.address}
remotepass = {PASSWORD}
ssl = yes
sslcacertfile = {self.ca}
auth_mechanisms = PLAIN
""")
        return self.run_client("offlineimap", "-o", "-c", config, "-u", "basic")

    def local(self, folder):
        return sorted((path for part in ("cur", "new") for path in (self.folder / "mail" / folder / part).iterdir()),
                      key=lambda path: path.name)

    def test_both_ways(self):
        self.fill("INBOX", *(f"in {n}" for n in range(60)))
        self.fill("Archive", "old one", "old two")
        self.sync()
        self.assertEqual((len(self.local("INBOX")), len(self.local("Archive"))), (60, 2))
        before = self.flags()
        self.sync()
        self.assertEqual(len(self.local("INBOX")), 60)
        self.assertEqual(self.flags(), before)
        self.change_both_sides()
        self.sync()
        flags = self.flags()
        self.assertEqual(len(flags), 58)  # two went, one here and one there; one came and one too
        self.assertIn("\\Flagged", flags["in 7"])
        self.assertIn("\\Seen", flags["made here"])
        self.assertEqual(len(self.local("INBOX")), 58)
        self.sync()
        self.assertEqual((self.flags(), len(self.local("INBOX"))), (flags, 58))

    def change_both_sides(self):
        for path in self.local("INBOX"):
            if any(f"Subject: in {n}\n" in path.read_text().replace("\r", "") for n in (1, 2)):
                path.unlink()
        made = self.folder / "mail" / "INBOX" / "cur" / "1385000000.1.here:2,S"
        made.write_text(message("made here", "a@example.org", self.address).replace("\r", ""))
        with self.server.imap(self.address) as imap:
            imap.select("INBOX")
            imap.store("4", "+FLAGS", "(\\Deleted)")
            imap.expunge()
            number = imap.search(None, "SUBJECT", '"in 7"')[1][0].decode()
            imap.store(number, "+FLAGS", "(\\Flagged)")


@needs("mutt")
class Mutt(ClientTest):
    """Mutt has no batch mode for folders: it is given a terminal and the keys in advance."""

    def mutt(self, keys):
        config = self.write("muttrc", f"""
set folder="imaps://{HOST}:{self.port}/"
set spoolfile="+INBOX" mbox_type=Maildir
set imap_user="{self.address}" imap_pass="{PASSWORD}" imap_authenticators="plain"
set certificate_file="{self.ca}" ssl_force_tls=yes
set confirmappend=no confirmcreate=no delete=yes move=no quit=yes mark_old=no wait_key=no
set imap_condstore=yes imap_qresync=yes header_cache="{self.folder}/cache" pager_index_lines=0
push "{keys}"
""")
        child, terminal = pty.fork()
        if child == 0:
            os.execvpe("mutt", ["mutt", "-F", config], self.environment)
        screen = self.watch(child, terminal)
        os.close(terminal)
        return screen

    def watch(self, child, terminal):
        """What mutt draws until it ends."""
        screen = b""
        end = time.monotonic() + MUTT_SECONDS_MAX
        while time.monotonic() < end:
            if select.select([terminal], [], [], 0.2)[0]:
                with contextlib.suppress(OSError):
                    screen += os.read(terminal, 65536)
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                self.assertEqual(status, 0, screen[-2000:])
                return screen
        os.kill(child, 9)
        os.waitpid(child, 0)
        self.fail(f"mutt did not end: {screen[-2000:]}")

    def test_read_flag_move_and_delete(self):
        self.fill("INBOX", "first", "second", "third", "fourth")
        self.fill("Kept")
        self.mutt("<first-entry><flag-message><next-entry>"
                  "<search>~s second<enter><save-message>=Kept<enter>"
                  "<search>~s third<enter><delete-message>"
                  "<search>~s fourth<enter><display-message><exit><sync-mailbox><quit>")
        self.assertEqual(self.flags(), {"first": {"\\Flagged"}, "fourth": {"\\Seen"}})
        self.assertEqual(self.subjects("Kept"), ["second"])

    def test_the_header_cache_is_brought_up_to_date(self):
        self.fill("INBOX", *(f"message {n}" for n in range(20)))
        self.mutt("<quit>")
        with self.server.imap(self.address) as imap:
            imap.select("INBOX")
            imap.store("3:5", "+FLAGS", "(\\Deleted)")
            imap.expunge()
            imap.store("1", "+FLAGS", "(\\Flagged)")
        self.fill("INBOX", "new")
        # Behind its cache mutt has to know what went, what came and what is flagged.
        self.mutt("<tag-pattern>~F|~s new<enter><tag-prefix><set-flag>r<sync-mailbox><quit>")
        answered = [subject for subject, flags in self.flags().items() if "\\Answered" in flags]
        self.assertEqual(answered, ["message 0", "new"])
        self.assertEqual(len(self.flags()), 18)


@needs("fetchmail")
class Fetchmail(ClientTest):
    def fetch(self, *options, status=0):
        config = self.write("fetchmailrc", (
            f'poll {HOST} protocol imap service {self.port} user "{self.address}" password "{PASSWORD}" '
            f'ssl sslcertck sslcertfile "{self.ca}" sslcommonname localhost '
            f'mda "cat >> {self.folder}/mail; echo >> {self.folder}/mail" {" ".join(options)}\n'))
        self.environment["FETCHMAILHOME"] = str(self.folder)
        self.run_client("fetchmail", "--fetchmailrc", config, "--nodetach", "--nosyslog", "--pidfile",
                        str(self.folder / "pid"), status=status)
        return (self.folder / "mail").read_text().count("Subject: ")

    def test_keep_and_then_take(self):
        self.fill("INBOX", "one", "two", "three")
        self.assertEqual(self.fetch("keep"), 3)
        self.assertEqual(self.fetch("keep", status=1), 3)  # nothing unseen
        self.assertEqual(len(self.subjects()), 3)
        self.fetch("nokeep", "fetchall")
        self.assertEqual(self.subjects(), [])


@needs("getmail")
class Getmail(ClientTest):
    def test_from_two_folders(self):
        self.fill("INBOX", "one", "two")
        self.fill("Lists", "three")
        arrivals = self.folder / "arrived"
        script = self.folder / "deliver"
        script.write_text(f"#!/bin/sh\ncat >> {arrivals}\n")
        script.chmod(0o700)
        for delete, arrived in (("false", 3), ("false", 3), ("true", 6)):
            config = self.write("getmailrc", (
                f"[retriever]\ntype = SimpleIMAPSSLRetriever\nserver = {HOST}\nport = {self.port}\n"
                f"username = {self.address}\npassword = {PASSWORD}\nca_certs = {self.ca}\n"
                'mailboxes = ("INBOX", "Lists")\n'
                f"[destination]\ntype = MDA_external\npath = {script}\nallow_root_commands = true\n"
                f"[options]\ndelete = {delete}\nread_all = {delete}\n"))
            self.run_client("getmail", "--getmaildir", str(self.folder), "--rcfile", config)
            self.assertEqual(arrivals.read_text().count("\nSubject: "), arrived)
        self.assertEqual(self.subjects() + self.subjects("Lists"), [])


@needs("mbsync")
class MbsyncTrash(ClientTest):
    """Messages deleted here go to the server's trash folder and not away."""

    def sync(self):
        mail = self.folder / "mail"
        mail.mkdir(exist_ok=True)
        config = self.write("mbsyncrc", (
            f"IMAPAccount server\nHost {HOST}\nPort {self.port}\nUser {self.address}\n"
            f'Pass "{PASSWORD}"\nSSLType IMAPS\nCertificateFile {self.ca}\nAuthMechs PLAIN\n\n'
            "IMAPStore far\nAccount server\nTrash Bin\n\n"
            f"MaildirStore near\nPath {mail}/\nInbox {mail}/INBOX\nSubFolders Verbatim\n\n"
            "Channel all\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Both\nExpunge Both\nSyncState *\n"))
        self.run_client("mbsync", "--config", config, "--all")
        return [path for path in (mail / "INBOX").rglob("*") if path.is_file() and ":2," in path.name]

    def test_trash(self):
        self.fill("INBOX", *(f"m {n}" for n in range(30)))
        self.fill("Bin")
        files = self.sync()
        self.assertEqual(len(files), 30)
        for path in files[:10]:
            path.unlink()
        self.sync()
        self.assertEqual(len(self.subjects()), 20)
        self.assertEqual(len(self.subjects("Bin")), 10)
        self.assertEqual(sorted(self.subjects() + self.subjects("Bin")), sorted(f"m {n}" for n in range(30)))


class Imaplib(ClientTest):
    def test_a_working_day(self):
        self.fill("INBOX", *(f"m {n}" for n in range(12)))
        self.fill("Done")
        with self.server.imap(self.address) as imap:
            imap.select("INBOX")
            self.assertEqual(imap.uid("MOVE", "1:4", "Done")[0], "OK")
            self.assertEqual(imap.search(None, "ALL")[1], [b"1 2 3 4 5 6 7 8"])
            self.assertEqual(imap.uid("SORT", "(SUBJECT)", "UTF-8", "ALL")[1], [b"11 12 5 6 7 8 9 10"])
            self.assertEqual(imap.thread("REFERENCES", "UTF-8", "1:2")[1], [b"(1)(2)"])
            self.assertEqual(imap.store("1:2", "+FLAGS.SILENT", "(\\Deleted $done)")[0], "OK")
            self.assertEqual(imap.expunge()[1][-2:], [b"2", b"1"])
            self.assertEqual(imap.status("Done", "(MESSAGES UIDNEXT)")[1], [b'"Done" (MESSAGES 4 UIDNEXT 5)'])
            self.assertEqual(imap.getquotaroot("INBOX")[0], "OK")
            self.assertEqual(imap.unselect()[0], "OK")
            self.assertEqual(imap.rename("Done", "Old/2013")[0], "OK")
        self.assertEqual(self.subjects("Old/2013"), ["m 0", "m 1", "m 2", "m 3"])


if __name__ == "__main__":
    unittest.main()
