"""The front-end under attack and in everyday care: certificates, PROXY headers, limits, floods, slow
clients, guessed passwords, draining, and workers that go."""

import imaplib
import os
import pathlib
import resource
import select
import shutil
import signal
import smtplib
import socket
import ssl
import struct
import subprocess
import time
import unittest

from harness import HOST, PASSWORD, TIMEOUT, OwnServerTest, Wire
from instance import CliError

# Silent connections of the flood test; the number that is promised is 20000.
FLOOD = int(os.environ.get("HAUSPOST_FLOOD", "3000"))
# Seconds in which a worker is back; one is promised, which a busy machine need not keep.
BACK_WITHIN = float(os.environ.get("HAUSPOST_BACK_WITHIN", "5"))


def client_tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def v2_header(source, port):
    body = (socket.inet_aton(source) + socket.inet_aton("198.51.100.1") +
            struct.pack(">HH", port, 993))
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", len(body)) + body


class FrontendTest(OwnServerTest):
    def setUp(self):
        super().setUp()
        self.port = self.server.ports["imaps"]

    def imap(self, source=None, first=b""):
        wire = Wire(self.port, client_tls(), source=source, first=first)
        self.addCleanup(wire.close)
        self.assertTrue(wire.line().startswith("* OK"))
        return wire

    def login(self, wire, address, password=PASSWORD):
        return wire.tagged("l", f'LOGIN {address} "{password}"')[-1]

    def log_text(self):
        return self.server.log.read_text(errors="replace")

    def process(self, name):
        for entry in self.server.ask("status")["processes"]:
            if entry["name"] == name:
                return entry
        raise AssertionError(f"no process {name}")


