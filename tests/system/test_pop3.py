"""POP3 as clients use it, through the front-end, over TLS, on a server of its own: the shared one leaves
POP3 off, as an installation does."""

import imaplib
import os
import pathlib
import poplib
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import unittest

from harness import DOMAIN, HOST, PASSWORD, TIMEOUT, Server, Wire, message

SESSIONS_OF_AN_ACCOUNT_MAX = 16


def setUpModule():
    global server
    server = Server()
    unittest.addModuleCleanup(server.destroy)
    server.cli("service", "enable", "pop3", "pop3-backend")


def needs(program):
    return unittest.skipUnless(shutil.which(program), f"{program} is not installed")


def pop3(address=None, port="pop3s"):
    connection = poplib.POP3_SSL(HOST, server.ports[port], context=server.tls(), timeout=TIMEOUT)
    if address:
        connection.user(address)
        connection.pass_(PASSWORD)
    return connection


def hang_up(connection):
    """Ends a connection without QUIT."""
    try:
        connection.close()
    except OSError:
        pass


def states():
    return {entry["name"]: entry["enabled"] for entry in server.ask("service", "list")}


class Pop3Test(unittest.TestCase):
    def setUp(self):
        self.address = server.user()

    def login(self):
        connection = pop3(self.address)
        self.addCleanup(hang_up, connection)
        return connection

    def wire(self, port="pop3s", login=True):
        wire = Wire(server.ports[port], server.tls() if port == "pop3s" else None)
        self.addCleanup(wire.close)
        self.assertRegex(wire.line(), r"^\+OK ")
        if login:
            wire.send(f"USER {self.address}\r\nPASS {PASSWORD}\r\n")
            self.assertRegex(wire.line(), r"^\+OK ")
            self.assertRegex(wire.line(), r"^\+OK Logged in")
        return wire

    def answer(self, wire, command):
        wire.send(command + "\r\n")
        return wire.line()

    def append(self, data, flags=None):
        """Puts octets into the inbox exactly as they are."""
        with Wire(server.ports["imaps"], server.tls()) as wire:
            wire.line()
            wire.tagged("a", f'LOGIN {self.address} "{PASSWORD}"')
            wire.send(f"b APPEND INBOX {{{len(data)}+}}\r\n".encode() + data + b"\r\n")
            self.assertIn("b OK", wire.tagged("b")[-1])

    def ids(self):
        """The unique ids in the order of the messages; from a session of its own."""
        connection = self.login()
        ids = [line.decode().split()[1] for line in connection.uidl()[1]]
        connection.quit()
        return ids

    def fill(self, *subjects):
        for subject in subjects:
            server.deliver(self.address, subject)

    def subjects(self):
        return server.subjects(self.address)


class Switches(Pop3Test):
    def tearDown(self):
        server.cli("service", "enable", "pop3", "pop3-backend")

    def settings(self):
        return {entry["service"]: entry
                for entry in server.ask("mailbox", "client-settings", self.address)}

    def test_off_after_installation(self):
        fresh = Server()
        self.addCleanup(fresh.destroy)
        services = {entry["name"]: entry["enabled"] for entry in fresh.ask("service", "list")}
        self.assertEqual((services["pop3"], services["pop3-backend"]), (False, False))
        for port in ("pop3", "pop3s"):
            with self.assertRaises(ConnectionRefusedError):
                Wire(fresh.ports[port])

    def test_the_front_end_alone_takes_connections_but_no_login(self):
        server.cli("service", "disable", "pop3-backend")
        self.assertEqual((states()["pop3"], states()["pop3-backend"]), (True, False))
        wire = self.wire(login=False)
        self.answer(wire, f"USER {self.address}")
        self.assertTrue(self.answer(wire, f"PASS {PASSWORD}").startswith("-ERR [SYS/TEMP]"))
        server.cli("service", "enable", "pop3-backend")
        self.answer(wire, f"USER {self.address}")
        self.assertRegex(self.answer(wire, f"PASS {PASSWORD}"), r"^\+OK Logged in, 0 messages")

    def test_switching_one_service_leaves_the_sessions_of_others_alone(self):
        before = {entry["name"]: entry["pid"] for entry in server.ask("status")["processes"]}
        imap = server.imap(self.address)
        self.addCleanup(imap.logout)
        imap.select("INBOX")
        pop = self.wire(login=False)
        for _ in range(3):
            server.cli("service", "disable", "pop3")
            self.assertEqual(imap.noop()[0], "OK")
            with self.assertRaises(ConnectionRefusedError):
                Wire(server.ports["pop3"])
            server.cli("service", "enable", "pop3")
            self.assertEqual(imap.noop()[0], "OK")
            self.wire(login=False).close()
        self.assertRegex(pop.file.readline().decode(), r"^-ERR \[SYS/TEMP\]")
        after = {entry["name"]: entry["pid"] for entry in server.ask("status")["processes"]}
        self.assertEqual(after, before)

    def test_client_settings_tell_the_truth(self):
        self.assertTrue(self.settings()["pop3s"]["available"])
        self.assertEqual(self.settings()["pop3s"]["port"], server.ports["pop3s"])
        server.cli("service", "disable", "pop3")
        self.assertFalse(self.settings()["pop3s"]["available"])
        self.assertFalse(self.settings()["pop3"]["available"])
        with self.assertRaises(ConnectionRefusedError):
            Wire(server.ports["pop3s"])
        self.assertEqual(server.subjects(self.address), [])  # IMAP does not mind


