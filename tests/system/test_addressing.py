"""Who gets a message: domains of each type, contacts, mail users, groups, forwarding, sending for others.
What leaves goes to a peer on loopback."""

import smtplib
import sys
import time
import unittest

try:
    import dkim
except ModuleNotFoundError:  # this Python is not Debian's: its packages stand elsewhere
    sys.path.append("/usr/lib/python3/dist-packages")
    import dkim

from dns_server import DnsServer
from harness import DOMAIN, HOST, PASSWORD, Server, message, subjects_in
from smtp_peer import SmtpPeer

OUTSIDE = "sender@outside.test"


class AddressingTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.destroy)
        cls.peer = SmtpPeer()
        cls.addClassCleanup(cls.peer.stop)
        cls.server.cli("connector", "send", "create", "out", "--address-space", "*",
                       "--smart-host", cls.peer.address)

    def setUp(self):
        self.addCleanup(self.check_no_crash)
        with self.peer.changed:
            self.peer.taken.clear()

    def check_no_crash(self):
        for process in self.server.ask("status")["processes"]:
            self.assertEqual(process["crashes"], 0, process)

    def fresh(self, name):
        return f"{name}{next(self.server.numbers)}@{DOMAIN}"

    def group(self, name, *members, **options):
        address = self.fresh(name)
        words = [word for key, value in options.items()
                 for word in (f"--{key.replace('_', '-')}", value)]
        self.server.cli("group", "create", address, *words)
        if members:
            self.server.cli("group", "member", "add", address, *members)
        return address

    def refusal(self, recipient, sender=OUTSIDE):
        """The reply's code and text to a message from outside; None when it was taken."""
        with self.server.smtp() as connection:
            try:
                connection.sendmail(sender, [recipient], message("Hello", sender, recipient))
            except smtplib.SMTPRecipientsRefused as refused:
                return next(iter(refused.recipients.values()))
            except smtplib.SMTPDataError as refused:
                return refused.smtp_code, refused.smtp_error
        return None

    def send_as(self, user, recipients, subject, sender=None, header_from=None):
        with self.server.submission(user) as connection:
            connection.sendmail(sender or user, recipients,
                                message(subject, header_from or sender or user, recipients[0]))

    def message_text(self, address, subject):
        self.server.wait_for_subject(address, subject)
        with self.server.imap(address) as connection:
            number = subjects_in(connection, "INBOX").index(subject) + 1
            return connection.fetch(str(number), "(BODY.PEEK[])")[1][0][1].decode()

    def refused_cli(self, *words):
        done = self.server.run(*words)
        self.assertNotEqual(done.returncode, 0, words)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    # Domains

    def test_plus_addressing_and_catch_all(self):
        self.server.cli("domain", "add", "plus.test")
        anna = self.server.user("anna")
        self.server.cli("mailbox", "create", "x@plus.test", "--password-stdin", stdin=PASSWORD + "\n")
        self.server.deliver("x+lists@plus.test", "With a detail")
        self.assertEqual(self.server.subjects("x@plus.test"), ["With a detail"])
        self.server.cli("domain", "set", "plus.test", "--plus-addressing", "no")
        self.assertEqual(self.refusal("x+lists@plus.test")[0], 550)
        self.server.cli("domain", "set", "plus.test", "--catch-all", anna)
        self.server.deliver("whoever@plus.test", "Caught")
        self.assertEqual(self.server.subjects(anna), ["Caught"])
        shown = self.server.ask("domain", "show", "plus.test")
        self.assertEqual((shown["catch_all"], shown["plus_addressing"]), (anna, False))
        self.server.cli("domain", "set", "plus.test", "--no-catch-all")
        self.assertEqual(self.refusal("whoever@plus.test")[0], 550)

    def test_internal_relay_sends_on_whom_nobody_here_has(self):
        self.server.cli("domain", "add", "half.test")
        self.server.cli("domain", "set", "half.test", "--type", "internal-relay")
        self.server.cli("mailbox", "create", "here@half.test", "--password-stdin", stdin=PASSWORD + "\n")
        with self.server.smtp() as connection:
            connection.sendmail(OUTSIDE, ["here@half.test", "there@half.test"],
                                message("Both", OUTSIDE, "here@half.test"))
        self.assertEqual(self.server.subjects("here@half.test"), ["Both"])
        taken = self.peer.wait()[0]
        self.assertEqual((taken.sender, taken.recipients), (OUTSIDE, ["there@half.test"]))

    def test_external_relay_and_subdomains(self):
        self.server.cli("domain", "add", "all.test")
        self.server.cli("domain", "set", "all.test", "--type", "external-relay")
        self.assertEqual(self.refusal("x@sub.all.test")[0], 550)
        self.server.cli("domain", "set", "all.test", "--subdomains", "yes")
        self.assertIsNone(self.refusal("x@sub.all.test"))
        self.assertEqual(self.peer.wait()[0].recipients, ["x@sub.all.test"])
        self.assertIn("elsewhere", self.refused_cli("contact", "create", "me@all.test", "--target",
                                                    "me@far.test"))

    def test_an_international_domain_is_one(self):
        self.server.cli("domain", "add", "bücher.test")
        self.server.cli("mailbox", "create", "x@bücher.test", "--password-stdin", stdin=PASSWORD + "\n")
        self.server.deliver("x@xn--bcher-kva.test", "A-labels")
        with self.server.smtp() as connection:
            connection.ehlo()
            self.assertEqual(connection.docmd("MAIL", f"FROM:<{OUTSIDE}> SMTPUTF8")[0], 250)
            connection.send("RCPT TO:<x@BÜCHER.test>\r\n".encode())
            self.assertEqual(connection.getreply()[0], 250)
            connection.data(message("U-labels", OUTSIDE, "x"))
        self.assertEqual(self.server.subjects("x@xn--bcher-kva.test"), ["A-labels", "U-labels"])

    # Contacts and mail users

    def test_a_contact_leads_outside(self):
        contact = self.fresh("partner")
        self.server.cli("contact", "create", contact, "--target", "partner@far.test", "--display-name",
                        "Our Partner", "--alias", "alias-" + contact)
        self.assertEqual(self.server.ask("contact", "show", "alias-" + contact)["target"],
                         "partner@far.test")
        self.assertIn(contact, [one["address"] for one in self.server.ask("contact", "list")])
        self.server.deliver("alias-" + contact, "To the contact", sender=OUTSIDE)
        taken = self.peer.wait()[0]
        self.assertEqual(taken.recipients, ["partner@far.test"])
        self.assertTrue(taken.sender.endswith(f"=outside.test=sender@{DOMAIN}"), taken.sender)
        self.assertIn(b"Delivered-To: " + contact.encode(), taken.data)
        self.server.cli("contact", "set", contact, "--target", "new@far.test")
        self.server.cli("contact", "remove", contact, "--yes", "--dry-run")
        self.server.cli("contact", "remove", contact, "--yes")
        self.assertEqual(self.refusal(contact)[0], 550)

    def test_a_mail_user_logs_in_to_send_only(self):
        user, anna = self.fresh("carla"), self.server.user("anna")
        self.server.cli("mailuser", "create", user, "--target", "carla@far.test", "--password-stdin",
                        stdin=PASSWORD + "\n")
        self.send_as(user, [anna], "From the mail user")
        self.assertIn("From the mail user", self.server.subjects(anna))
        with self.assertRaises(smtplib.SMTPException):
            self.send_as(user, [anna], "Not me", sender=anna)
        with self.assertRaises(Exception):
            self.server.imap(user)
        self.server.deliver(user, "To the mail user")
        self.assertEqual(self.peer.wait()[0].recipients, ["carla@far.test"])
        self.server.cli("mailuser", "remove", user, "--yes")
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            self.server.submission(user)

    # Groups

    def test_a_nested_group_reaches_everybody_once(self):
        anna, bert = self.server.user("anna"), self.server.user("bert")
        contact = self.fresh("partner")
        self.server.cli("contact", "create", contact, "--target", "member@far.test")
        inner = self.group("inner", anna, bert, contact, "member@far.test")
        outer = self.group("outer", anna, inner, anyone="yes")
        self.server.cli("group", "member", "add", inner, outer)
        self.server.cli("group", "set", inner, "--anyone", "yes")
        with self.server.smtp() as connection:
            connection.sendmail(OUTSIDE, [outer, anna], message("Nested", OUTSIDE, outer))
        self.assertEqual(self.server.subjects(anna), ["Nested"])
        self.assertEqual(self.server.subjects(bert), ["Nested"])
        self.assertEqual(self.peer.wait()[0].recipients, ["member@far.test"])
        time.sleep(0.5)
        self.assertEqual(len(self.peer.taken), 1)
        members = self.server.ask("group", "member", "list", inner)
        self.assertEqual({(one["address"], one["kind"]) for one in members},
                         {(anna, "mailbox"), (bert, "mailbox"), (contact, "contact"),
                          ("member@far.test", "outside"), (outer, "group")})

    def test_who_may_write_to_a_group(self):
        anna, bert = self.server.user("anna"), self.server.user("bert")
        group = self.group("team", anna)
        self.assertEqual(self.refusal(group), (550, b"5.7.1 You may not write to this group"))
        self.send_as(bert, [group], "Logged in")
        self.server.cli("group", "set", group, "--members-only", "yes")
        with self.assertRaises(smtplib.SMTPRecipientsRefused):
            self.send_as(bert, [group], "No member")
        self.server.cli("group", "set", group, "--allow", bert)
        self.send_as(bert, [group], "Allowed")
        self.send_as(anna, [group], "Member")
        self.assertEqual(self.server.subjects(anna), ["Logged in", "Allowed", "Member"])

    def test_an_empty_group_is_refused(self):
        group = self.group("empty", anyone="yes")
        self.assertEqual(self.refusal(group)[0], 550)

    def test_failures_of_a_list_go_to_its_owner(self):
        anna, owner = self.server.user("anna"), self.server.user("owner")
        member = f"gone{next(self.server.numbers)}@far.test"
        self.peer.rejects[member] = "550 5.1.1 No such user"
        group = self.group("list", anna, member, owner=owner, reports="owner", anyone="yes")
        self.server.deliver(group, "To the list", sender=OUTSIDE)
        self.assertIn(f"Return-Path: <{owner}>", self.message_text(anna, "To the list"))
        deadline = time.monotonic() + 20
        while not self.server.subjects(owner) and time.monotonic() < deadline:
            time.sleep(0.2)
        with self.server.imap(owner) as connection:
            connection.select("INBOX")
            text = connection.fetch("1", "(BODY.PEEK[])")[1][0][1].decode()
        self.assertIn(member, text)
        self.assertIn("Action: failed", text)

    def test_members_one_by_one(self):
        anna = self.server.user("anna")
        group = self.group("team", anna)
        done = self.server.run("group", "member", "add", group, "nobody@" + DOMAIN, "out@far.test", anna)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("nobody has the address", done.stderr)
        self.assertIn("already", done.stderr)
        self.assertEqual(self.server.run("group", "member", "remove", group, "nobody@far.test").returncode, 1)
        self.server.cli("distlist", "member", "remove", group, "out@far.test")
        self.assertEqual([one["address"] for one in self.server.ask("group", "member", "list", group)],
                         [anna])

    # Forwarding

    def test_a_forward_within_and_its_copy(self):
        anna, bert = self.server.user("anna"), self.server.user("bert")
        self.server.cli("mailbox", "set", anna, "--forward-to", bert)
        self.server.deliver(anna, "One")
        self.server.cli("mailbox", "set", anna, "--forward-to", bert, "--keep-copy", "no")
        self.server.deliver(anna, "Two")
        self.server.cli("mailbox", "set", anna, "--no-forward")
        self.server.deliver(anna, "Three")
        self.assertEqual(self.server.subjects(anna), ["One", "Three"])
        self.assertEqual(self.server.subjects(bert), ["One", "Two"])

    def test_forwards_in_a_circle_lose_nothing(self):
        anna, bert = self.server.user("anna"), self.server.user("bert")
        self.server.cli("mailbox", "set", anna, "--forward-to", bert, "--keep-copy", "no")
        self.server.cli("mailbox", "set", bert, "--forward-to", anna, "--keep-copy", "no")
        self.server.deliver(anna, "Round and round")
        self.assertEqual(self.server.subjects(anna) + self.server.subjects(bert), ["Round and round"])

    def test_a_bounce_finds_its_way_back_through_srs(self):
        anna = self.server.user("anna")
        self.server.cli("mailbox", "set", anna, "--forward-to", "anna@far.test", "--keep-copy", "no")
        self.server.deliver(anna, "Forwarded", sender=OUTSIDE)
        taken = self.peer.wait()[0]
        self.assertEqual(taken.recipients, ["anna@far.test"])
        self.assertRegex(taken.sender, rf"^SRS0=[a-z2-7]{{6}}=[a-z2-7]{{2}}=outside\.test=sender@{DOMAIN}$")
        # The next host cannot deliver it after all.
        with self.server.smtp() as connection:
            connection.sendmail("", [taken.sender], message("Bounce", "mailer@far.test", taken.sender))
        bounce = self.peer.wait(2)[1]
        self.assertEqual((bounce.sender, bounce.recipients), ("", [OUTSIDE]))
        forged = taken.sender.replace("sender", "victim")
        self.assertEqual(self.refusal(forged)[0], 550)
        # Mail of our own users keeps its sender.
        bert = self.server.user("bert")
        self.send_as(bert, [anna], "From here")
        self.assertEqual(self.peer.wait(3)[2].sender, bert)
        # What comes back stays.
        with self.server.smtp() as connection:
            connection.sendmail(OUTSIDE, [anna], taken.data)
        self.assertEqual(self.server.subjects(anna), ["Forwarded"])

    def test_srs_can_be_switched_off(self):
        self.server.cli("domain", "add", "plain.test")
        self.server.cli("domain", "set", "plain.test", "--srs", "no")
        self.server.cli("contact", "create", "x@plain.test", "--target", "x@far.test")
        self.server.deliver("x@plain.test", "As it is", sender=OUTSIDE)
        self.assertEqual(self.peer.wait()[0].sender, OUTSIDE)

    # Sending for others

    def test_send_as_and_on_behalf(self):
        anna, bert, info = self.server.user("anna"), self.server.user("bert"), self.fresh("info")
        self.server.cli("mailbox", "create", info, "--shared", "--database", "DB1")
        with self.assertRaises(smtplib.SMTPException):
            self.send_as(anna, [bert], "Not yet", sender=info)
        self.server.cli("mailbox", "permission", "add", info, "--user", anna, "--send-as")
        self.send_as(anna, [bert], "As info", sender=info)
        text = self.message_text(bert, "As info")
        self.assertIn(f"From: {info}", text)
        self.assertNotIn("Sender:", text)
        self.server.cli("mailbox", "permission", "add", info, "--user", anna, "--send-on-behalf")
        self.send_as(anna, [bert], "On behalf", sender=info)
        self.assertIn(f"Sender: <{anna}>", self.message_text(bert, "On behalf"))
        shown = self.server.ask("mailbox", "permission", "list", info)["permissions"]
        self.assertEqual([(one["user"], one["send"]) for one in shown], [(anna, "on-behalf")])
        self.server.cli("mailbox", "permission", "remove", info, "--user", anna)
        with self.assertRaises(smtplib.SMTPException):
            self.send_as(anna, [bert], "No more", sender=info)

    def test_send_as_a_group(self):
        anna, bert = self.server.user("anna"), self.server.user("bert")
        group = self.group("sales", bert)
        self.server.cli("mailbox", "permission", "add", group, "--user", anna, "--send-as")
        self.send_as(anna, [bert], "As sales", sender=group)
        self.assertIn(f"From: {group}", self.message_text(bert, "As sales"))

    # Together

    def test_a_message_for_everyone_at_once(self):
        anna, bert = self.server.user("anna"), self.server.user("bert")
        contact = self.fresh("partner")
        self.server.cli("contact", "create", contact, "--target", "p@far.test")
        group = self.group("all", bert, contact)
        self.send_as(anna, [group, bert, contact, "other@far.test"], "For all")
        self.assertEqual(self.server.subjects(bert), ["For all"])
        recipients = sorted(address for taken in self.peer.wait(2) for address in taken.recipients)
        self.assertEqual(recipients, ["other@far.test", "p@far.test"])

    def test_kept_through_a_restart(self):
        group = self.group("kept", "one@far.test", anyone="yes")
        self.server.restart()
        self.assertEqual(self.server.ask("group", "show", group)["members"], 1)
        self.server.deliver(group, "After the restart", sender=OUTSIDE)
        taken = self.peer.wait()[0]
        self.assertTrue(taken.sender.startswith("SRS0="), taken.sender)