class Certificates(FrontendTest):
    def make(self, name, key=("ec", "ec_paramgen_curve:prime256v1"), days=400):
        folder = self.server.folder
        stem = f"{name}-{key[0]}".replace("*", "wild")
        certificate, key_file = folder / f"{stem}.crt", folder / f"{stem}.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", key[0], "-pkeyopt", key[1], "-nodes",
                        "-keyout", key_file, "-out", certificate, "-days", str(days),
                        "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"],
                       check=True, capture_output=True)
        return certificate, key_file

    def shown(self, name=None, **settings):
        """The names in the certificate that a client asking for `name` is shown, and its key."""
        context = client_tls()
        for setting, value in settings.items():
            if setting == "ciphers":
                context.set_ciphers(value)
            else:
                setattr(context, setting, value)
        with socket.create_connection((HOST, self.port), timeout=TIMEOUT) as plain:
            with context.wrap_socket(plain, server_hostname=name) as wrapped:
                der = wrapped.getpeercert(binary_form=True)
        text = subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-text"], input=der,
                              capture_output=True, check=True).stdout.decode()
        return text

    def test_names_and_keys_choose_the_certificate(self):
        net, net_key = self.make("mail.example.net")
        wild, wild_key = self.make("*.example.com")
        rsa, rsa_key = self.make("mail.example.net", ("rsa", "rsa_keygen_bits:2048"))
        for certificate, key in ((net, net_key), (wild, wild_key), (rsa, rsa_key)):
            self.server.cli("certificate", "add", "--certificate", str(certificate), "--key",
                            str(key))
        self.assertIn("DNS:mail.example.test", self.shown())
        self.assertIn("DNS:mail.example.test", self.shown("other.example"))
        self.assertIn("DNS:*.example.com", self.shown("imap.example.com"))
        text = self.shown("mail.example.net")
        self.assertIn("DNS:mail.example.net", text)
        self.assertIn("id-ecPublicKey", text)
        text = self.shown("mail.example.net", maximum_version=ssl.TLSVersion.TLSv1_2,
                          ciphers="ECDHE-RSA-AES128-GCM-SHA256")
        self.assertIn("rsaEncryption", text)
        listed = self.server.ask("certificate", "list")
        self.assertEqual([entry["state"] for entry in listed], ["good"] * 4)
        self.assertEqual([entry["key"] for entry in listed],
                         ["ECDSA P-256", "ECDSA P-256", "ECDSA P-256", "RSA 2048"])
        self.server.cli("certificate", "remove", str(wild), "--yes")
        self.assertIn("DNS:mail.example.test", self.shown("imap.example.com"))
        self.server.restart()
        self.assertIn("DNS:mail.example.net", self.shown("mail.example.net"))

    def test_what_does_not_load_is_refused_and_changes_nothing(self):
        net, _ = self.make("mail.example.net")
        _, other_key = self.make("mail.example.org")
        with self.assertRaises(CliError) as caught:
            self.server.cli("certificate", "add", "--certificate", str(net), "--key",
                            str(other_key))
        self.assertEqual(caught.exception.status, 1)
        self.assertEqual(len(self.server.ask("certificate", "list")), 1)

    def test_a_reload_keeps_sessions_and_tickets(self):
        address = self.server.user()
        wire = self.imap()
        self.assertTrue(self.login(wire, address).startswith("l OK"))
        session_file = self.server.folder / "session.pem"
        first = self.openssl("-sess_out", session_file)
        self.assertIn("New, TLSv1.2", first)
        certificate, key = self.make("mail.example.test")
        default = self.server.ask("certificate", "list")[0]
        before = default["fingerprint"]
        shutil.copy(certificate, default["certificate_file"])
        shutil.copy(key, default["key_file"])
        self.server.cli("certificate", "reload")
        self.assertNotEqual(self.server.ask("certificate", "list")[0]["fingerprint"], before)
        self.assertTrue(wire.tagged("n", "NOOP")[-1].startswith("n OK"))  # it did not notice
        self.assertIn("Reused, TLSv1.2", self.openssl("-sess_in", session_file))
        self.assertIn("DNS:mail.example.test", self.shown())

        pathlib.Path(default["key_file"]).write_text("garbage")
        done = self.server.run("certificate", "reload")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertEqual(self.server.ask("certificate", "list")[0]["state"], "outdated")
        self.assertTrue(any("not in use" in warning
                            for warning in self.server.ask("status")["warnings"]))
        self.assertIn("DNS:mail.example.test", self.shown())

    def openssl(self, *options):
        return subprocess.run(["openssl", "s_client", "-tls1_2", "-connect",
                               f"{HOST}:{self.port}", *map(str, options)], input="a LOGOUT\n",
                              text=True, capture_output=True, timeout=30).stdout

    def test_an_end_that_is_near_is_told(self):
        certificate, key = self.make("soon.example.net", days=5)
        self.server.cli("certificate", "add", "--certificate", str(certificate), "--key", str(key))
        self.assertEqual(self.server.ask("certificate", "list")[1]["state"], "expires soon")
        self.assertRegex(self.server.cli("status"), "expires in [45] days")
        self.assertIn("certificate.expires", self.log_text())


class Proxies(FrontendTest):
    def setUp(self):
        super().setUp()
        self.server.cli("listener", "set", "imaps", "--proxy", "127.0.0.2")
        self.address = self.server.user()

    def test_the_address_is_the_clients_in_both_versions(self):
        for first, client in ((b"PROXY TCP4 192.0.2.77 198.51.100.1 40000 993\r\n", "192.0.2.77"),
                              (v2_header("192.0.2.78", 4711), "192.0.2.78")):
            with self.subTest(client):
                wire = self.imap("127.0.0.2", first)
                self.assertTrue(self.login(wire, self.address).startswith("l OK"))
                self.assertIn(f"client={client}", self.log_text())

    def test_byte_by_byte(self):
        header = v2_header("192.0.2.79", 4711)
        plain = socket.create_connection((HOST, self.port), timeout=TIMEOUT,
                                         source_address=("127.0.0.2", 0))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in header:
            plain.sendall(bytes([byte]))
        with client_tls().wrap_socket(plain) as wrapped:
            self.assertTrue(wrapped.recv(4).startswith(b"* OK"))

    def test_nobody_else_is_believed_and_a_proxy_must_speak(self):
        with self.assertRaises(OSError):  # TLS meets "PROXY ..."
            self.imap("127.0.0.3", b"PROXY TCP4 192.0.2.99 198.51.100.1 40000 993\r\n")
        self.assertNotIn("client=192.0.2.99", self.log_text())
        with self.assertRaises(OSError):
            self.imap("127.0.0.2")
        wire = self.imap("127.0.0.3")
        self.assertTrue(self.login(wire, self.address).startswith("l OK"))

    def test_a_silent_proxy_is_left_after_a_while(self):
        with Wire(self.port, source="127.0.0.2") as wire:
            began = time.monotonic()
            self.assertEqual(wire.rest(), "")
            self.assertLess(time.monotonic() - began, 10)

    def test_limits_count_the_client_and_not_the_proxy(self):
        self.server.cli("listener", "set", "imaps", "--per-address", "2")
        for last in range(1, 5):
            self.imap("127.0.0.2", b"PROXY TCP4 192.0.2.%d 198.51.100.1 1 993\r\n" % last)
        self.imap("127.0.0.2", b"PROXY TCP4 192.0.2.1 198.51.100.1 1 993\r\n")
        with self.assertRaises(OSError):
            self.imap("127.0.0.2", b"PROXY TCP4 192.0.2.1 198.51.100.1 1 993\r\n")


