"""NOTIFY, METADATA and searches over several mailboxes, through the front-end over TLS."""

import re
import time

from harness import SystemTest, message


class ImapNotifyTest(SystemTest):
    # What the specification of the service promises, and room for a machine that is busy.
    PROMPT_S = 0.1
    LATEST_S = 5.0

    def setUp(self):
        super().setUp()
        self.address = self.server.user()
        self.imap = self.login()
        self.other = self.login()

    def login(self):
        connection = self.server.imap(self.address)
        self.addCleanup(connection.shutdown)
        return connection

    def ok(self, connection, line, tag="x1"):
        connection.send(f"{tag} {line}\r\n".encode())
        lines = []
        while not lines or not lines[-1].startswith(f"{tag} "):
            lines.append(connection.readline().decode().rstrip("\r\n"))
        self.assertTrue(lines[-1].startswith(f"{tag} OK"), lines)
        return lines

    def append(self, folder, subject="Hello"):
        text = message(subject, "a@example.org", self.address).encode()
        status, answer = self.other.append(folder, None, None, text)
        self.assertEqual(status, "OK", answer)

    def next_line(self):
        self.imap.sock.settimeout(self.LATEST_S)
        return self.imap.readline().decode().rstrip("\r\n")

    def test_capabilities(self):
        words = set(self.ok(self.imap, "CAPABILITY")[0].split())
        self.assertLessEqual({"NOTIFY", "METADATA", "LIST-METADATA", "MULTISEARCH"}, words)

    def test_news_come_without_a_command(self):
        self.ok(self.imap, "CREATE Lists/One")
        self.ok(self.imap, "SELECT INBOX")
        self.ok(self.imap, "NOTIFY SET (selected (MessageNew (UID) MessageExpunge FlagChange)) "
                           "(personal (MessageNew MessageExpunge MailboxName SubscriptionChange))")
        self.append("INBOX")
        self.assertEqual(self.next_line(), "* 1 EXISTS")
        self.assertEqual(self.next_line(), "* 1 RECENT")
        self.assertEqual(self.next_line(), "* 1 FETCH (UID 1)")
        self.append("Lists/One")
        self.assertEqual(self.next_line(), '* STATUS "Lists/One" (MESSAGES 1 UIDNEXT 2)')
        self.ok(self.other, "RENAME Lists/One Lists/Two")
        self.assertEqual(self.next_line(),
                         '* LIST (\\HasNoChildren) "/" "Lists/Two" ("OLDNAME" ("Lists/One"))')
        self.ok(self.other, "SELECT INBOX")
        self.ok(self.other, "STORE 1 +FLAGS (\\Deleted)")
        self.assertIn("\\Deleted", self.next_line())
        self.ok(self.other, "EXPUNGE")
        self.assertEqual(self.next_line(), "* 1 EXPUNGE")
        self.ok(self.imap, "NOTIFY NONE")
        self.append("INBOX")
        self.assertEqual(self.ok(self.imap, "NOOP"), ["x1 OK NOOP completed"])

    def test_news_are_prompt(self):
        self.ok(self.imap, "NOTIFY SET (personal (MessageNew MessageExpunge))")
        took = []
        for number in range(20):
            self.append("Sent", f"Message {number}")
            stored = time.monotonic()
            self.assertIn("* STATUS", self.next_line())
            took.append(time.monotonic() - stored)
        # A busy machine delays some of them; where news were polled for, all would wait.
        self.assertLess(sorted(took)[len(took) // 4], self.PROMPT_S, took)

    def test_a_delivery_is_told(self):
        self.ok(self.imap, "NOTIFY SET STATUS (mailboxes INBOX (MessageNew MessageExpunge))")
        self.server.deliver(self.address, "By SMTP")
        self.assertRegex(self.next_line(), r'^\* STATUS "INBOX" \(MESSAGES 1 UIDNEXT 2\)$')

    def test_metadata_lasts(self):
        self.ok(self.imap, 'SETMETADATA INBOX (/private/comment "mine" /shared/comment "all")')
        self.ok(self.other, "ENABLE METADATA")
        lines = self.ok(self.other, "GETMETADATA INBOX (/private/comment /shared/comment)")
        self.assertEqual(lines[0], '* METADATA "INBOX" (/private/comment "mine" /shared/comment "all")')
        self.ok(self.imap, "SETMETADATA INBOX (/private/comment NIL)")
        self.assertIn('* METADATA "INBOX" /private/comment', self.ok(self.other, "NOOP"))
        lines = self.ok(self.imap, 'LIST "" INBOX RETURN (METADATA (/private/comment))')
        self.assertEqual(lines[1], '* METADATA "INBOX" (/private/comment NIL)')

    def test_search_over_mailboxes(self):
        self.append("Sent", "needle")
        self.append("Archive", "needle")
        self.append("Drafts", "hay")
        lines = self.ok(self.imap, "ESEARCH IN (personal) SUBJECT needle")
        found = [re.search(r'MAILBOX "(\w+)".* UID ALL 1$', line) for line in lines[:-1]]
        self.assertEqual(sorted(match.group(1) for match in found), ["Archive", "Sent"])

    def test_what_others_share(self):
        owner_address = self.server.user()
        self.other = owner = self.server.imap(owner_address)
        self.addCleanup(owner.shutdown)
        self.ok(owner, f"SETACL INBOX {self.address} lrs")
        listed = " ".join(self.ok(self.imap, 'LIST "" "Shared/*"'))
        name = re.search(r'"(Shared/[^"]+/INBOX)"', listed).group(1)
        lines = self.ok(self.imap, "NOTIFY SET STATUS (subtree Shared (MessageNew MessageExpunge "
                                   "FlagChange MailboxMetadataChange))")
        self.assertTrue(lines[0].startswith(f'* STATUS "{name}" (MESSAGES 0 '), lines)
        self.append("INBOX", "needle")
        self.assertEqual(self.next_line(), f'* STATUS "{name}" (MESSAGES 1 UIDNEXT 2 UNSEEN 1)')
        # What is private is not told to others.
        self.ok(owner, 'SETMETADATA INBOX (/shared/comment "x" /private/comment "y")')
        self.assertEqual(self.next_line(), f'* METADATA "{name}" /shared/comment')
        lines = self.ok(self.imap, "ESEARCH IN (subtree Shared) SUBJECT needle")
        self.assertRegex(lines[0], rf'MAILBOX "{name}" UIDVALIDITY \d+\) UID ALL 1$')
        self.assertEqual(len(self.ok(self.imap, "ESEARCH IN (personal) SUBJECT needle")), 1)
        self.ok(owner, f"DELETEACL INBOX {self.address}")
        self.append("INBOX", "no longer")
        self.assertEqual(self.ok(self.imap, "NOOP"), ["x1 OK NOOP completed"])