class Settings(Pop3Test):
    def tearDown(self):
        server.cli("pop3", "set", "--sort-order", "oldest-first", "--sessions-per-account", "16",
                   "--idle-time", "30m", "--command-bytes", "512")

    def test_what_is_set_holds_for_the_next_session(self):
        self.fill("one", "two")
        self.assertEqual(server.ask("pop3", "show")["sort_order"], "oldest-first")
        before = self.ids()
        set_now = server.ask("pop3", "set", "--sort-order", "newest-first", "--command-bytes", "40",
                             "--sessions-per-account", "1")
        self.assertEqual((set_now["sort_order"], set_now["line_bytes_max"], set_now["idle_s"]),
                         ("newest-first", 40, 1800))
        self.assertEqual(self.ids(), before[::-1])
        wire = self.wire(login=False)
        self.assertEqual(self.answer(wire, "x" * 38), "-ERR Unknown command")
        self.assertEqual(self.answer(wire, "x" * 39), "-ERR Line is too long")
        self.login()
        self.answer(wire, f"USER {self.address}")
        self.assertTrue(self.answer(wire, f"PASS {PASSWORD}").startswith("-ERR [IN-USE]"))

    def test_what_is_out_of_range_is_refused_and_changes_nothing(self):
        before = server.ask("pop3", "show")
        for arguments in (("--command-bytes", "39"), ("--idle-time", "29s"), ("--login-time", "2h"),
                          ("--sessions-per-account", "0")):
            self.assertEqual(server.run("pop3", "set", *arguments).returncode, 1, arguments)
        for arguments in ((), ("--sort-order", "sideways"), ("--idle-time", "soon")):
            self.assertEqual(server.run("pop3", "set", *arguments).returncode, 2, arguments)
        server.cli("pop3", "set", "--idle-time", "10m", "--dry-run")
        self.assertEqual(server.ask("pop3", "show"), before)


