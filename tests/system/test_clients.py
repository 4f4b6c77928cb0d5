"""Clients of others: curl, swaks, mbsync. A missing one is installed by tools/test; without it its
tests are skipped."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import HOST, PASSWORD, SystemTest, message


def needs(program):
    return unittest.skipUnless(shutil.which(program), f"{program} is not installed")


class ClientTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.address = self.server.user()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hauspost-client-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.ca = str(self.server.data / "tls" / "certificate.pem")

    def run_client(self, *command, timeout=120, status=0):
        done = subprocess.run(command, capture_output=True, timeout=timeout)
        output = (done.stdout + done.stderr).decode("utf-8", "replace")
        self.assertEqual(done.returncode, status, output)
        return done.stdout.decode("utf-8", "replace"), output


@needs("curl")
class Curl(ClientTest):
    def url(self, scheme, port, path=""):
        return f"{scheme}://{HOST}:{self.server.ports[port]}{path}"

    def curl(self, *arguments, **options):
        return self.run_client("curl", "--silent", "--show-error", "--cacert", self.ca, "--user",
                               f"{self.address}:{PASSWORD}", *arguments, **options)

    def send(self, url, *extra):
        path = self.folder / "message"
        path.write_text(message("curl", self.address, self.address), newline="")
        self.curl("--url", url, "--mail-from", self.address, "--mail-rcpt", self.address,
                  "--upload-file", str(path), *extra)

    def test_smtps_and_imaps(self):
        self.send(self.url("smtps", "submissions"))
        body, _ = self.curl(self.url("imaps", "imaps", "/INBOX;MAILINDEX=1"))
        self.assertIn("Subject: curl", body)

    def test_starttls_for_both(self):
        self.send(self.url("smtp", "submission"), "--ssl-reqd")
        listing, _ = self.curl("--ssl-reqd", self.url("imap", "imap"))
        self.assertIn("INBOX", listing)

    def test_append_search_and_delete(self):
        path = self.folder / "message"
        path.write_text(message("appended", "a@example.org", self.address), newline="")
        self.curl("--upload-file", str(path), self.url("imaps", "imaps", "/INBOX"))
        found, _ = self.curl(self.url("imaps", "imaps", "/INBOX?SUBJECT%20appended"))
        self.assertEqual(found.strip(), "* SEARCH 1")
        self.curl("--request", "STORE 1 +FLAGS \\Deleted", self.url("imaps", "imaps", "/INBOX"))
        self.curl("--request", "EXPUNGE", self.url("imaps", "imaps", "/INBOX"))
        self.assertEqual(self.server.subjects(self.address), [])

    def test_a_wrong_password(self):
        self.run_client("curl", "--silent", "--cacert", self.ca, "--user", f"{self.address}:wrong",
                        self.url("imaps", "imaps"), status=67)

    def test_tls_older_than_1_2_is_refused(self):
        self.curl("--tls-max", "1.1", "--tlsv1.0", self.url("imaps", "imaps"), status=35)


@needs("swaks")
class Swaks(ClientTest):
    def swaks(self, port, *arguments, **options):
        return self.run_client("swaks", "--server", HOST, "--port", str(self.server.ports[port]),
                               "--from", self.address, "--to", self.address, "--header",
                               "Subject: swaks", *arguments, **options)

    def test_port_25(self):
        self.swaks("smtp")
        self.assertEqual(self.server.subjects(self.address), ["swaks"])

    def test_port_25_with_pipelining_and_tls(self):
        self.swaks("smtp", "--pipeline", "--tls")
        self.assertEqual(self.server.subjects(self.address), ["swaks"])

    def test_submission_with_each_mechanism(self):
        for mechanism in ("PLAIN", "LOGIN"):
            self.swaks("submission", "--tls", "--auth", mechanism, "--auth-user", self.address,
                       "--auth-password", PASSWORD)
        self.swaks("submissions", "--tls-on-connect", "--auth", "PLAIN", "--auth-user", self.address,
                   "--auth-password", PASSWORD)
        self.assertEqual(self.server.subjects(self.address), ["swaks"] * 3)

    def test_a_wrong_password(self):
        self.swaks("submission", "--tls", "--auth", "PLAIN", "--auth-user", self.address,
                   "--auth-password", "wrong", status=28)


@needs("mbsync")
class Mbsync(ClientTest):
    """A thousand messages in folders, with flags and names that are not ASCII, synchronised both ways;
    a second run changes nothing on either side."""

    FOLDERS = {"INBOX": 700, "Archiv.2013": 150, "Entw&APw-rfe": 100, "&ZeVnLIqe-": 50}

    def setUp(self):
        super().setUp()
        self.mail = self.folder / "mail"
        self.mail.mkdir()
        self.config = self.folder / "mbsyncrc"
        self.config.write_text(
            f"IMAPAccount server\nHost {HOST}\nPort {self.server.ports['imaps']}\n"
            f"User {self.address}\nPass \"{PASSWORD}\"\nSSLType IMAPS\nCertificateFile {self.ca}\n"
            "AuthMechs PLAIN\n\n"
            "IMAPStore far\nAccount server\n\n"
            f"MaildirStore near\nPath {self.mail}/\nInbox {self.mail}/INBOX\nSubFolders Verbatim\n\n"
            "Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nRemove Both\nExpunge Both\n"
            f"SyncState *\n")

    def sync(self):
        return self.run_client("mbsync", "--config", str(self.config), "--all", timeout=300)[1]

    def fill(self):
        with self.server.imap(self.address) as imap:
            for folder, count in self.FOLDERS.items():
                if folder != "INBOX":
                    self.assertEqual(imap.create(folder)[0], "OK")
                for number in range(count):
                    flags = ("", "\\Seen", "\\Flagged", "\\Seen \\Answered")[number % 4]
                    text = message(f"{folder} {number}", "a@example.org", self.address, "x" * number)
                    self.assertEqual(imap.append(folder, flags, None, text.encode())[0], "OK")

    def server_state(self):
        """Folder to the sorted flags and subjects of its messages."""
        state = {}
        with self.server.imap(self.address) as imap:
            for line in imap.list()[1]:
                folder = line.decode().rpartition(' "/" ')[2].strip('"')
                imap.select(f'"{folder}"', readonly=True)
                parts = imap.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
                state[folder] = sorted(
                    (part[1].strip(), b"\\Seen" in part[0], b"\\Flagged" in part[0],
                     b"\\Answered" in part[0]) for part in parts if isinstance(part, tuple))
        return state

    def local_files(self):
        return sorted(str(path.relative_to(self.mail)) for path in self.mail.rglob("*")
                      if path.is_file() and path.parent.name in ("cur", "new"))

    def test_a_thousand_messages_both_ways(self):
        self.fill()
        before = self.server_state()
        self.sync()
        files = self.local_files()
        self.assertEqual(len(files), sum(self.FOLDERS.values()))
        self.sync()
        self.assertEqual(self.local_files(), files)
        self.assertEqual(self.server_state(), before)
        self.change_both_sides()
        self.sync()
        settled = self.server_state()
        inbox = {entry[0] for entry in settled["INBOX"]}
        self.assertIn(b"Subject: made here", inbox)
        self.assertIn("Lokale Notizen &- mehr", settled)
        self.assertEqual(len(self.local_files()), sum(map(len, settled.values())))
        files = self.local_files()
        self.sync()
        self.assertEqual(self.local_files(), files)
        self.assertEqual(self.server_state(), settled)

    def change_both_sides(self):
        with self.server.imap(self.address) as imap:
            imap.select("INBOX")
            imap.store("1:10", "+FLAGS", "(\\Deleted)")
            imap.expunge()
            imap.store("1:5", "+FLAGS", "(\\Flagged)")
        (self.mail / "INBOX" / "cur" / "1.made.here:2,S").write_text(
            message("made here", "a@example.org", self.address), newline="")
        notes = self.mail / "Lokale Notizen &- mehr"  # mbsync keeps modified UTF-7 on both sides
        for part in ("cur", "new", "tmp"):
            (notes / part).mkdir(parents=True)
        (notes / "cur" / "2.made.here:2,").write_text(
            message("note", "a@example.org", self.address), newline="")
