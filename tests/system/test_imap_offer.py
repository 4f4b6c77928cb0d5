"""What IMAP offers: the off-switch of a mailbox, extensions withdrawn from devices, IMAP4rev2."""

from harness import SystemTest, message


class ImapOfferTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.address = self.server.user()

    def connect(self):
        imap = self.server.imap(self.address)
        self.addCleanup(imap.shutdown)
        return imap

    def command(self, imap, line, tag="x1"):
        """Sends a line as it is; returns all lines of the answer, the tagged one last."""
        imap.send(f"{tag} {line}\r\n".encode())
        lines = []
        while not lines or not lines[-1].startswith(f"{tag} "):
            lines.append(imap.readline().decode().rstrip("\r\n"))
        return lines

    def capabilities(self, imap):
        return set(self.command(imap, "CAPABILITY")[0].split())

    def test_a_capability_is_switched_off_for_one_mailbox(self):
        before = self.connect()
        answer = self.server.ask("mailbox", "set", self.address, "--imap-without",
                                 "move,CONDSTORE,literal+")
        self.assertEqual(answer["imap_without"], ["MOVE", "CONDSTORE", "LITERAL+"])
        shown = self.server.ask("mailbox", "show", self.address)
        self.assertEqual(shown["imap_without"], ["MOVE", "CONDSTORE", "LITERAL+"])
        self.assertIn("imap without", self.server.cli("mailbox", "show", self.address))
        self.assertIn("MOVE", self.capabilities(before))
        imap = self.connect()
        offered = self.capabilities(imap)
        self.assertFalse({"MOVE", "CONDSTORE", "QRESYNC", "LITERAL+", "IMAP4rev2"} & offered)
        self.assertLessEqual({"LITERAL-", "UIDPLUS", "IMAP4rev1"}, offered)
        self.command(imap, "SELECT INBOX")
        self.assertEqual(self.command(imap, "MOVE 1 Trash"), ["x1 BAD unknown command"])
        self.server.cli("mailbox", "set", self.address, "--imap-without", "none")
        self.assertLessEqual({"MOVE", "QRESYNC", "LITERAL+", "IMAP4rev2"},
                             self.capabilities(self.connect()))
        self.assertEqual(self.server.ask("mailbox", "show", self.address)["imap_without"], [])

    def test_a_message_limit_holds_for_sessions_that_begin_afterwards(self):
        self.assertEqual(self.server.ask("imap", "show")["command_messages_max"], 0)
        before = self.connect()
        answer = self.server.ask("imap", "set", "--message-limit", "1000")
        self.assertEqual(answer["command_messages_max"], 1000)
        self.addCleanup(self.server.cli, "imap", "set", "--message-limit", "0")
        self.assertFalse([name for name in self.capabilities(before) if "MESSAGELIMIT" in name])
        imap = self.connect()
        self.assertIn("MESSAGELIMIT=1000", self.capabilities(imap))
        literals = "".join(" {1+}\r\nm" for _ in range(500))
        for _ in range(3):
            self.assertRegex(self.command(imap, "APPEND INBOX" + literals)[-1], r"^x1 OK \[APPENDUID")
        self.assertIn("1500", self.command(imap, "SELECT INBOX")[1] + self.command(imap, "NOOP")[0] +
                      self.command(imap, "STATUS INBOX (MESSAGES)")[0])
        lines = self.command(imap, "UID FETCH 1:* (FLAGS)")
        self.assertEqual(len(lines), 1001)
        self.assertRegex(lines[-1], r"^x1 OK \[MESSAGELIMIT 1000 501\]")
        lines = self.command(imap, "UID FETCH 1:500 (FLAGS)")
        self.assertEqual((len(lines), lines[-1]), (501, "x1 OK FETCH completed"))
        self.assertRegex(self.command(imap, "UID COPY 1:* Trash")[-1],
                         r"^x1 NO \[MESSAGELIMIT 1000 501\]")
        self.command(before, "SELECT INBOX")
        self.assertEqual(len(self.command(before, "FETCH 1:* (FLAGS)")), 1501)
        refused = self.server.run("imap", "set", "--message-limit", "10")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("1000", refused.stderr)

    def test_what_no_mailbox_can_be_without_is_refused(self):
        for name in ("IMAP4rev1", "SASL-IR", "NONSENSE"):
            refused = self.server.run("mailbox", "set", self.address, "--imap-without", name)
            self.assertEqual(refused.returncode, 1)
            self.assertIn(f'"{name}"', refused.stderr)
        self.assertEqual(self.server.ask("mailbox", "show", self.address)["imap_without"], [])

    def break_uid_only(self):
        imap = self.connect()
        self.command(imap, 'ID ("name" "Broken Mail" "version" "1.0")')
        self.assertEqual(self.command(imap, "ENABLE UIDONLY")[0], "* ENABLED UIDONLY")
        self.command(imap, "SELECT INBOX")
        self.assertIn("[UIDREQUIRED]", self.command(imap, "FETCH 1 FLAGS")[-1])

    def test_a_device_that_breaks_an_extension_loses_it_until_it_is_lifted(self):
        def own():
            return [one for one in self.server.ask("imap", "withdrawn", "list")
                    if one["user"] == self.address]

        self.break_uid_only()
        self.assertEqual(own(), [])
        self.break_uid_only()
        withdrawn = own()
        self.assertEqual(len(withdrawn), 1)
        self.assertEqual(withdrawn[0]["extension"], "UIDONLY")
        self.assertEqual(withdrawn[0]["device"], "Broken Mail 1.0")
        self.assertEqual(withdrawn[0]["until_s"] - withdrawn[0]["since_s"], 24 * 3600)
        self.assertIn("Broken Mail 1.0", self.server.cli("imap", "withdrawn", "list"))
        imap = self.connect()
        self.command(imap, 'ID ("name" "Broken Mail" "version" "1.0")')
        self.assertNotIn("UIDONLY", self.capabilities(imap))
        dry = self.server.ask("imap", "withdrawn", "lift", self.address, "--dry-run")
        self.assertEqual(len(dry["lifted"]), 1)
        self.assertEqual(len(own()), 1)
        other = self.server.ask("imap", "withdrawn", "lift", self.address, "--extension", "QRESYNC")
        self.assertEqual(other["lifted"], [])
        lifted = self.server.ask("imap", "withdrawn", "lift", self.address)
        self.assertEqual(lifted["lifted"][0]["extension"], "UIDONLY")
        self.assertEqual(own(), [])
        imap = self.connect()
        self.command(imap, 'ID ("name" "Broken Mail" "version" "1.0")')
        self.assertIn("UIDONLY", self.capabilities(imap))
        self.assertEqual(self.server.run("imap", "withdrawn", "lift").returncode, 2)

    def test_imap4rev2_through_the_front_end(self):
        imap = self.connect()
        text = message("Grüße", "a@example.org", self.address).encode()
        self.assertEqual(imap.append("INBOX", None, None, text)[0], "OK")
        self.assertEqual(self.command(imap, "ENABLE IMAP4rev2")[0], "* ENABLED IMAP4rev2")
        lines = self.command(imap, "SELECT inbox")
        self.assertIn('* LIST () "/" "INBOX" ("OLDNAME" ("inbox"))', lines)
        self.assertFalse([line for line in lines if "RECENT" in line or "UNSEEN" in line], lines)
        self.assertEqual(self.command(imap, "SEARCH ALL", "s1"),
                         ['* ESEARCH (TAG "s1") ALL 1', "s1 OK SEARCH completed"])

    def test_a_literal_that_is_too_big_does_not_end_the_session(self):
        imap = self.connect()
        imap.send(b"x1 SEARCH SUBJECT {70000+}\r\n" + b"y" * 70000 + b"\r\nx2 NOOP\r\n")
        self.assertEqual(imap.readline(), b"x1 BAD [TOOBIG] Literal is too big\r\n")
        self.assertEqual(imap.readline(), b"x2 OK NOOP completed\r\n")