class PlainLogins(FrontendTest):
    def plain(self, port="imap"):
        wire = Wire(self.server.ports[port])
        self.addCleanup(wire.close)
        return wire, wire.line()

    def test_a_listener_takes_passwords_in_the_clear_only_when_told_to(self):
        address = self.server.user()
        self.server.cli("service", "enable", "pop3", "pop3-backend")
        wire, greeting = self.plain()
        self.assertIn("LOGINDISABLED", greeting)
        self.assertIn("NO [PRIVACYREQUIRED]", self.login(wire, address))
        for listener in ("imap", "pop3"):
            answer = self.server.ask("listener", "set", listener, "--login", "plain")
            self.assertEqual(answer["login"], "plain")
            self.assertIn("in the clear", answer["warning"])
        warnings = self.server.ask("status")["warnings"]
        self.assertEqual(len([text for text in warnings if "in the clear" in text]), 2)

        self.assertIn("NO [PRIVACYREQUIRED]", self.login(wire, address))  # it came before
        wire, greeting = self.plain()
        self.assertNotIn("LOGINDISABLED", greeting)
        self.assertIn("AUTH=PLAIN", greeting)
        self.assertIn("AUTH=SCRAM-SHA-256", greeting)
        self.assertNotIn("-PLUS", greeting)
        self.assertIn("STARTTLS", greeting)
        self.assertIn("l OK", self.login(wire, address))
        pop, _ = self.plain("pop3")
        pop.send("CAPA\r\n")
        capabilities = [pop.line()]
        while capabilities[-1] != ".":
            capabilities.append(pop.line())
        self.assertIn("USER", capabilities)
        for command in (f"USER {address}", f"PASS {PASSWORD}"):
            pop.send(command + "\r\n")
            self.assertRegex(pop.line(), r"^\+OK")

        self.server.cli("listener", "set", "imap", "--login", "secure", "--new-per-minute", "1000")
        limits = {entry["listener"]: entry["new_per_minute_max"]
                  for entry in self.server.ask("listener", "list")["listeners"]}
        self.assertEqual((limits["imap"], limits["pop3"]), (1000, 0))
        self.assertIn("LOGINDISABLED", self.plain()[1])
        warnings = self.server.ask("status")["warnings"]
        self.assertEqual(len([text for text in warnings if "in the clear" in text]), 1)

    def test_listeners_that_never_take_them_refuse(self):
        for listener in ("smtp", "submission", "imaps", "pop3s"):
            with self.assertRaises(CliError) as caught:
                self.server.cli("listener", "set", listener, "--login", "plain")
            self.assertIn("TLS alone", str(caught.exception))
        with self.assertRaises(CliError):
            self.server.cli("listener", "set", "imap", "--login", "maybe")
        answer = self.server.ask("listener", "set", "imap", "--login", "plain", "--dry-run")
        self.assertEqual(answer["login"], "plain")
        self.assertIn("LOGINDISABLED", self.plain()[1])


