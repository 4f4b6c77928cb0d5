"""IMAP extensions through the front-end, over TLS, with raw commands."""

import re
import zlib

from harness import SystemTest, message


class ImapExtensionsTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.address = self.server.user()
        self.imap = self.server.imap(self.address)
        self.addCleanup(self.imap.shutdown)

    def append(self, subject, folder="INBOX"):
        text = message(subject, "a@example.org", self.address).encode()
        status, answer = self.imap.append(folder, None, None, text)
        self.assertEqual(status, "OK", answer)

    def command(self, line, tag="x1", connection=None):
        """Sends a line as it is; returns all lines of the answer, the tagged one last."""
        stream = connection or self.imap
        stream.send(f"{tag} {line}\r\n".encode())
        lines = []
        while not lines or not lines[-1].startswith(f"{tag} "):
            lines.append(stream.readline().decode().rstrip("\r\n"))
        return lines

    def ok(self, line, connection=None):
        lines = self.command(line, connection=connection)
        self.assertTrue(lines[-1].startswith("x1 OK"), lines)
        return lines

    def test_every_capability_is_announced(self):
        words = set(self.ok("CAPABILITY")[0].split())
        self.assertLessEqual(
            {"QRESYNC", "SORT", "SORT=DISPLAY", "ESORT", "THREAD=REFERENCES",
             "THREAD=ORDEREDSUBJECT", "OBJECTID", "SAVEDATE", "REPLACE", "CATENATE", "UTF8=ACCEPT",
             "COMPRESS=DEFLATE", "PREVIEW", "PARTIAL", "SEARCHRES", "INPROGRESS", "UIDONLY"}, words)

    def test_qresync_catches_up_in_one_command(self):
        for number in range(6):
            self.append(f"Message {number}")
        lines = self.ok("SELECT INBOX (CONDSTORE)")
        validity = re.search(r"UIDVALIDITY (\d+)", " ".join(lines)).group(1)
        modseq = re.search(r"HIGHESTMODSEQ (\d+)", " ".join(lines)).group(1)
        self.ok("UID STORE 2,5 +FLAGS.SILENT (\\Deleted)")
        self.ok("EXPUNGE")
        self.ok("UID STORE 3 +FLAGS.SILENT (\\Flagged)")
        other = self.server.imap(self.address)
        self.addCleanup(other.shutdown)
        self.ok("ENABLE QRESYNC", other)
        lines = self.ok(f"SELECT INBOX (QRESYNC ({validity} {modseq} 1:6))", other)
        self.assertIn("* VANISHED (EARLIER) 2,5", lines)
        changed = [line for line in lines if " FETCH " in line]
        self.assertEqual(len(changed), 1, lines)
        self.assertRegex(changed[0], r"^\* 2 FETCH \(UID 3 FLAGS \(\\Flagged\) MODSEQ \(\d+\)\)$")
        self.ok("UID STORE 1 +FLAGS.SILENT (\\Deleted)")
        self.ok("EXPUNGE")
        lines = self.ok("NOOP", other)
        self.assertIn("* VANISHED 1", lines)

    def test_sort_and_thread(self):
        for subject in ("Pears", "apples", "Re: Pears"):
            self.append(subject)
        self.imap.select()
        self.assertEqual(self.ok("SORT (SUBJECT) UTF-8 ALL")[0], "* SORT 2 1 3")
        self.assertEqual(self.ok("THREAD REFERENCES UTF-8 ALL")[0], "* THREAD (1 3)(2)")

    def test_compressed_session(self):
        self.append("Squeezed")
        self.ok("COMPRESS DEFLATE")
        deflater = zlib.compressobj(wbits=-15)
        inflater = zlib.decompressobj(wbits=-15)

        def ask(line):
            data = deflater.compress(f"x2 {line}\r\n".encode())
            self.imap.send(data + deflater.flush(zlib.Z_SYNC_FLUSH))
            answer = b""
            while b"\r\nx2 " not in b"\r\n" + answer or not answer.endswith(b"\r\n"):
                answer += inflater.decompress(self.imap.sock.recv(65536))
            return answer.decode()

        self.assertIn("* 1 EXISTS", ask("SELECT INBOX"))
        self.assertIn("Squeezed", ask("FETCH 1 ENVELOPE"))
        self.assertIn("x2 NO [COMPRESSIONACTIVE]", ask("COMPRESS DEFLATE"))
        self.assertIn("* BYE", ask("LOGOUT"))

    def test_catenate_and_replace(self):
        self.append("Draft", "Drafts")
        lines = self.ok('APPEND Drafts CATENATE (URL "/Drafts/;UID=1/;SECTION=HEADER" '
                        'URL "/Drafts/;UID=1/;SECTION=TEXT")')
        self.assertIn("[APPENDUID", lines[-1])
        self.ok("SELECT Drafts")
        ids = re.findall(r"EMAILID \((\w+)\)", " ".join(self.ok("FETCH 1:* EMAILID")))
        self.assertEqual(len(ids), 2)
        self.assertEqual(ids[0], ids[1])
        lines = self.ok("UID REPLACE 2 Drafts {8+}\r\nA: b\r\n\r\n")
        self.assertIn("* 2 EXPUNGE", lines)
        self.assertEqual(self.ok("UID SEARCH ALL")[0], "* SEARCH 1 3")

    def test_utf8_names(self):
        self.ok("ENABLE UTF8=ACCEPT")
        self.ok('CREATE "Über"')
        self.assertIn('* LIST (\\HasNoChildren) "/" "Über"', self.ok('LIST "" "Ü*"'))
        other = self.server.imap(self.address)
        self.addCleanup(other.shutdown)
        self.assertIn('* LIST (\\HasNoChildren) "/" "&ANw-ber"', self.ok('LIST "" "*ber"', other))

    def test_uidonly(self):
        self.append("Only")
        self.ok("ENABLE UIDONLY")
        self.ok("SELECT INBOX")
        self.assertIn("x1 BAD [UIDREQUIRED]", self.command("FETCH 1 FLAGS")[-1])
        self.assertRegex(self.ok("UID FETCH 1 (FLAGS)")[0], r"^\* 1 UIDFETCH \(")