class SealedForwardTest(unittest.TestCase):
    """What is passed on is sealed, what is ours is signed: checked by dkimpy."""

    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.destroy)
        self.dns = DnsServer({"outside.test": {"TXT": [f"v=spf1 ip4:{HOST} -all"]}})
        self.addCleanup(self.dns.stop)
        self.peer = SmtpPeer()
        self.addCleanup(self.peer.stop)
        self.server.cli("dns", "set", "--server", self.dns.address, "--timeout", "300ms", "--tries", "2")
        self.server.cli("mailauth", "set", "--skip", "none")
        end = time.monotonic() + 10
        while self.server.ask("dns", "show")["state"]["servers"] != [self.dns.address]:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        self.server.cli("connector", "send", "create", "out", "--address-space", "*",
                        "--smart-host", self.peer.address)
        key = self.server.ask("dkim", "create", DOMAIN, "--selector", "s1")["keys"][0]
        self.dns.zone[key["record_name"]] = {"TXT": [key["record"]]}
        self.server.cli("dkim", "activate", DOMAIN, "s1")

    def asked(self, name, timeout=5):
        records = self.dns.zone.get(name.decode().rstrip(".").lower(), {}).get("TXT")
        return records[0].encode() if records else None

    def test_a_forward_is_sealed_and_a_user_signs(self):
        anna, bert = self.server.user("anna"), self.server.user("bert")
        self.server.cli("mailbox", "set", anna, "--forward-to", "anna@far.test", "--keep-copy", "no")
        self.server.deliver(anna, "From outside", sender=OUTSIDE)
        sealed = self.peer.wait()[0].data
        self.assertNotIn(b"DKIM-Signature:", sealed)
        self.assertIn(b"spf=pass", sealed)
        status, results, reason = dkim.arc_verify(sealed, dnsfunc=self.asked)
        self.assertEqual((status, len(results)), (dkim.CV_Pass, 1), reason)
        status, _, _ = dkim.arc_verify(sealed.replace(b"Body", b"Bodies"), dnsfunc=self.asked)
        self.assertEqual(status, dkim.CV_Fail)
        # Beside the copy that is sealed, the mailbox gets the message as it came.
        self.server.cli("mailbox", "set", anna, "--forward-to", "anna@far.test")
        with self.server.submission(bert) as connection:
            connection.sendmail(bert, [anna], message("From here", bert, anna))
        signed = self.peer.wait(2)[1]
        self.assertEqual(signed.sender, bert)
        self.assertTrue(dkim.verify(signed.data, dnsfunc=self.asked))
        self.assertNotIn(b"ARC-Seal:", signed.data)
        self.assertEqual(self.server.subjects(anna), ["From here"])


if __name__ == "__main__":
    unittest.main()
