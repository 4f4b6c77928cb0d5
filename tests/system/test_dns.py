"""Names: who is asked and how often, the hosts of a domain with the TLS they need, policies of MTA-STS
fetched from a web server, reports about TLS. Every answer comes from a DNS server of the test."""

import base64
import gzip
import http.server
import json
import pathlib
import re
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

from dns_server import DnsServer, reverse_name
from harness import HOST, Server
from instance import CliError

DIGEST = "ab" * 32
POLICY = "version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: 86400\r\n"


class DnsTest(unittest.TestCase):
    """One server for all tests of a class; each takes names of its own."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.destroy)
        cls.dns = DnsServer({})
        cls.addClassCleanup(cls.dns.stop)
        cls.server.cli("dns", "set", "--server", cls.dns.address, "--timeout", "300ms", "--tries", "2",
                       "--mta-sts", "off")
        cls.wait_for_servers(cls.server, cls.dns.address)

    @staticmethod
    def wait_for_servers(server, *addresses, key="servers"):
        end = time.monotonic() + 10
        while server.ask("dns", "show")["state"][key] != list(addresses):
            assert time.monotonic() < end, server.ask("dns", "show")
            time.sleep(0.05)

    def lookup(self, name, kind):
        return self.server.ask("dns", "lookup", name, "--type", kind)

    def hops(self, domain, *options):
        return self.server.ask("dns", "hops", domain, *options)["hosts"]

    def refused(self, domain, *options):
        """Of a domain that has no hosts now: (permanent, status)."""
        done = self.server.run("--json", "dns", "hops", domain, *options)
        self.assertEqual(done.returncode, 1, done.stdout)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["hosts"], [])
        return answer["permanent"], answer["status"]


class Questions(DnsTest):
    def test_every_type(self):
        self.dns.zone.update({
            "types.test": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"], "MX": ["10 mx.types.test"],
                           "TXT": [["v=spf1 ", "-all"]]},
            "_25._tcp.types.test": {"TLSA": [f"3 1 1 {DIGEST}"]},
            "www.types.test": {"CNAME": ["types.test"]},
            reverse_name("192.0.2.77"): {"PTR": ["host.types.test"]}})
        expected = {("types.test", "A"): ["192.0.2.1"], ("types.test", "AAAA"): ["2001:db8::1"],
                    ("types.test", "MX"): ["10 mx.types.test"],
                    ("types.test", "TXT"): ["v=spf1 -all"],
                    ("_25._tcp.types.test", "TLSA"): [f"3 1 1 {DIGEST}"],
                    ("192.0.2.77", "PTR"): ["host.types.test"]}
        for (name, kind), records in expected.items():
            with self.subTest(kind=kind):
                self.assertEqual(self.lookup(name, kind)["records"], records)
        alias = self.lookup("WWW.Types.Test", "A")
        self.assertEqual((alias["records"], alias["canonical"]), (["192.0.2.1"], "types.test"))

    def test_no_name_no_data_and_no_answer(self):
        self.dns.zone["there.test"] = {"A": ["192.0.2.2"]}
        self.dns.failing["broken.test"] = "SERVFAIL"
        self.dns.silent.add("silent.test")
        self.assertEqual(self.lookup("absent.test", "A")["outcome"], "no-name")
        self.assertEqual(self.lookup("there.test", "MX")["outcome"], "no-data")
        for name in ["broken.test", "silent.test"]:
            began = time.monotonic()
            done = self.server.run("dns", "lookup", name, "--type", "A")
            self.assertEqual(done.returncode, 1)
            self.assertIn("no answer from " + self.dns.address, done.stderr)
            self.assertLess(time.monotonic() - began, 8)

    def test_truncated_answers_are_asked_again_over_tcp(self):
        self.dns.zone["long.test"] = {"TXT": ["x" * 200 + str(number) for number in range(30)]}
        answer = self.lookup("long.test", "TXT")
        self.assertEqual(len(answer["records"]), 30)
        asked = [transport for transport, name, _ in self.dns.log if name == "long.test"]
        self.assertEqual(asked, ["udp", "tcp"])

    def test_a_server_without_edns(self):
        self.dns.zone["old.test"] = {"A": ["192.0.2.3"]}
        self.dns.no_edns = True
        self.addCleanup(setattr, self.dns, "no_edns", False)
        self.assertEqual(self.lookup("old.test", "A")["records"], ["192.0.2.3"])

    def test_answers_are_remembered_as_long_as_they_hold(self):
        self.dns.zone["kept.test"] = {"A": ["192.0.2.4"]}
        self.dns.ttl = 2
        self.addCleanup(setattr, self.dns, "ttl", 0)
        for _ in range(3):
            self.lookup("kept.test", "A")
            self.lookup("gone.kept.test", "A")  # what is not there is remembered too
        self.assertEqual(self.dns.count("kept.test", "A"), 1)
        self.assertEqual(self.dns.count("gone.kept.test", "A"), 1)
        entries = self.server.ask("dns", "cache", "kept.test")["entries"]
        self.assertEqual([(entry["name"], entry["outcome"]) for entry in entries],
                         [("gone.kept.test", "no-name"), ("kept.test", "found")])
        time.sleep(2.1)
        self.lookup("kept.test", "A")
        self.assertEqual(self.dns.count("kept.test", "A"), 2)

    def test_flush(self):
        self.dns.zone.update({"one.flush.test": {"A": ["192.0.2.5"]},
                              "two.flush.test": {"A": ["192.0.2.6"]}})
        self.dns.ttl = 600
        self.addCleanup(setattr, self.dns, "ttl", 0)
        for name in ["one.flush.test", "two.flush.test"]:
            self.lookup(name, "A")
        self.assertEqual(self.server.ask("dns", "flush", "one.flush.test")["answers"], 1)
        self.assertEqual(len(self.server.ask("dns", "cache", "flush.test")["entries"]), 1)
        self.server.cli("dns", "flush")
        self.assertEqual(self.server.ask("dns", "cache")["entries"], [])

    def test_authentic_only_where_the_server_is_believed(self):
        self.dns.zone["signed.test"] = {"A": ["192.0.2.7"]}
        self.dns.authentic = True
        self.addCleanup(setattr, self.dns, "authentic", False)
        self.assertTrue(self.lookup("signed.test", "A")["authentic"])  # auto: on this machine
        self.addCleanup(self.trust, "auto", True)
        self.trust("no", False)
        self.assertFalse(self.lookup("signed.test", "A")["authentic"])

    def trust(self, word, trusts):
        """Other tests count on what is remembered, which a change empties: waits for it."""
        self.server.cli("dns", "set", "--trust-ad", word)
        end = time.monotonic() + 10
        while self.server.ask("dns", "show")["state"]["trusts_ad"] != trusts:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)


class Hosts(DnsTest):
    def test_by_preference(self):
        self.dns.zone.update({"order.test": {"MX": ["20 b.order.test", "10 a.order.test", "30 c.order.test"]},
                              "a.order.test": {"A": ["192.0.2.11"], "AAAA": ["2001:db8::11"]},
                              "b.order.test": {"CNAME": ["real.order.test"]},
                              "real.order.test": {"A": ["192.0.2.12"]},
                              "c.order.test": {}})
        self.assertEqual([(hop["host"], hop["address"], hop["tls"]) for hop in self.hops("Order.Test")],
                         [("a.order.test", "2001:db8::11", "opportunistic"),
                          ("a.order.test", "192.0.2.11", "opportunistic"),
                          ("b.order.test", "192.0.2.12", "opportunistic")])

    def test_equal_preference_is_by_chance(self):
        self.dns.zone["equal.test"] = {"MX": [f"10 h{n}.equal.test" for n in range(4)]}
        for n in range(4):
            self.dns.zone[f"h{n}.equal.test"] = {"A": [f"192.0.2.{20 + n}"]}
        first = {self.hops("equal.test")[0]["host"] for _ in range(25)}
        self.assertGreater(len(first), 1)

    def test_a_domain_without_mx_is_its_own_host(self):
        self.dns.zone["plain.test"] = {"A": ["192.0.2.30"]}
        self.assertEqual([hop["host"] for hop in self.hops("plain.test")], ["plain.test"])

    def test_what_cannot_be_delivered(self):
        self.dns.zone.update({"null.test": {"MX": ["0 ."]},
                              "nowhere.test": {"MX": ["10 absent.nowhere.test"]},
                              "loop.test": {"MX": ["10 mail.example.test", "20 other.loop.test"]},
                              "other.loop.test": {"A": ["192.0.2.31"]}})
        self.assertEqual(self.refused("null.test"), (True, "5.1.10"))
        self.assertEqual(self.refused("not-there.test"), (True, "5.1.2"))
        self.assertEqual(self.refused("nowhere.test"), (True, "5.4.4"))
        self.assertEqual(self.refused("loop.test"), (True, "5.4.6"))

    def test_what_has_to_wait(self):
        self.dns.failing.update({"mxfails.test": "SERVFAIL", "afails.hostfails.test": "SERVFAIL"})
        self.dns.zone["hostfails.test"] = {"MX": ["10 afails.hostfails.test"]}
        self.assertEqual(self.refused("mxfails.test"), (False, "4.4.3"))
        self.assertEqual(self.refused("hostfails.test"), (False, "4.4.3"))

    def test_one_host_that_fails_does_not_fail_the_rest(self):
        self.dns.failing["bad.some.test"] = "SERVFAIL"
        self.dns.zone.update({"some.test": {"MX": ["10 bad.some.test", "20 good.some.test"]},
                              "good.some.test": {"A": ["192.0.2.32"]}})
        self.assertEqual([hop["host"] for hop in self.hops("some.test")], ["good.some.test"])

    def test_dane_needs_authentic_answers(self):
        self.dns.zone.update({"dane.test": {"MX": ["10 mx.dane.test"]},
                              "mx.dane.test": {"A": ["192.0.2.33"]},
                              "_25._tcp.mx.dane.test": {"TLSA": [f"3 1 1 {DIGEST}", f"1 0 1 {DIGEST}"]},
                              "unusable.test": {"MX": ["10 mx.unusable.test"]},
                              "mx.unusable.test": {"A": ["192.0.2.34"]},
                              "_25._tcp.mx.unusable.test": {"TLSA": [f"1 0 1 {DIGEST}"]},
                              "nodane.test": {"MX": ["10 mx.nodane.test"]},
                              "mx.nodane.test": {"A": ["192.0.2.35"]}})
        self.assertEqual(self.hops("dane.test")[0]["tls"], "opportunistic")
        self.dns.authentic = True
        self.addCleanup(setattr, self.dns, "authentic", False)
        hop = self.hops("dane.test")[0]
        self.assertEqual((hop["tls"], hop["policy"], hop["tlsa"]), ("dane", "dane", [f"3 1 1 {DIGEST}"]))
        self.assertEqual(self.hops("unusable.test")[0]["tls"], "required")
        self.assertEqual(self.hops("nodane.test")[0]["tls"], "opportunistic")
        self.dns.failing["_25._tcp.mx.dane.test"] = "SERVFAIL"
        self.assertEqual(self.refused("dane.test"), (False, "4.7.5"))

    def test_require_tls_wants_a_proven_host(self):
        self.dns.zone.update({"strict.test": {"MX": ["10 mx.strict.test"]},
                              "mx.strict.test": {"A": ["192.0.2.36"]}})
        self.assertEqual(self.refused("strict.test", "--require-tls"), (True, "5.7.10"))
        self.dns.authentic = True
        self.addCleanup(setattr, self.dns, "authentic", False)
        hop = self.hops("strict.test", "--require-tls")[0]
        self.assertEqual((hop["tls"], hop["names"]), ("name", ["mx.strict.test"]))


class Servers(DnsTest):
    def test_external_servers_are_a_list_of_their_own(self):
        with DnsServer({"two.test": {"A": ["198.51.100.1"]}}) as outside:
            self.dns.zone["two.test"] = {"A": ["192.0.2.40"]}
            self.server.cli("dns", "set", "--external-server", outside.address)
            self.addCleanup(self.server.cli, "dns", "set", "--external-server", "none")
            self.wait_for_servers(self.server, outside.address, key="external_servers")
            self.assertEqual(self.lookup("two.test", "A")["records"], ["192.0.2.40"])
            answer = self.server.ask("dns", "lookup", "two.test", "--type", "A", "--external")
            self.assertEqual(answer["records"], ["198.51.100.1"])
            self.assertEqual([hop["address"] for hop in self.hops("two.test")], ["198.51.100.1"])

    def test_the_next_server_is_asked_when_one_is_silent(self):
        with DnsServer({"second.test": {"A": ["192.0.2.41"]}}) as second:
            self.dns.silent.add("second.test")
            self.server.cli("dns", "set", "--server", self.dns.address, "--server", second.address)
            self.addCleanup(self.wait_for_servers, self.server, self.dns.address)
            self.addCleanup(self.server.cli, "dns", "set", "--server", self.dns.address)
            self.wait_for_servers(self.server, self.dns.address, second.address)
            self.assertEqual(self.lookup("second.test", "A")["records"], ["192.0.2.41"])

    def test_what_cannot_be_set(self):
        before = self.server.ask("dns", "show")["settings"]
        for options in [("--server", "ns.example.org"), ("--server", "system", "--server", HOST),
                        ("--timeout", "1ms"), ("--timeout", "soon"), ("--tries", "11"),
                        ("--sts-ca-file", "relative.pem"), ("--web-proxy", "https://proxy:1"),
                        ("--report-from", "nobody"), ()]:
            with self.subTest(options=options), self.assertRaises(CliError):
                self.server.cli("dns", "set", *options)
        self.server.cli("dns", "set", "--tries", "7", "--dry-run")
        self.assertEqual(self.server.ask("dns", "show")["settings"], before)


def make_certificate(folder, name, authority=None):
    """A key and a certificate for `name`, of an authority or self-signed; (certificate, key)."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    config = folder / f"{name}.cnf"
    ca = "TRUE" if authority is None else "FALSE"
    config.write_text(f"[req]\ndistinguished_name=dn\nprompt=no\nx509_extensions=x\n[dn]\nCN={name}\n"
                      f"[x]\nsubjectAltName=DNS:{name}\nbasicConstraints=critical,CA:{ca}\n")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
               "-days", "2", "-config", config, "-keyout", key, "-out", certificate]
    if authority:
        command += ["-CA", authority[0], "-CAkey", authority[1]]
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return certificate, key


