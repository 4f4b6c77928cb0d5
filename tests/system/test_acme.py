"""Certificates that the server orders by itself, from a real ACME server."""

import os
import pathlib
import signal
import socket
import time
import unittest

import pebble_server
from dns_server import DnsServer
from harness import HOST, OwnServerTest

NAMES = ("mail.example.test", "autoconfig.example.test")
PATIENCE = 30


def children_named(pid, name):
    """Processes below `pid` whose program is `name`."""
    found = []
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            program = os.readlink(f"/proc/{child}/exe")
        except OSError:
            continue
        if pathlib.Path(program).name == name:
            found.append(int(child))
    return found


@unittest.skipUnless(pebble_server.is_installed(), "pebble is not installed")
class AcmeTest(OwnServerTest):
    def setUp(self):
        super().setUp()
        zone = {name: {"A": [HOST]} for name in NAMES}
        self.dns = DnsServer(zone)
        self.dns.__enter__()
        self.addCleanup(self.dns.__exit__, None, None, None)

    def authority(self, tls_listener="imaps", **options):
        ca = pebble_server.Pebble(http_port=self.server.ports["http"],
                                  tls_port=self.server.ports[tls_listener],
                                  dns=self.dns.address, **options)
        self.addCleanup(ca.close)
        return ca

    def enable(self, ca, *more, names=NAMES, challenge="tls-alpn-01", ca_file=None):
        named = [word for name in names for word in ("--name", name)]
        return self.server.run("--json", "certificate", "acme", "enable", *named, "--agree-terms",
                               "--directory", ca.directory, "--ca-file", str(ca_file or ca.ca_file),
                               "--challenge", challenge, *more, timeout=120)

    def good_enable(self, *arguments, **options):
        done = self.enable(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)

    def shown(self, ca, name=NAMES[0], listener="imaps"):
        """The certificate that a client gets who trusts the authority alone."""
        with socket.create_connection((HOST, self.server.ports[listener]), timeout=20) as plain:
            with ca.trust().wrap_socket(plain, server_hostname=name) as stream:
                return stream.getpeercert()

    def order(self, name=NAMES[0]):
        return self.server.ask("certificate", "acme", "show", name)

    def wait_for(self, what, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while True:
            value = what()
            if value:
                return value
            self.assertLess(time.monotonic(), end, f"not within {seconds} s: {self.order()}")
            time.sleep(0.1)

    def test_tls_alpn(self):
        """Several names are proved at a TLS port; the certificate is used at once, and by everybody."""
        ca = self.authority()
        self.good_enable(ca)
        for name in NAMES:
            certificate = self.shown(ca, name)
            names = {value for kind, value in certificate["subjectAltName"]}
            self.assertEqual(names, set(NAMES))
        listed = {entry["order"]: entry for entry in self.server.ask("certificate", "list")}
        self.assertIn(NAMES[0], listed)
        order = self.order()
        self.assertEqual(order["state"], "good")
        self.assertEqual(listed[NAMES[0]]["renews_s"], order["next_try_s"])
        life = order["not_after_s"] - order["not_before_s"]
        self.assertAlmostEqual((order["next_try_s"] - order["not_before_s"]) / life, 2 / 3, delta=0.03)
        mode = pathlib.Path(order["certificate_file"]).stat().st_mode & 0o777
        self.assertEqual(mode, 0o600)
        # It is ordered by the server: nobody takes it away behind its back.
        refused = self.server.run("--yes", "certificate", "remove", order["certificate_file"])
        self.assertEqual(refused.returncode, 1)
        self.assertIn("certificate acme disable", refused.stderr)
        # Another one, of another key, on demand; then none any more, and what there is stays.
        before = self.shown(ca)["serialNumber"]
        self.server.cli("certificate", "acme", "renew", NAMES[0], timeout=120)
        after = self.shown(ca)["serialNumber"]
        self.assertNotEqual(before, after)
        self.server.cli("--yes", "certificate", "acme", "revoke", NAMES[0], "--reason", "4", timeout=120)
        self.assertTrue(ca.is_revoked(after))
        last = self.shown(ca)["serialNumber"]
        self.assertFalse(ca.is_revoked(last))
        self.server.cli("--yes", "certificate", "acme", "disable", NAMES[0])
        self.assertEqual(self.server.ask("certificate", "acme", "show"), {"orders": []})
        self.assertEqual(self.shown(ca)["serialNumber"], last)

    def test_http(self):
        """Names are proved by hauspost-web at the listener http; https shows what was issued."""
        self.server.cli("service", "enable", "web")
        ca = self.authority(tls_listener="https")
        self.good_enable(ca, "--key", "rsa", challenge="http-01")
        self.shown(ca)
        self.shown(ca, listener="https")
        first = self.shown(ca)["serialNumber"]
        self.good_enable(ca, challenge="tls-alpn-01")
        self.assertNotEqual(self.shown(ca)["serialNumber"], first)

    def test_refused_name(self):
        """A name that cannot be proved is named, and the certificate in use stays."""
        ca = self.authority(blocked=["blocked.example.test"])
        self.good_enable(ca)
        serial = self.shown(ca)["serialNumber"]
        nowhere = self.enable(ca, names=(*NAMES, "nowhere.example.test"))
        self.assertEqual(nowhere.returncode, 4, nowhere.stderr)
        order = self.order()
        self.assertEqual(order["state"], "failing")
        self.assertIn("nowhere.example.test", order["error"])
        self.assertNotIn(NAMES[0], order["error"])
        self.assertGreater(order["next_try_s"], time.time() + 200)
        self.assertEqual(self.shown(ca)["serialNumber"], serial)
        blocked = self.enable(ca, names=(*NAMES, "blocked.example.test"))
        self.assertEqual(blocked.returncode, 4)
        self.assertIn("rejectedIdentifier", self.order()["error"])
        self.assertEqual(self.shown(ca)["serialNumber"], serial)
        # Another authority's certificate is not taken for the server's.
        elsewhere = self.enable(ca, ca_file=self.server.data / "tls" / "certificate.pem")
        self.assertEqual(elsewhere.returncode, 4)
        self.assertEqual(self.shown(ca)["serialNumber"], serial)
        self.good_enable(ca)
        self.assertEqual(self.order()["failures"], 0)

    def test_renewal(self):
        """Another is ordered at two thirds of a short life, by nobody's word."""
        ca = self.authority(valid_seconds=20)
        self.good_enable(ca)
        first = self.order()["issued_s"]
        self.wait_for(lambda: self.order()["issued_s"] > first and self.order()["state"] == "good",
                      seconds=60)
        self.assertFalse(self.order()["error"])
        self.shown(ca)

    def test_kills(self):
        """kill -9 of hauspost-acme, and of the supervisor, in the middle of an order."""
        ca = self.authority()
        ca.pause()
        self.addCleanup(ca.go_on)
        self.assertEqual(self.enable(ca, "--no-wait").returncode, 0)
        supervisor = self.server.process.pid
        victim = self.wait_for(lambda: children_named(supervisor, "hauspost-acme"))[0]
        self.wait_for(lambda: self.order()["step"].startswith("asking"))
        os.kill(victim, signal.SIGKILL)
        ca.go_on()
        self.wait_for(lambda: self.order()["state"] == "good")
        first = self.shown(ca)["serialNumber"]
        self.wait_for(lambda: not children_named(supervisor, "hauspost-acme"))
        ca.pause()
        self.server.cli("certificate", "acme", "renew", NAMES[0], "--no-wait")
        self.wait_for(lambda: self.order()["step"].startswith("asking"))
        self.server.process.kill()
        self.server.process.wait()
        ca.go_on()
        self.server.start(self.server.log)
        self.wait_for(lambda: self.order()["state"] == "good" and
                      self.shown(ca)["serialNumber"] != first)

    def test_external_account(self):
        """A server that wants an external account gets the key that it gave out."""
        ca = self.authority(external_accounts=True)
        without = self.enable(ca)
        self.assertEqual(without.returncode, 4)
        self.assertIn("--eab-kid", self.order()["error"])
        key = self.server.folder / "eab.key"
        key.write_text("c2VjcmV0\n")
        wrong = self.enable(ca, "--eab-kid", pebble_server.EAB_KID, "--eab-key-file", str(key))
        self.assertEqual(wrong.returncode, 4)
        self.assertIn("unauthorized", self.order()["error"])
        key.write_text(pebble_server.EAB_KEY + "\n")
        self.good_enable(ca, "--eab-kid", pebble_server.EAB_KID, "--eab-key-file", str(key))
        self.shown(ca)
        self.assertEqual(self.order()["eab_kid"], pebble_server.EAB_KID)

    def test_refusals(self):
        """What cannot be ordered is refused before anybody is asked."""
        def refused(*arguments):
            done = self.server.run("certificate", "acme", "enable", *arguments)
            self.assertIn(done.returncode, (1, 2), done.stderr)
            return done.stderr
        self.assertIn("--agree-terms", refused("--name", "mail.example.test"))
        self.assertIn("*.example.test", refused("--name", "*.example.test", "--agree-terms"))
        self.assertIn("https", refused("--name", "mail.example.test", "--agree-terms", "--directory",
                                       "http://127.0.0.1/dir"))
        self.assertEqual(self.server.ask("certificate", "acme", "show"), {"orders": []})
        missing = self.server.run("certificate", "acme", "renew", "mail.example.test")
        self.assertEqual(missing.returncode, 1)


if __name__ == "__main__":
    unittest.main()