class SlowAndMany(FrontendTest):
    def test_who_dribbles_is_sent_away_in_time(self):
        self.server.cli("listener", "set", "imap", "--login-time", "5s")
        with Wire(self.server.ports["imap"]) as wire:
            wire.line()
            began = time.monotonic()
            for byte in b"a LOGIN somebody" * 10:
                try:
                    wire.send(bytes([byte]))
                except OSError:
                    break
                ready = select.poll()
                ready.register(wire.socket, select.POLLIN)
                if ready.poll(200):
                    break
            self.assertIn("BYE", wire.rest())
            self.assertLess(time.monotonic() - began, 7)

    def test_lines_without_end_are_turned_away(self):
        for listener in ("imap", "submission", "smtp"):
            with self.subTest(listener), Wire(self.server.ports[listener]) as wire:
                wire.line()
                try:
                    for _ in range(400):
                        wire.send("x" * 65536)
                    self.fail("25 MB in one line were taken")
                except OSError:
                    pass

    def test_silent_connections_do_not_stop_a_login(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        count = min(FLOOD, hard - 200)
        soft_before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, soft_before)
        address = self.server.user()
        with self.server.imap(address) as connection:  # its password is known from now on
            connection.noop()
        held = []
        self.addCleanup(lambda: [one.close() for one in held])
        ports = [self.server.ports[name] for name in ("imaps", "imap", "submission")]
        for number in range(count):
            one = socket.socket()
            one.setblocking(False)
            # Not more of one address than it may have.
            one.bind((f"127.{1 + number // 40 // 250}.{number // 40 % 250}.7", 0))
            try:
                one.connect((HOST, ports[number % len(ports)]))
            except BlockingIOError:
                pass
            held.append(one)
            if number % 100 == 99:
                ready = select.poll()
                ready.register(one, select.POLLOUT)
                ready.poll(5000)
        times = []
        for _ in range(5):
            began = time.monotonic()
            wire = self.imap()
            self.assertTrue(self.login(wire, address).startswith("l OK"))
            times.append(time.monotonic() - began)
            wire.close()
        print(f"login beside {count} silent connections: "
              f"{', '.join(f'{one * 1000:.0f}' for one in times)} ms")
        self.assertLess(sorted(times)[2], 0.1 if count >= 20000 else 0.5)

    def test_a_listener_has_its_own_limit(self):
        self.server.cli("listener", "set", "imaps", "--connections", "2")
        kept = [self.imap(), self.imap()]
        with self.assertRaises(OSError):
            self.imap()
        listed = {entry["listener"]: entry
                  for entry in self.server.ask("listener", "list")["listeners"]}
        self.assertEqual(listed["imaps"]["sessions"], 2)
        kept[0].close()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                self.imap()
                return
            except OSError:
                time.sleep(0.05)
        self.fail("a place that was left is not given again")


