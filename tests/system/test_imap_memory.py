"""A client that takes much and slowly costs no memory: what FETCH writes is made while it is taken."""

import pathlib
import time

from harness import PASSWORD, OwnServerTest, Wire, message

MESSAGES = 40_000
GROWTH_MAX_KIB = 16 * 1024  # all processes; what FETCH has to say here are 100 MiB and more
SLOW_READS = 60
SESSIONS = 30
SETTLE_S = 30
SESSION_MAX_KIB = 64  # all processes, behind a FETCH of a megabyte and in IDLE; TLS


class SlowReader(OwnServerTest):
    def setUp(self):
        super().setUp()
        self.address = self.server.user("slow")
        self.wire = Wire(self.server.ports["imaps"], self.server.tls())
        self.addCleanup(self.wire.close)
        self.wire.line()
        self.ok(f'LOGIN {self.address} "{PASSWORD}"')
        self.fill()

    def ok(self, line):
        answer = self.wire.tagged("t", line)[-1]
        self.assertTrue(answer.startswith("t OK"), answer[:200])

    def fill(self):
        """Fifty messages of 3 KiB, doubled by COPY."""
        self.ok("CREATE Much")
        body = ("x" * 70 + "\r\n") * 40
        texts = [message(f"number {n}", "a@example.org", self.address, body) for n in range(50)]
        self.ok("APPEND Much " + " ".join(f"{{{len(text)}+}}\r\n{text}" for text in texts))
        self.ok("SELECT Much")
        have = len(texts)
        while have < MESSAGES:
            more = min(have, MESSAGES - have)
            self.ok(f"COPY 1:{more} Much")
            have += more

    def memory_kib(self):
        """Of all processes of the server: pages that are no file's."""
        pid = self.server.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        total = 0
        for process in [str(pid), *children]:
            for line in pathlib.Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                if line.startswith("Anonymous:"):
                    total += int(line.split()[1])
        return total

    def peak_while_slow(self, command):
        """What memory rises by while the answer is taken in small pieces; then the rest unread is given up."""
        wire = Wire(self.server.ports["imaps"], self.server.tls())
        wire.line()
        self.assertIn("OK", wire.tagged("a", f'LOGIN {self.address} "{PASSWORD}"')[-1])
        self.assertIn("OK", wire.tagged("b", "EXAMINE Much")[-1])
        before = peak = self.memory_kib()
        wire.send(f"c {command}\r\n")
        taken = 0
        for _ in range(SLOW_READS):
            taken += len(wire.socket.recv(16 * 1024))
            time.sleep(0.02)
            peak = max(peak, self.memory_kib())
        wire.close()
        self.assertGreater(taken, SLOW_READS * 100)
        return peak - before

    def test_much_taken_slowly(self):
        for command in ("FETCH 1:* (BODY.PEEK[])", "UID FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE)",
                        "FETCH 1:* (UID BODY.PEEK[HEADER])"):
            with self.subTest(command=command):
                self.assertLess(self.peak_while_slow(command), GROWTH_MAX_KIB)

    def test_who_idles_keeps_nothing_of_what_was_fetched(self):
        self.ok("CREATE Some")
        self.ok("COPY 1:300 Some")

        def idle():
            wire = Wire(self.server.ports["imaps"], self.server.tls())
            self.addCleanup(wire.close)
            wire.line()
            for line in (f'LOGIN {self.address} "{PASSWORD}"', "EXAMINE Some", "FETCH 1:* (BODY.PEEK[TEXT])"):
                self.assertIn(" OK ", wire.tagged("i", line)[-1])
            wire.send("i IDLE\r\n")
            self.assertEqual(wire.line(), "+ idling")

        for _ in range(5):  # what the first of them costs is paid once
            idle()
        before = self.memory_kib()
        for _ in range(SESSIONS):
            idle()
        until = time.monotonic() + SETTLE_S  # the search index may be at work, too
        each = (self.memory_kib() - before) / SESSIONS
        while each >= SESSION_MAX_KIB and time.monotonic() < until:
            time.sleep(0.5)
            each = (self.memory_kib() - before) / SESSIONS
        self.assertLess(each, SESSION_MAX_KIB)

    def test_everything_arrives_all_the_same(self):
        self.wire.send("f FETCH 1:* (BODY.PEEK[TEXT])\r\n")
        lines, length = 0, 0
        while not (line := self.wire.file.readline()).startswith(b"f "):
            lines += line.startswith(b"* ")
            length += len(line)
        self.assertTrue(line.startswith(b"f OK"), line)
        self.assertEqual(lines, MESSAGES)
        self.assertGreater(length, MESSAGES * 40 * 72)
