"""What hauspost-web says over HTTP: autoconfig, Autodiscover, profiles, MTA-STS, redirects, metrics;
and the switches that decide whether anybody is told."""

import base64
import http.client
import plistlib
import socket
import ssl
import subprocess
import time
import unittest
import xml.etree.ElementTree as ElementTree

from harness import DOMAIN, HOST, PASSWORD, OwnServerTest, TIMEOUT
from instance import CliError

SERVER = "mail.example.test"
AUTOCONFIG = "/mail/config-v1.1.xml"
WELL_KNOWN = "/.well-known/autoconfig/mail/config-v1.1.xml"
AUTODISCOVER = "/autodiscover/autodiscover.xml"
RESPONSE = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"


def question(address):
    return (f'<?xml version="1.0"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/'
            f'autodiscover/outlook/requestschema/2006"><Request><EMailAddress>{address}</EMailAddress>'
            f'<AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/'
            f'responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>')


class Web(OwnServerTest):
    def setUp(self):
        super().setUp()
        self.server.cli("service", "enable", "web")
        # Which certificate is shown is for test_frontend: here it is self-signed for other names.
        self.context = ssl.create_default_context(cafile=str(self.server.data / "tls" / "certificate.pem"))
        self.context.check_hostname = False

    def ask(self, method, path, host=SERVER, tls=True, headers=None, body=None):
        """(status, headers, body) of one request."""
        port = self.server.ports["https" if tls else "http"]
        connection = (http.client.HTTPSConnection(HOST, port, timeout=TIMEOUT, context=self.context) if tls
                      else http.client.HTTPConnection(HOST, port, timeout=TIMEOUT))
        try:
            connection.request(method, path, body=body, headers={"Host": host, **(headers or {})})
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()
        finally:
            connection.close()

    def discover(self, name, password, address=None, **more):
        credentials = base64.b64encode(f"{name}:{password}".encode()).decode()
        return self.ask("POST", AUTODISCOVER, host=f"autodiscover.{DOMAIN}", body=question(address or name),
                        headers={"Authorization": "Basic " + credentials, "Content-Type": "text/xml"}, **more)

    def show_imap(self):
        self.server.cli("imap", "set", "--external", f"{SERVER}:{self.server.ports['imaps']}:SSL")

    def show_sending(self):
        self.server.cli("connector", "receive", "set", "Client Frontend mail", "--fqdn", SERVER,
                        "--advertise-client-settings", "on")

    def servers(self, path=WELL_KNOWN, host=DOMAIN):
        """What autoconfig tells: [(type, host, port, socket type)]; None: 404."""
        status, _, body = self.ask("GET", path, host)
        if status == 404:
            return None
        self.assertEqual(status, 200, body)
        provider = ElementTree.fromstring(body).find("emailProvider")
        return [(one.get("type"), one.find("hostname").text, int(one.find("port").text),
                 one.find("socketType").text)
                for one in provider if one.tag in ("incomingServer", "outgoingServer")]

    def test_nothing_is_told_until_a_switch_is_set_and_then_that_alone(self):
        ports = self.server.ports
        self.assertIsNone(self.servers())
        status, _, page = self.ask("GET", "/")
        self.assertEqual(status, 200)
        self.assertIn("No settings are published", page)
        inside = self.server.ask("mailbox", "client-settings")
        self.assertFalse([one for one in inside if one["outside"]])
        self.assertIn((SERVER, ports["imaps"]), [(one["host"], one["port"]) for one in inside])

        self.show_imap()
        imap = ("imap", SERVER, ports["imaps"], "SSL")
        self.assertEqual(self.servers(), [imap])
        self.assertEqual(self.servers(AUTOCONFIG, f"autoconfig.{DOMAIN}"), [imap])
        outside = [one for one in self.server.ask("mailbox", "client-settings") if one["outside"]]
        self.assertEqual([(one["service"], one["port"], one["encryption"]) for one in outside],
                         [("imaps", ports["imaps"], "TLS")])

        self.show_sending()
        self.assertEqual(self.servers(), [imap, ("smtp", SERVER, ports["submission"], "STARTTLS")])
        self.server.cli("imap", "set", "--external", "")
        self.assertEqual(self.servers(), [("smtp", SERVER, ports["submission"], "STARTTLS")])

        # A service that is off is no place to go, whatever was set.
        self.server.cli("pop3", "set", "--external", f"{SERVER}:{ports['pop3']}:TLS")
        self.assertEqual([one[0] for one in self.servers()], ["smtp"])
        self.server.cli("service", "enable", "pop3", "pop3-backend")
        self.assertEqual([one[0] for one in self.servers()], ["pop3", "smtp"])

    def test_settings_must_match_a_binding(self):
        ports = self.server.ports
        for protocol, wrong in (("imap", f"{SERVER}:{ports['imaps']}:TLS"),
                                ("imap", f"{SERVER}:1:SSL"),
                                ("imap", f"{SERVER}:{ports['pop3s']}:SSL"),
                                ("imap", f"{SERVER}:993"),
                                ("pop3", f"{SERVER}:{ports['pop3']}:SSL"),
                                ("pop3", f"{SERVER}:{ports['pop3']}:")):
            for side in ("--external", "--internal"):
                done = self.server.run(protocol, "set", side, wrong)
                self.assertEqual(done.returncode, 1, wrong)
                self.assertIn(wrong.partition(":")[0], done.stderr)
        self.assertEqual(self.server.ask("imap", "show")["external"], [])
        with self.assertRaises(CliError):  # without a name nobody could be sent there
            self.server.cli("connector", "receive", "set", "Client Frontend mail",
                            "--advertise-client-settings", "on")
        shown = self.server.ask("imap", "set", "--external", f"{SERVER}:{ports['imap']}:TLS", "--dry-run")
        self.assertEqual(shown["external"], [f"{SERVER}:{ports['imap']}:TLS"])
        self.assertEqual(self.server.ask("imap", "show")["external"], [])
        self.server.cli("imap", "set", "--internal", f"inside.example.test:{ports['imaps']}:SSL")
        inside = [(one["service"], one["host"]) for one in self.server.ask("mailbox", "client-settings")
                  if one["service"].startswith("imap")]
        self.assertEqual(inside, [("imaps", "inside.example.test")])

    def test_only_domains_of_ours_are_answered(self):
        self.show_imap()
        for host in ("autoconfig.foreign.example", "foreign.example", HOST):
            self.assertIsNone(self.servers(AUTOCONFIG, host), host)
        foreign, own = (f"{AUTOCONFIG}?emailaddress=a%40{domain}" for domain in ("foreign.example", DOMAIN))
        self.assertIsNone(self.servers(foreign, f"autoconfig.{DOMAIN}"))
        self.assertIsNotNone(self.servers(own, "autoconfig.mx.example"))
        self.server.cli("domain", "add", "second.example")
        self.assertIsNotNone(self.servers(AUTOCONFIG, "autoconfig.second.example"))

    def test_autodiscover_wants_a_password_and_tells_the_same_as_imap_show(self):
        self.show_imap()
        self.show_sending()
        anna, bert = self.server.user(), self.server.user()
        status, headers, _ = self.ask("POST", AUTODISCOVER, body=question(anna))
        self.assertEqual(status, 401)
        self.assertTrue(headers["WWW-Authenticate"].startswith("Basic"))
        status, _, body = self.discover(anna, PASSWORD)
        self.assertEqual(status, 200)
        blocks = {one.find(RESPONSE + "Type").text: one
                  for one in ElementTree.fromstring(body).iter(RESPONSE + "Protocol")}
        self.assertEqual(sorted(blocks), ["IMAP", "SMTP"])
        imap = blocks["IMAP"]
        told = f"{imap.find(RESPONSE + 'Server').text}:{imap.find(RESPONSE + 'Port').text}:" \
               f"{imap.find(RESPONSE + 'Encryption').text}"
        self.assertEqual([told], self.server.ask("imap", "show")["external"])
        self.assertEqual(imap.find(RESPONSE + "LoginName").text, anna)
        self.assertIn("<ErrorCode>500</ErrorCode>", self.discover(anna, PASSWORD, address=bert)[2])
        self.assertEqual(self.discover(anna, "wrong")[0], 401)

    def test_guesses_over_http_count_like_others(self):
        self.show_imap()
        user = self.server.user()
        self.server.cli("block", "disallow", "127.0.0.0/8")
        self.server.cli("block", "set", "--failures", "2")
        for guess in range(3):
            self.assertEqual(self.discover(user, f"guess {guess}")[0], 401)
        self.assertEqual(self.discover(user, PASSWORD)[0], 401)
        self.assertGreater(self.server.ask("block", "list")["total"], 0)
        self.server.cli("block", "lift", "--all")
        self.assertEqual(self.discover(user, PASSWORD)[0], 200)

    def test_port_80_leads_to_https_and_takes_no_passwords(self):
        https = self.server.ports["https"]
        status, headers, _ = self.ask("HEAD", "/", host=DOMAIN, tls=False)
        self.assertEqual((status, headers["Location"]), (301, f"https://{DOMAIN}:{https}/"))
        status, headers, _ = self.ask("GET", AUTODISCOVER, host=f"autodiscover.{DOMAIN}", tls=False)
        self.assertEqual((status, headers["Location"]),
                         (302, f"https://autodiscover.{DOMAIN}:{https}{AUTODISCOVER}"))
        status, headers, _ = self.ask("GET", AUTOCONFIG + "?emailaddress=a%40b.example", host="evil.example",
                                      tls=False)
        self.assertEqual(headers["Location"],
                         f"https://{SERVER}:{https}{AUTOCONFIG}?emailaddress=a%40b.example")
        user = self.server.user()
        status, headers, _ = self.discover(user, PASSWORD, tls=False)
        self.assertEqual(status, 403)
        self.assertEqual(headers["Connection"], "close")

    def test_methods_and_paths_that_are_not_for_us(self):
        for tls in (False, True):
            for method in ("PUT", "PROPFIND", "DELETE", "OPTIONS"):
                status, headers, _ = self.ask(method, "/", host=DOMAIN, tls=tls, body="x")
                self.assertEqual(status, 405, method)
                self.assertIn("GET", headers["Allow"])
        for path in ("/.well-known/caldav", "/.well-known/carddav", "/index.php", "/autodiscover/"):
            status, headers, body = self.ask("GET", path, host=DOMAIN)
            self.assertEqual(status, 404, path)
            self.assertNotIn("html", headers["Content-Type"])
        status, headers, _ = self.ask("GET", "/", host=DOMAIN)
        self.assertIsNone(headers["Server"])
        self.assertIsNone(headers["Set-Cookie"])
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")

    def raw(self, data, tls=False, part=None):
        """Everything the server says to these bytes, sent `part` at a time."""
        connection = socket.create_connection((HOST, self.server.ports["https" if tls else "http"]),
                                              timeout=TIMEOUT)
        if tls:
            connection = self.context.wrap_socket(connection, server_hostname=SERVER)
        with connection:
            for at in range(0, len(data), part or len(data)):
                connection.sendall(data[at:at + (part or len(data))])
            got = b""
            try:
                while chunk := connection.recv(65536):
                    got += chunk
            except ConnectionResetError:
                pass  # who is turned away before anything was read
        return got

    def test_requests_in_pieces_in_a_row_and_broken(self):
        request = f"GET / HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n".encode()
        last = request[:-2] + b"Connection: close\r\n\r\n"
        self.assertEqual(self.raw(request + request + last, tls=True).count(b"HTTP/1.1 200 OK\r\n"), 3)
        self.assertEqual(self.raw(last, tls=True, part=1).count(b"HTTP/1.1 200 OK\r\n"), 1)
        self.assertTrue(self.raw(b"\x00\x01\x02\r\n\r\n").startswith(b"HTTP/1.1 400 "))
        long = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20000
        self.assertTrue(self.raw(long).startswith(b"HTTP/1.1 431 "))
        self.assertTrue(self.raw(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n")
                        .startswith(b"HTTP/1.1 413 "))
        self.assertTrue(self.raw(b"GET /%2e%2e/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                        .startswith(b"HTTP/1.1 400 "))

    def test_each_domain_may_have_a_certificate_of_its_own(self):
        name, folder = "autoconfig.second.example", self.server.folder
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "30", "-subj", "/CN=second",
                        "-addext", f"subjectAltName=DNS:{name}",
                        "-keyout", str(folder / "key.pem"), "-out", str(folder / "second.pem")],
                       check=True, capture_output=True)
        self.server.cli("certificate", "add", "--certificate", str(folder / "second.pem"),
                        "--key", str(folder / "key.pem"))
        strict = ssl.create_default_context(cafile=str(folder / "second.pem"))
        strict.set_alpn_protocols(["h2", "http/1.1"])
        with socket.create_connection((HOST, self.server.ports["https"]), timeout=TIMEOUT) as plain:
            with strict.wrap_socket(plain, server_hostname=name) as secured:
                self.assertEqual(secured.selected_alpn_protocol(), "http/1.1")
        with socket.create_connection((HOST, self.server.ports["https"]), timeout=TIMEOUT) as plain:
            with self.assertRaises(ssl.SSLCertVerificationError):
                strict.wrap_socket(plain, server_hostname=SERVER)

    def test_behind_a_proxy_that_says_who_comes(self):
        self.server.cli("listener", "set", "http", "--proxy", "127.0.0.0/8", "--per-address", "1")
        request = f"GET / HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n\r\n".encode()
        header = b"PROXY TCP4 192.0.2.9 192.0.2.1 40000 80\r\n"
        other = b"PROXY TCP4 192.0.2.10 192.0.2.1 40000 80\r\n"
        self.assertTrue(self.raw(header + request).startswith(b"HTTP/1.1 301 "))
        # The limit is of those who come, not of the proxy.
        with socket.create_connection((HOST, self.server.ports["http"]), timeout=TIMEOUT) as first:
            first.sendall(header + request[:20])
            end = time.monotonic() + 30
            while self.raw(header + request).startswith(b"HTTP/1.1 301 "):
                self.assertLess(time.monotonic(), end, "nobody counts")
            self.assertTrue(self.raw(other + request).startswith(b"HTTP/1.1 301 "))

    def test_the_policy_of_mta_sts(self):
        path, host = "/.well-known/mta-sts.txt", f"mta-sts.{DOMAIN}"
        self.assertEqual(self.ask("GET", path, host)[0], 404)
        testing = self.server.ask("web", "set", "--mta-sts", "testing", "--max-age", "1d")
        status, headers, body = self.ask("GET", path, host)
        self.assertEqual(status, 200)
        self.assertTrue(headers["Content-Type"].startswith("text/plain"))
        self.assertEqual(body, f"version: STSv1\r\nmode: testing\r\nmx: {SERVER}\r\nmax_age: 86400\r\n")
        self.assertEqual(testing["policy"], body)
        enforced = self.server.ask("web", "set", "--mta-sts", "enforce", "--mx", "*.example.test")
        self.assertNotEqual(enforced["policy_id"], testing["policy_id"])
        self.assertRegex(enforced["policy_id"], "^[0-9a-f]{1,32}$")
        self.assertIn("mx: *.example.test\r\n", self.ask("GET", path, host)[2])
        for wrong in (("--max-age", "1h"), ("--mx", "not a name"), ("--mx", "[192.0.2.1]"),
                      ("--mta-sts", "none")):
            self.assertNotEqual(self.server.run("web", "set", *wrong).returncode, 0, wrong)
        self.assertEqual(self.server.ask("web", "show")["policy_id"], enforced["policy_id"])

    def test_the_page_and_the_profile_for_a_phone(self):
        self.show_imap()
        self.show_sending()
        self.server.cli("web", "set", "--title", "Mail of <Example>")
        status, _, page = self.ask("GET", f"/?email=anna%40{DOMAIN}", host=DOMAIN)
        self.assertEqual(status, 200)
        self.assertIn("Mail of &lt;Example&gt;", page)
        self.assertIn("<svg", page)
        self.assertNotIn("<script", page)
        path = f"/mail.mobileconfig?email=anna%40{DOMAIN}"
        self.assertIn(path, page)
        status, headers, body = self.ask("GET", path, host=DOMAIN)
        self.assertEqual((status, headers["Content-Type"]), (200, "application/x-apple-aspen-config"))
        profile = plistlib.loads(body.encode())
        account = profile["PayloadContent"][0]
        self.assertEqual(account["IncomingMailServerPortNumber"], self.server.ports["imaps"])
        self.assertEqual(account["EmailAddress"], f"anna@{DOMAIN}")
        self.assertEqual(body, self.ask("GET", path, host=DOMAIN)[2])

    def test_curl_as_others_do(self):
        self.show_imap()
        port = self.server.ports["https"]
        name = f"autoconfig.{DOMAIN}"
        curl = ["curl", "--silent", "--show-error", "--insecure", "--http1.1",
                "--resolve", f"{name}:{port}:{HOST}"]
        done = subprocess.run(
            [*curl, "--head", f"https://{name}:{port}{AUTOCONFIG}"],
            capture_output=True, text=True, timeout=TIMEOUT)
        self.assertTrue(done.stdout.startswith("HTTP/1.1 200 OK"), done.stdout + done.stderr)
        self.assertIn("Content-Type: text/xml", done.stdout)
        # curl waits for "100 Continue" before it sends this much.
        done = subprocess.run(
            [*curl, "--expect100-timeout", "15", "--header", "Expect: 100-continue", "--data", "x" * 5000,
             "--output", "/dev/null", "--write-out", "%{http_code} %{time_total}",
             f"https://{name}:{port}{AUTODISCOVER}"],
            capture_output=True, text=True, timeout=TIMEOUT)
        code, seconds = done.stdout.split()
        self.assertEqual(code, "401")
        self.assertLess(float(seconds), 10, "it was not told to go on")

    def test_off_is_off_and_a_web_that_dies_is_back(self):
        before = self.process("web")["pid"]
        subprocess.run(["kill", "-9", str(before)], check=True)
        end = time.monotonic() + 30
        while True:
            try:
                if self.ask("GET", "/", host=DOMAIN)[0] == 200 and self.process("web")["pid"] != before:
                    break
            except (OSError, http.client.HTTPException):
                pass
            self.assertLess(time.monotonic(), end, "hauspost-web did not come back")
            time.sleep(0.2)
        self.server.cli("service", "disable", "web")
        with self.assertRaises(OSError):
            self.ask("GET", "/", host=DOMAIN)
        self.assertNotEqual(self.process("web").get("state"), "running")

    def process(self, name):
        found = [one for one in self.server.ask("status")["processes"] if one["name"] == name]
        return found[0] if found else {}


class Metrics(OwnServerTest):
    def setUp(self):
        super().setUp()
        self.server.stop()
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port = probe.getsockname()[1]
        settings = self.server.data / "hauspost.toml"
        text = settings.read_text()
        wanted = f'[listeners]\nmetrics = "{HOST}:{self.port}"\n'
        settings.write_text(text.replace("[listeners]\n", wanted, 1))
        self.server.start(self.server.log)

    def test_the_numbers_are_shown_on_loopback_without_the_service(self):
        connection = http.client.HTTPConnection(HOST, self.port, timeout=TIMEOUT)
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        body = response.read().decode()
        self.assertEqual(response.status, 200, body)
        self.assertTrue(response.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        self.assertIn("\nhauspost_", "\n" + body)
        for method, path, status in (("GET", "/", 404), ("POST", "/metrics", 405)):
            connection.request(method, path)
            response = connection.getresponse()
            response.read()
            self.assertEqual(response.status, status)
        connection.close()


if __name__ == "__main__":
    unittest.main()