class Guessing(FrontendTest):
    def setUp(self):
        super().setUp()
        self.server.cli("block", "disallow", "127.0.0.0/8")
        self.server.cli("block", "set", "--failures", "2", "--account-failures", "4", "--time",
                        "60s")
        self.address = self.server.user()

    def guess(self, source, address, passwords):
        """All at once, since each answer is delayed."""
        wires = [self.imap(source) for _ in passwords]
        for wire, password in zip(wires, passwords):
            wire.send(f'g LOGIN {address} "{password}"\r\n')
        return [wire.tagged("g")[-1] for wire in wires]

    def test_an_address_is_blocked_listed_and_lifted(self):
        answers = self.guess("127.0.5.1", self.address, ["a", "b", "c"])
        self.assertEqual({answer[:4] for answer in answers}, {"g NO"})
        refused = self.login(self.imap("127.0.5.1"), self.address)
        self.assertTrue(refused.startswith("l NO [AUTHENTICATIONFAILED]"), refused)
        self.assertTrue(self.login(self.imap("127.0.9.1"), self.address).startswith("l OK"))
        listed = self.server.ask("block", "list")["blocks"]
        self.assertEqual([block["subject"] for block in listed], ["127.0.5.1"])
        self.assertEqual(listed[0]["times"], 1)
        for event in ("auth.blocked", "reason=wrong_password", "reason=address_blocked"):
            self.assertIn(event, self.log_text())
        self.server.cli("block", "lift", "127.0.5.1")
        self.assertEqual(self.server.ask("block", "list")["total"], 0)
        self.assertTrue(self.login(self.imap("127.0.5.1"), self.address).startswith("l OK"))
        with self.assertRaises(CliError):
            self.server.cli("block", "lift", "127.0.5.1")

    def test_the_same_wrong_password_is_no_attack(self):
        self.guess("127.0.5.1", self.address, ["of last year"] * 5)
        self.assertTrue(self.login(self.imap("127.0.5.1"), self.address).startswith("l OK"))

    def test_an_account_is_blocked_for_strangers_alone(self):
        self.assertTrue(self.login(self.imap("127.0.100.1"), self.address).startswith("l OK"))
        for number in range(5):
            self.guess(f"127.{number + 1}.5.1", self.address, [f"x{number}"])
        # Another password than the cached one is needed to see who is asked.
        new = "another horse"
        self.server.cli("mailbox", "set-password", self.address, "--password-stdin",
                        stdin=new + "\n")
        self.assertTrue(self.login(self.imap("127.50.0.1"), self.address, new).startswith("l NO"))
        self.assertTrue(self.login(self.imap("127.0.100.1"), self.address, new).startswith("l OK"))
        self.assertEqual(self.server.ask("block", "list")["blocks"][0]["kind"], "account")

    def test_the_allow_list_is_never_blocked(self):
        self.server.cli("block", "allow", "127.0.5.0/24")
        self.guess("127.0.5.1", self.address, ["a", "b", "c", "d"])
        self.assertTrue(self.login(self.imap("127.0.5.1"), self.address).startswith("l OK"))
        self.assertEqual(self.server.ask("block", "list")["total"], 0)
        rules = self.server.ask("block", "show")
        self.assertEqual(rules["allowed"], ["::1", "127.0.5.0/24"])


class Draining(FrontendTest):
    def test_draining_lets_sessions_end_and_takes_no_new_ones(self):
        address = self.server.user()
        session = self.imap()
        self.assertTrue(self.login(session, address).startswith("l OK"))
        waiting = self.imap()  # connected before, not yet logged in
        self.server.cli("component", "set", "imap", "--state", "draining")
        wire = Wire(self.port, client_tls())
        self.addCleanup(wire.close)
        self.assertTrue(wire.line().startswith("* BYE [UNAVAILABLE]"))
        self.assertTrue(self.login(waiting, address).startswith("l NO [UNAVAILABLE]"))
        self.assertTrue(session.tagged("n", "SELECT INBOX")[-1].startswith("n OK"))
        self.assertIn("imap is draining", self.server.cli("status"))
        # The worst that is said holds.
        self.server.cli("component", "set", "imap", "--state", "inactive", "--requester",
                        "health-api")
        self.assertTrue(session.line().startswith("* BYE [UNAVAILABLE]"))
        self.server.cli("component", "set", "imap", "--state", "active", "--requester",
                        "health-api")
        states = {entry["name"]: entry["state"] for entry in self.server.ask("component", "list")}
        self.assertEqual(states["imap"], "draining")
        self.server.cli("component", "set", "imap", "--state", "active")
        self.assertTrue(self.login(self.imap(), address).startswith("l OK"))
        with self.server.smtp() as connection:
            self.assertEqual(connection.ehlo()[0], 250)

    def test_the_back_end_drains_alone_and_smtp_says_421(self):
        address = self.server.user()
        self.server.cli("component", "set", "imap-backend", "--state", "draining")
        wire = Wire(self.port, client_tls())
        self.addCleanup(wire.close)
        self.assertTrue(wire.line().startswith("* BYE"))
        self.server.cli("component", "set", "submission", "--state", "draining")
        with Wire(self.server.ports["submission"]) as submission:
            self.assertTrue(submission.line().startswith("421 4.3.2"))
        with Wire(self.server.ports["smtp"]) as smtp:
            self.assertTrue(smtp.line().startswith("220"))
        self.server.restart()  # it is remembered
        wire = Wire(self.port, client_tls())
        self.addCleanup(wire.close)
        self.assertTrue(wire.line().startswith("* BYE"))
        del address

    def test_nonsense_is_refused(self):
        for arguments in (("component", "set", "oven", "--state", "draining"),
                          ("component", "set", "imap", "--state", "asleep"),
                          ("component", "set", "imap", "--state", "active", "--requester", "me"),
                          ("listener", "set", "imaps", "--proxy", "192.0.2.1/24"),
                          ("listener", "set", "gopher", "--connections", "1"),
                          ("listener", "set", "imaps", "--login-time", "1s"),
                          ("block", "set", "--failures", "0"),
                          ("block", "allow", "example.org"),
                          ("block", "disallow", "192.0.2.1"),
                          ("certificate", "remove", "/nowhere", "--yes")):
            with self.subTest(arguments):
                self.assertIn(self.server.run(*arguments).returncode, (1, 2))