class WebServer:
    """HTTPS for any number of hosts by SNI, behind a proxy that takes every CONNECT to it."""

    def __init__(self, folder, names):
        self.pages = {}  # host: text, or (status, headers)
        self.asked = []
        self.authority = make_certificate(folder, "authority.test")
        self.contexts = {}
        for name in names:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*make_certificate(folder, name, self.authority))
            self.contexts[name] = context
        default = next(iter(self.contexts.values()))
        default.sni_callback = self._choose
        web = self

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                host = self.headers["Host"].split(":")[0]
                web.asked.append(host + self.path)
                page = web.pages.get(host)
                status, headers = (200, {}) if isinstance(page, str) else page or (404, {})
                body = page.encode() if isinstance(page, str) else b""
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.https = http.server.ThreadingHTTPServer((HOST, 0), Page)
        self.https.socket = default.wrap_socket(self.https.socket, server_side=True)
        self.https.handle_error = lambda *_: None
        self.proxy = socketserver.ThreadingTCPServer((HOST, 0), self._tunnel())
        self.proxy.daemon_threads = self.https.daemon_threads = True
        for served in (self.https, self.proxy):
            threading.Thread(target=served.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def proxy_url(self):
        return f"http://{HOST}:{self.proxy.server_address[1]}"

    def stop(self):
        for served in (self.proxy, self.https):
            served.shutdown()
            served.server_close()

    def _choose(self, connection, name, _):
        if name in self.contexts:
            connection.context = self.contexts[name]

    def _tunnel(self):
        target = self.https.server_address

        class Tunnel(socketserver.StreamRequestHandler):
            def handle(self):
                while self.rfile.readline() not in (b"\r\n", b""):
                    pass
                with socket.create_connection(target, timeout=10) as other:
                    self.connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                    back = threading.Thread(target=copy, args=(other, self.connection), daemon=True)
                    back.start()
                    copy(self.connection, other)
                    back.join(10)

        return Tunnel


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Policies(DnsTest):
    HOSTS = ["mta-sts.enforce.test", "mta-sts.testing.test", "mta-sts.other.test", "mta-sts.moved.test",
             "mta-sts.absent.test", "mta-sts.big.test", "mta-sts.renew.test"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        pathlib.Path(folder.name).chmod(0o755)  # the user of transport reads the authority
        cls.web = WebServer(pathlib.Path(folder.name), cls.HOSTS)
        cls.addClassCleanup(cls.web.stop)
        cls.server.cli("dns", "set", "--mta-sts", "on", "--web-proxy", cls.web.proxy_url,
                       "--sts-ca-file", str(cls.web.authority[0]), "--tls-reports", "on")
        time.sleep(2.5)  # transport looks each second

    def domain(self, name, mode="enforce", mx=None, policy=None):
        self.dns.zone.update({name: {"MX": [f"10 mx.{name}"]}, f"mx.{name}": {"A": ["192.0.2.50"]},
                              f"_mta-sts.{name}": {"TXT": ["v=STSv1; id=1;"]}})
        self.web.pages[f"mta-sts.{name}"] = policy or POLICY.format(mode=mode, mx=mx or f"mx.{name}")

    def test_enforce_asks_for_the_name(self):
        self.domain("enforce.test")
        hop = self.hops("enforce.test")[0]
        self.assertEqual((hop["tls"], hop["policy"], hop["names"], hop["testing"]),
                         ("name", "sts", ["mx.enforce.test"], False))
        self.assertEqual(self.web.asked.count("mta-sts.enforce.test/.well-known/mta-sts.txt"), 1)
        self.hops("enforce.test")  # remembered
        self.assertEqual(self.web.asked.count("mta-sts.enforce.test/.well-known/mta-sts.txt"), 1)
        kept = self.server.ask("dns", "cache", "enforce.test")["policies"]
        self.assertEqual([(policy["mode"], policy["mx"]) for policy in kept],
                         [("enforce", ["mx.enforce.test"])])

    def test_testing_asks_for_nothing(self):
        self.domain("testing.test", "testing", "elsewhere.test")
        hop = self.hops("testing.test")[0]
        self.assertEqual(hop["tls"], "opportunistic")

    def test_a_host_that_the_policy_does_not_name_is_left_out(self):
        self.domain("other.test", mx="*.good.other.test")
        self.assertEqual(self.refused("other.test"), (False, "4.7.5"))

    def test_redirects_missing_and_large_policies_are_none(self):
        self.domain("moved.test", policy=(302, {"Location": "https://mta-sts.enforce.test/"}))
        self.domain("absent.test", policy=(404, {}))
        self.domain("big.test", policy=POLICY.format(mode="enforce", mx="mx.big.test") + "x: y\r\n" * 20000)
        for name in ["moved.test", "absent.test", "big.test"]:
            with self.subTest(name=name):
                self.assertEqual(self.hops(name)[0]["tls"], "opportunistic")
                self.assertIn(f"mta-sts.{name}/.well-known/mta-sts.txt", self.web.asked)
        failures = {(entry["domain"], entry["policy"], entry["failures"])
                    for entry in self.server.ask("tls-report", "show")["sums"]}
        self.assertIn(("absent.test", "sts", 1), failures)
        report = self.server.ask("tls-report", "show", "absent.test")["report"]
        self.assertEqual(report["policies"][0]["failure-details"][0]["result-type"], "sts-policy-fetch-error")

    def test_a_certificate_for_another_name_is_none(self):
        self.domain("stranger.test")  # the web server has no certificate for it
        self.assertEqual(self.hops("stranger.test")[0]["tls"], "opportunistic")
        self.assertNotIn("mta-sts.stranger.test/.well-known/mta-sts.txt", self.web.asked)
        report = self.server.ask("tls-report", "show", "stranger.test")["report"]
        self.assertEqual(report["policies"][0]["failure-details"][0]["result-type"], "sts-webpki-invalid")

    def test_policies_outlive_a_restart_and_the_announcement(self):
        self.domain("renew.test")
        self.assertEqual(self.hops("renew.test")[0]["tls"], "name")
        self.server.restart()
        self.dns.zone.pop("_mta-sts.renew.test")  # who is on the way takes the announcement away
        asked = len(self.web.asked)
        self.assertEqual(self.hops("renew.test")[0]["tls"], "name")
        self.assertEqual(len(self.web.asked), asked)
        # A new id brings a new policy.
        self.dns.zone["_mta-sts.renew.test"] = {"TXT": ["v=STSv1; id=2;"]}
        self.web.pages["mta-sts.renew.test"] = POLICY.format(mode="none", mx="mx.renew.test")
        self.assertEqual(self.hops("renew.test")[0]["tls"], "opportunistic")
        self.assertGreaterEqual(self.server.ask("dns", "flush", "renew.test", "--policies")["policies"], 1)


class Reports(DnsTest):
    def test_a_report_is_mailed_to_who_asks_for_it(self):
        reader = self.server.user("reports")
        self.server.cli("dns", "set", "--tls-reports", "on", "--report-organization", "Example Ltd",
                        "--report-from", "tls@example.test")
        time.sleep(2.5)  # transport looks each second
        self.dns.zone.update({"told.test": {"MX": ["10 mx.told.test"]}, "mx.told.test": {"A": ["192.0.2.60"]},
                              "_smtp._tls.told.test": {"TXT": [f"v=TLSRPTv1; rua=mailto:{reader}"]}})
        self.dns.authentic = True
        self.addCleanup(setattr, self.dns, "authentic", False)
        self.dns.failing["_25._tcp.mx.told.test"] = "SERVFAIL"
        self.assertEqual(self.refused("told.test"), (False, "4.7.5"))
        self.assertEqual(self.server.ask("tls-report", "send")["sendings"], [])  # today has not ended
        sent = self.server.ask("tls-report", "send", "--now", "--domain", "told.test")["sendings"]
        self.assertEqual([(one["domain"], one["sent_to"], one["error"]) for one in sent],
                         [("told.test", [reader], "")])
        self.check_mail(self.fetch(reader))
        # What was counted survives.
        self.server.restart()
        sums = self.server.ask("tls-report", "show")["sums"]
        self.assertEqual([(one["domain"], one["policy"], one["failures"]) for one in sums],
                         [("told.test", "tlsa", 1)])

    def fetch(self, reader):
        end = time.monotonic() + 15
        while True:
            with self.server.imap(reader) as imap:
                imap.select("INBOX")
                found = imap.search(None, "SUBJECT", '"Report Domain: told.test"')[1][0].split()
                if found:
                    return imap.fetch(found[0].decode(), "(BODY[])")[1][0][1].decode()
            self.assertLess(time.monotonic(), end)
            time.sleep(0.2)

    def check_mail(self, mail):
        self.assertIn("TLS-Report-Domain: told.test\r\n", mail)
        self.assertIn("TLS-Report-Submitter: mail.example.test\r\n", mail)
        self.assertIn("From: <tls@example.test>\r\n", mail)
        part = re.search(r"application/tlsrpt\+gzip.*?\r\n\r\n(.*?)\r\n--", mail, re.S).group(1)
        report = json.loads(gzip.decompress(base64.b64decode(part)))
        self.assertEqual(report["organization-name"], "Example Ltd")
        policy = report["policies"][0]
        self.assertEqual(policy["policy"]["policy-type"], "tlsa")
        self.assertEqual(policy["summary"]["total-failure-session-count"], 1)
        self.assertEqual(policy["failure-details"][0]["result-type"], "dnssec-invalid")


if __name__ == "__main__":
    unittest.main()