class Login(Pop3Test):
    def test_stls(self):
        connection = poplib.POP3(HOST, server.ports["pop3"], timeout=TIMEOUT)
        self.addCleanup(hang_up, connection)
        offered = connection.capa()
        self.assertIn("STLS", offered)
        self.assertNotIn("USER", offered)
        self.assertNotIn("SASL", offered)
        with self.assertRaisesRegex(poplib.error_proto, r"-ERR \[PRIVACYREQUIRED\]"):
            connection.user(self.address)
        connection.stls(context=server.tls())
        offered = connection.capa()
        self.assertNotIn("STLS", offered)
        self.assertEqual(offered["SASL"], ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"])
        connection.user(self.address)
        connection.pass_(PASSWORD)
        self.assertEqual(connection.stat(), (0, 0))
        self.assertEqual(connection.capa()["IMPLEMENTATION"], ["Hauspost"])
        connection.quit()

    def test_auth_plain_and_login(self):
        import base64
        name, password = (base64.b64encode(text.encode()).decode()
                          for text in (self.address, PASSWORD))
        plain = base64.b64encode(f"\0{self.address}\0{PASSWORD}".encode()).decode()
        for lines in ((f"AUTH PLAIN {plain}",), ("AUTH PLAIN", plain), ("AUTH LOGIN", name, password)):
            wire = self.wire(login=False)
            for line in lines[:-1]:
                self.assertTrue(self.answer(wire, line).startswith("+ "), line)
            self.assertRegex(self.answer(wire, lines[-1]), r"^\+OK Logged in")
        self.assertTrue(self.answer(self.wire(login=False), "AUTH ANONYMOUS").startswith("-ERR"))

    def test_commands_behind_stls_are_not_carried_over(self):
        wire = self.wire("pop3", login=False)
        wire.send(f"STLS\r\nUSER {self.address}\r\nPASS {PASSWORD}\r\nCAPA\r\n")
        answer = wire.rest()
        self.assertTrue(answer.startswith("-ERR"), answer)
        self.assertNotIn("+OK", answer)

    def test_an_account_has_sixteen_sessions(self):
        held = [self.login() for _ in range(SESSIONS_OF_AN_ACCOUNT_MAX)]
        wire = self.wire(login=False)
        self.answer(wire, f"USER {self.address}")
        self.assertTrue(self.answer(wire, f"PASS {PASSWORD}").startswith("-ERR [IN-USE]"))
        self.assertEqual(server.subjects(self.address), [])  # IMAP sessions count for themselves
        held[0].quit()
        self.answer(wire, f"USER {self.address}")
        self.assertRegex(self.answer(wire, f"PASS {PASSWORD}"), r"^\+OK")

    def test_long_lines(self):
        wire = self.wire()
        self.assertEqual(self.answer(wire, "x" * 510), "-ERR Unknown command")
        self.assertEqual(self.answer(wire, "x" * 511), "-ERR Line is too long")
        self.assertRegex(self.answer(wire, "NOOP"), r"^\+OK")

    def test_dropped_in_the_middle_of_everything(self):
        for bytes_ in (b"", b"US", b"USER a\r\nPASS", os.urandom(300)):
            wire = self.wire(login=False)
            wire.send(bytes_)
            wire.close()
        self.assertRegex(self.answer(self.wire(), "STAT"), r"^\+OK 0 0")


class Refusals(Pop3Test):
    def refusal(self, name, password):
        wire = self.wire(login=False)
        answers = self.answer(wire, f"USER {name}"), self.answer(wire, f"PASS {password}")
        self.assertTrue(answers[1].startswith("-ERR [AUTH]"), answers)
        return answers

    def test_whatever_is_wrong_looks_the_same(self):
        server.cli("mailbox", "create", f"administrator@{DOMAIN}", "--database", "DB1",
                   "--password-stdin", stdin=PASSWORD + "\n")
        names = ((self.address, "wrong"), (f"nobody@{DOMAIN}", PASSWORD),
                 (f"administrator@{DOMAIN}", PASSWORD), ("guest", PASSWORD), ("anonymous", "x"))
        self.assertEqual(len({self.refusal(*name) for name in names}), 1)

    def test_three_wrong_passwords_end_the_connection(self):
        wire = self.wire(login=False)
        for _ in range(3):
            self.answer(wire, f"USER {self.address}")
            self.assertTrue(self.answer(wire, "PASS wrong").startswith("-ERR [AUTH]"))
        self.assertEqual(wire.rest(), "")


class Messages(Pop3Test):
    def retrieved(self, connection, number):
        """The octets that came, with every dot still doubled, and those of the message."""
        status, lines, octets = connection.retr(number)
        return b"".join(line + b"\r\n" for line in lines), octets

    def test_delivered_mail_comes_back_octet_for_octet(self):
        body = ".\r\n..\r\n.dot\r\n\r\n. \r\n" + "x" * 900 + "\r\n\r\n.\r\n"
        server.deliver(self.address, "dots", body=body)
        connection = self.login()
        count, octets = connection.stat()
        self.assertEqual(count, 1)
        got, counted = self.retrieved(connection, 1)
        self.assertTrue(got.endswith(body.encode()))
        self.assertEqual(len(got), octets)
        self.assertEqual(counted, octets)
        self.assertEqual(connection.list(1), f"+OK 1 {octets}".encode())
        with server.imap(self.address) as imap:
            imap.select("INBOX", readonly=True)
            self.assertEqual(imap.fetch("1", "(BODY.PEEK[])")[1][0][1], got)

    def test_lines_with_a_bare_line_feed_are_left_as_they_are(self):
        stored = b"Subject: bare\n\none\n.\n..two\nthree\r\n"
        self.append(stored)
        wire = self.wire()
        self.assertEqual(self.answer(wire, "LIST 1"), f"+OK 1 {len(stored)}")
        wire.send("RETR 1\r\n")
        self.assertEqual(wire.line(), f"+OK {len(stored)} octets")
        expected = stored.replace(b"\n.", b"\n..") + b".\r\n"
        self.assertEqual(wire.file.read(len(expected)), expected)

    def test_a_message_without_a_line_end_gets_one(self):
        self.append(b"Subject: short")
        wire = self.wire()
        wire.send("RETR 1\r\nNOOP\r\n")
        self.assertEqual([wire.line() for _ in range(4)][:3],
                         ["+OK 14 octets", "Subject: short", "."])

    def test_twenty_megabytes(self):
        line = b"." + b"y" * 75 + b"\r\n"
        stored = b"Subject: large\r\n\r\n" + line * (20 * 1024 * 1024 // len(line))
        self.append(stored)
        got, octets = self.retrieved(self.login(), 1)
        self.assertEqual((octets, got == stored), (len(stored), True))

    def test_a_client_that_does_not_read_is_waited_for(self):
        stored = b"Subject: large\r\n\r\n" + (b"z" * 78 + b"\r\n") * 100_000
        self.append(stored)
        wire = self.wire()
        wire.send("RETR 1\r\n" * 8)
        time.sleep(0.5)  # the pipes are full by now
        self.assertRegex(self.answer(self.wire(), "STAT"), r"^\+OK 1 ")  # others are served
        for _ in range(8):
            self.assertEqual(wire.line(), f"+OK {len(stored)} octets")
            self.assertEqual(wire.file.read(len(stored) + 3), stored + b".\r\n")

    def test_top(self):
        server.deliver(self.address, "top", body="one\r\ntwo\r\nthree\r\n")
        connection = self.login()
        for lines in range(5):
            got = connection.top(1, lines)[1]
            self.assertEqual(got[got.index(b"") + 1:], [b"one", b"two", b"three"][:lines])
            self.assertIn(b"Subject: top", got)

    def test_two_hundred_messages_pipelined(self):
        self.append_many(200)
        wire = self.wire()
        wire.send("".join(f"RETR {number}\r\n" for number in range(1, 201)) + "STAT\r\n")
        for number in range(1, 201):
            self.assertRegex(wire.line(), r"^\+OK \d+ octets")
            self.assertEqual([wire.line() for _ in range(4)],
                             [f"Subject: number {number}", "", "body", "."])
        self.assertRegex(wire.line(), r"^\+OK 200 ")

    def append_many(self, count):
        text = [f"Subject: number {number}\r\n\r\nbody\r\n" for number in range(1, count + 1)]
        with Wire(server.ports["imaps"], server.tls()) as wire:
            wire.line()
            wire.tagged("a", f'LOGIN {self.address} "{PASSWORD}"')
            wire.send("".join(f"b{n} APPEND INBOX {{{len(one)}+}}\r\n{one}\r\n"
                              for n, one in enumerate(text)))
            self.assertIn("OK", wire.tagged(f"b{count - 1}")[-1])

    def test_flags_are_not_touched(self):
        self.fill("unread")
        connection = self.login()
        connection.retr(1)
        connection.quit()
        with server.imap(self.address) as imap:
            imap.select("INBOX")
            self.assertEqual(imap.search(None, "UNSEEN")[1], [b"1"])


class Deletion(Pop3Test):
    def setUp(self):
        super().setUp()
        self.fill("one", "two", "three")

    def test_at_quit_only(self):
        connection = self.login()
        connection.dele(2)
        self.assertEqual(connection.stat()[0], 2)
        self.assertEqual(self.subjects(), ["one", "two", "three"])
        connection.quit()
        self.assertEqual(self.subjects(), ["one", "three"])

    def test_deleted_mail_can_be_recovered(self):
        connection = self.login()
        connection.dele(2)
        connection.quit()
        kept = server.ask("mailbox", "recover", "list", self.address)["items"]
        self.assertEqual([(item["subject"], item["folder"]) for item in kept], [("two", "INBOX")])

    def test_not_when_the_connection_drops(self):
        connection = self.login()
        for number in (1, 2, 3):
            connection.dele(number)
        hang_up(connection)
        time.sleep(0.3)
        self.assertEqual(self.subjects(), ["one", "two", "three"])

    def test_rset_takes_it_back(self):
        connection = self.login()
        connection.dele(1)
        connection.rset()
        connection.dele(3)
        connection.quit()
        self.assertEqual(self.subjects(), ["one", "two"])

    def test_imap_goes_on_beside_it(self):
        with server.imap(self.address) as imap:
            imap.select("INBOX")
            connection = self.login()
            imap.store("1", "+FLAGS", "(\\Deleted)")
            imap.expunge()
            with self.assertRaisesRegex(poplib.error_proto, "removed by another session"):
                connection.retr(1)
            self.assertEqual(len(connection.list()[1]), 3)  # the numbers stand
            connection.dele(1)
            connection.dele(2)
            connection.quit()
            imap.noop()
            self.assertEqual(imap.fetch("1:*", "(FLAGS)")[1][0][:2], b"1 ")
        self.assertEqual(self.subjects(), ["three"])

    def test_new_mail_waits_for_the_next_session(self):
        connection = self.login()
        self.fill("four")
        self.assertEqual(connection.stat()[0], 3)
        connection.quit()
        self.assertEqual(self.login().stat()[0], 4)


class UniqueIds(Pop3Test):
    def test_they_stay_for_ever(self):
        self.fill("one", "two", "three")
        before = self.ids()
        self.assertEqual(len(set(before)), 3)
        connection = self.login()
        self.assertEqual(connection.uidl(2).decode(), f"+OK 2 {before[1]}")
        connection.dele(1)
        connection.quit()
        self.fill("four")
        after = self.ids()
        self.assertEqual(after[:2], before[1:])
        self.assertNotIn(after[2], before)
        server.cli("database", "dismount", "DB1")
        server.cli("database", "mount", "DB1")
        self.assertEqual(self.ids(), after)


class WorkerLoss(Pop3Test):
    def worker(self):
        return next(entry["pid"] for entry in server.ask("status")["processes"]
                    if entry["name"] == "store DB1")

    def test_a_killed_worker_ends_sessions_cleanly_and_logins_go_on(self):
        self.fill("kept")
        wire = self.wire()
        self.assertRegex(self.answer(wire, "DELE 1"), r"^\+OK")
        os.kill(self.worker(), signal.SIGKILL)
        self.assertTrue(wire.rest().startswith("-ERR [SYS/TEMP]"))
        begun = time.monotonic()
        self.assertRegex(self.answer(self.wire(), "STAT"), r"^\+OK 1 ")
        self.assertLess(time.monotonic() - begun, 5)

    def test_a_dismounted_database(self):
        wire = self.wire()
        server.cli("database", "dismount", "DB1")
        self.addCleanup(server.run, "database", "mount", "DB1")
        self.assertIn("-ERR [SYS/TEMP]", wire.rest())
        wire = self.wire(login=False)
        self.answer(wire, f"USER {self.address}")
        self.assertTrue(self.answer(wire, f"PASS {PASSWORD}").startswith("-ERR [SYS/TEMP]"))
        server.cli("database", "mount", "DB1")
        self.answer(wire, f"USER {self.address}")
        self.assertRegex(self.answer(wire, f"PASS {PASSWORD}"), r"^\+OK Logged in")


class ClientTest(Pop3Test):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hauspost-client-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.ca = str(server.data / "tls" / "certificate.pem")

    def run_client(self, *command, status=0, **options):
        done = subprocess.run(command, capture_output=True, timeout=60, **options)
        output = (done.stdout + done.stderr).decode("utf-8", "replace")
        self.assertEqual(done.returncode, status, output)
        return done.stdout.decode("utf-8", "replace")


@needs("curl")
class Curl(ClientTest):
    def curl(self, path, *arguments, scheme="pop3s", password=PASSWORD, **options):
        return self.run_client("curl", "--silent", "--show-error", "--cacert", self.ca, "--user",
                               f"{self.address}:{password}",
                               f"{scheme}://{HOST}:{server.ports[scheme]}/{path}", *arguments,
                               **options)

    def test_list_retrieve_and_delete(self):
        self.fill("one", "two")
        self.assertEqual(len(self.curl("").split("\n")), 3)
        self.assertIn("Subject: two", self.curl("2"))
        self.assertIn("Subject: one", self.curl("1", "--ssl-reqd", scheme="pop3"))
        self.assertEqual(len(self.curl("", "--request", "UIDL").strip().split("\n")), 2)
        self.curl("1", "--request", "DELE", "--list-only")
        self.assertEqual(self.subjects(), ["two"])

    def test_each_mechanism(self):
        for mechanism in ("PLAIN", "LOGIN"):
            self.curl("", "--login-options", f"AUTH={mechanism}")

    def test_a_wrong_password(self):
        self.curl("", password="wrong", status=67)


@needs("fetchmail")
class Fetchmail(ClientTest):
    def fetch(self, *options, status=0):
        """Messages that have arrived so far."""
        config = self.folder / "fetchmailrc"
        config.write_text(
            f'poll {HOST} protocol pop3 service {server.ports["pop3s"]} uidl user "{self.address}" '
            f'password "{PASSWORD}" ssl sslcertck sslcertfile "{self.ca}" '
            f'sslcommonname localhost mda "cat >> {self.folder}/mail; echo >> {self.folder}/mail" '
            f'{" ".join(options)}\n')
        config.chmod(0o600)
        self.run_client("fetchmail", "--fetchmailrc", str(config), "--nodetach", "--nosyslog",
                        "--idfile", str(self.folder / "ids"), "--pidfile",
                        str(self.folder / "pid"), status=status,
                        env={**os.environ, "HOME": str(self.folder),
                             "FETCHMAILHOME": str(self.folder)})
        path = self.folder / "mail"
        return path.read_text().count("Subject: ") if path.exists() else 0

    def test_keep_and_then_take(self):
        self.fill("one", "two", "three")
        self.assertEqual(self.fetch("keep"), 3)
        self.assertEqual(self.fetch("keep", status=1), 3)  # nothing new
        self.fill("four")
        self.assertEqual(self.fetch("keep"), 4)
        self.assertEqual(len(self.subjects()), 4)
        self.fetch("nokeep", "fetchall")
        self.assertEqual(self.subjects(), [])


@needs("getmail")
class Getmail(ClientTest):
    def test_leave_and_then_delete(self):
        self.fill("one", "two", "three")
        arrivals = self.folder / "mail"
        script = self.folder / "deliver"
        script.write_text(f"#!/bin/sh\ncat >> {arrivals}\n")
        script.chmod(0o700)
        for delete, arrived in (("false", 3), ("false", 3), ("true", 6)):
            (self.folder / "getmailrc").write_text(
                f"[retriever]\ntype = SimplePOP3SSLRetriever\nserver = {HOST}\n"
                f"port = {server.ports['pop3s']}\nusername = {self.address}\npassword = {PASSWORD}\n"
                f"ca_certs = {self.ca}\n[destination]\ntype = MDA_external\npath = {script}\n"
                "allow_root_commands = true\n"
                f"[options]\ndelete = {delete}\nread_all = {delete}\n")
            self.run_client("getmail", "--getmaildir", str(self.folder))
            self.assertEqual(arrivals.read_text().count("\nSubject: "), arrived)
        self.assertEqual(self.subjects(), [])


if __name__ == "__main__":
    unittest.main()