class WorkersThatGo(FrontendTest):
    def logged_in(self, address):
        wire = self.imap()
        self.assertTrue(self.login(wire, address).startswith("l OK"))
        return wire

    def log_in_again(self, address, began):
        """Logs in as soon as there is somebody to log in to."""
        while not (answer := self.login(self.imap(), address)).startswith("l OK"):
            self.assertTrue(answer.startswith("l NO [UNAVAILABLE]"), answer)
            self.assertLess(time.monotonic() - began, BACK_WITHIN)
            time.sleep(0.2)  # an address has a limited number of connections
        took = time.monotonic() - began
        print(f"logged in {took * 1000:.0f} ms after the worker went or came")
        self.assertLess(took, BACK_WITHIN)

    def test_a_killed_store_worker_says_bye_and_is_back_within_a_second(self):
        address = self.server.user()
        idle, selected = self.logged_in(address), self.logged_in(address)
        self.assertTrue(selected.tagged("s", "SELECT INBOX")[-1].startswith("s OK"))
        idle.send("i IDLE\r\n")
        self.assertTrue(idle.line().startswith("+"))
        os.kill(self.process("store DB1")["pid"], signal.SIGKILL)
        began = time.monotonic()
        self.assertTrue(idle.line().startswith("* BYE [UNAVAILABLE]"))
        self.assertTrue(selected.line().startswith("* BYE [UNAVAILABLE]"))
        self.assertEqual(idle.rest(), "")
        self.log_in_again(address, began)

    def test_a_planned_stop_says_bye_and_logins_follow_the_mount(self):
        address = self.server.user()
        idle = self.logged_in(address)
        idle.send("i IDLE\r\n")
        self.assertTrue(idle.line().startswith("+"))
        self.server.cli("database", "dismount", "DB1")
        self.assertTrue(idle.line().startswith("* BYE"))
        self.assertTrue(self.login(self.imap(), address).startswith("l NO [UNAVAILABLE]"))
        self.server.cli("database", "mount", "DB1")
        self.log_in_again(address, time.monotonic())

    def test_a_killed_transport_says_421_and_is_back_within_a_second(self):
        address = self.server.user()
        with Wire(self.server.ports["smtp"]) as wire:
            wire.reply()
            wire.command("EHLO client.example.org")
            self.assertEqual(wire.command("MAIL FROM:<a@example.org>")[:3], "250")
            os.kill(self.process("transport")["pid"], signal.SIGKILL)
            began = time.monotonic()
            self.assertTrue(wire.reply().startswith("421"))
            self.assertEqual(wire.rest(), "")
        while True:
            try:
                self.server.deliver(address)
                break
            except smtplib.SMTPResponseException as refused:
                self.assertEqual(refused.smtp_code, 451)
                self.assertLess(time.monotonic() - began, BACK_WITHIN)
        self.assertLess(time.monotonic() - began, BACK_WITHIN + 1)
        self.server.wait_for_subject(address, "Hello")

    def test_a_killed_auth_is_back_and_sessions_do_not_notice(self):
        address = self.server.user()
        session = self.logged_in(address)
        os.kill(self.process("auth")["pid"], signal.SIGKILL)
        self.assertTrue(session.tagged("n", "NOOP")[-1].startswith("n OK"))
        self.log_in_again(address, time.monotonic())
