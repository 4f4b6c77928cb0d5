"""Passwords, tokens and certificates that others vouch for: directory servers, PAM, an issuer of tokens,
an authority of client certificates."""

import base64
import http.server
import imaplib
import itertools
import json
import os
import poplib
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import threading
import time
import unittest

from harness import HOST, PASSWORD, PROGRAMS, TIMEOUT, Server

ISSUER = "https://login.example.test"
SLAPD = shutil.which("slapd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
PAM_EXEC = any(os.path.exists(f"/lib/{triplet}/security/pam_exec.so")
               for triplet in ["x86_64-linux-gnu", "aarch64-linux-gnu", "."])


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def openssl(*arguments, data=None):
    done = subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Signs tokens with an RSA key (RS256), as login servers do."""

    numbers = itertools.count()

    def __init__(self, folder, name):
        self.name = name
        self.key = folder / f"{name}-{next(self.numbers)}.key"
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.key)
        line = openssl("rsa", "-in", self.key, "-noout", "-modulus").decode().strip()
        self.modulus = bytes.fromhex(line.partition("=")[2])

    def key_set(self):
        return json.dumps({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.name,
                                     "n": base64url(self.modulus), "e": "AQAB"}]})

    def token(self, address, **changes):
        claims = {"iss": ISSUER, "aud": "hauspost", "exp": int(time.time()) + 300, "email": address,
                  "scope": "openid mail", **changes}
        header = {"alg": "RS256", "kid": self.name}
        text = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
        signature = openssl("dgst", "-sha256", "-sign", self.key, data=text.encode())
        return f"{text}.{base64url(signature)}"


class Directory:
    """slapd on a port of its own, with two people in it."""

    LDIF = """dn: dc=corp
objectClass: dcObject
objectClass: organization
o: corp
dc: corp

dn: uid=anna,dc=corp
objectClass: inetOrgPerson
cn: Anna
sn: A
uid: anna
mail: anna@corp.test
userPassword: ldap-password

dn: uid=reader,dc=corp
objectClass: inetOrgPerson
cn: Reader
sn: R
uid: reader
userPassword: reader-password
"""

    def __init__(self, folder):
        self.folder = folder / "ldap"
        (self.folder / "db").mkdir(parents=True)
        self.port = free_port()
        make_certificate(self.folder, "server", subject_alt="IP:127.0.0.1")
        (self.folder / "slapd.conf").write_text(f"""
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {self.folder}/slapd.pid
TLSCertificateFile {self.folder}/server.pem
TLSCertificateKeyFile {self.folder}/server.key
database mdb
suffix "dc=corp"
rootdn "cn=root,dc=corp"
directory {self.folder}/db
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="uid=reader,dc=corp" read by anonymous auth by * none
""")
        (self.folder / "people.ldif").write_text(self.LDIF)
        subprocess.run([SLAPD, "-T", "add", "-f", self.folder / "slapd.conf", "-l",
                        self.folder / "people.ldif"], check=True, capture_output=True)
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [SLAPD, "-f", self.folder / "slapd.conf", "-h", f"ldap://{HOST}:{self.port}", "-d", "0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + TIMEOUT
        while True:
            try:
                socket.create_connection((HOST, self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < end and self.process.poll() is None, "slapd does not start"
                time.sleep(0.05)

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(TIMEOUT)
        self.process = None


def request_certificate(folder, name, common_name, *more):
    settings = folder / "openssl.conf"
    settings.write_text("[req]\ndistinguished_name = dn\n[dn]\n")  # nothing but what is asked for here
    openssl("req", "-x509", "-config", settings, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", f"/CN={common_name}", "-keyout", folder / f"{name}.key",
            "-out", folder / f"{name}.pem", *more)


def make_authority(folder, name):
    request_certificate(folder, name, f"{name} authority", "-addext", "basicConstraints=critical,CA:TRUE")


def make_certificate(folder, name, subject_alt=None, authority=None, common_name=None):
    """NAME.pem and NAME.key; signed by itself without an authority."""
    more = ["-CA", folder / f"{authority}.pem", "-CAkey", folder / f"{authority}.key",
            "-addext", "basicConstraints=critical,CA:FALSE"] if authority else []
    if subject_alt:
        more += ["-addext", f"subjectAltName={subject_alt}"]
    request_certificate(folder, name, common_name or name, *more)


def configure(server, text):
    """Puts `text` in the place of [auth] and starts the server anew."""
    path = server.data / "hauspost.toml"
    settings = path.read_text()
    start = settings.find("# tests begin")
    path.write_text((settings if start < 0 else settings[:start]) + "# tests begin\n" + text)
    server.restart()


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.destroy)
        cls.folder = cls.server.folder

    def imap(self, name, password):
        with self.server.imap() as connection:
            connection.login(name, password)
            self.assertEqual(connection.select("INBOX")[0], "OK")

    def refused(self, name, password, text="AUTHENTICATIONFAILED"):
        with self.server.imap() as connection:
            with self.assertRaises(imaplib.IMAP4.error) as raised:
                connection.login(name, password)
            self.assertIn(text, str(raised.exception))

    def log_has(self, text):
        self.assertTrue(text in self.server.log.read_text(), f"{text!r} is not in the log")


@unittest.skipUnless(SLAPD, "slapd is not installed")
class LdapTest(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.directory = Directory(cls.folder)
        cls.addClassCleanup(lambda: cls.directory.stop())
        (cls.folder / "reader").write_text("reader-password\n")
        cls.server.cli("domain", "add", "corp.test")
        cls.server.cli("mailbox", "create", "anna@corp.test", "--database", "DB1", "--password-stdin",
                       stdin=PASSWORD + "\n")
        cls.local = cls.server.user()

    def settings(self, more, order='["ldap"]'):
        configure(self.server, f"""
[auth.domains]
"corp.test" = {order}
[auth.ldap]
uri = ["ldap://{HOST}:1", "ldap://{HOST}:{self.directory.port}"]
timeout = 3
{more}
""")

    BIND = 'bind_dn = "uid={local},dc=corp"'

    def test_bind_by_template(self):
        self.settings(self.BIND)
        self.imap("anna@corp.test", "ldap-password")
        self.refused("anna@corp.test", "wrong")
        self.refused("anna@corp.test", PASSWORD)  # what is stored here counts no more
        self.imap(self.local, PASSWORD)           # other domains are as before
        self.log_has('mechanism="password by ldap"')

    def test_search_then_bind(self):
        self.settings(f"""search_base = "dc=corp"
search_filter = "(&(objectClass=inetOrgPerson)(mail={{address}}))"
search_dn = "uid=reader,dc=corp"
search_password_file = "{self.folder}/reader"
""")
        self.imap("anna@corp.test", "ldap-password")
        self.refused("anna@corp.test", "wrong")
        with self.server.submission() as connection:
            connection.login("anna@corp.test", "ldap-password")

    def test_start_tls_and_its_refusal(self):
        self.settings(self.BIND + f'\nstart_tls = true\nca_file = "{self.directory.folder}/server.pem"')
        self.imap("anna@corp.test", "ldap-password")
        other = self.folder / "other"
        other.mkdir(exist_ok=True)
        make_authority(other, "other")
        self.settings(self.BIND + f'\nstart_tls = true\nca_file = "{other}/other.pem"')
        self.refused("anna@corp.test", "ldap-password", "UNAVAILABLE")

    def test_a_server_that_is_away_is_no_wrong_password(self):
        self.settings(self.BIND)
        self.imap("anna@corp.test", "ldap-password")
        self.directory.stop()
        try:
            self.imap("anna@corp.test", "ldap-password")  # remembered
            self.refused("anna@corp.test", "other", "UNAVAILABLE")
            self.imap(self.local, PASSWORD)
        finally:
            self.directory.start()
        self.settings(self.BIND, order='["ldap", "local"]')
        self.imap("anna@corp.test", PASSWORD)  # the second source says yes
        self.imap("anna@corp.test", "ldap-password")

    def test_cli(self):
        self.settings(self.BIND)
        shown = json.loads(self.server.cli("--json", "auth", "sources"))
        self.assertEqual(shown["orders"], [{"domain": "", "sources": ["local"]},
                                           {"domain": "corp.test", "sources": ["ldap"]}])
        self.assertEqual(shown["sources"]["ldap"]["bind_dn"], "uid={local},dc=corp")
        good = self.server.cli("auth", "test", "anna@corp.test", "--password-stdin", stdin="ldap-password\n")
        self.assertIn("anna@corp.test logs in to anna@corp.test in DB1 (password by ldap)", good)
        bad = self.server.run("auth", "test", "anna@corp.test", "--password-stdin", stdin="wrong\n")
        self.assertEqual(bad.returncode, 1)
        self.assertIn("ldap: Invalid credentials", bad.stderr)


@unittest.skipUnless(PAM_EXEC, "libpam-modules is not installed")
class PamTest(Case):
    SCRIPT = """#!/bin/sh
[ "$PAM_USER" = user1 ] || exit 1
IFS= read -r given || true
[ "$given" = hang ] && exec sleep 60
[ "$given" = pam-password ]
"""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        script = cls.folder / "check"
        script.write_text(cls.SCRIPT)
        script.chmod(0o755)
        (cls.folder / "pam.d").mkdir()
        (cls.folder / "pam.d" / "mail").write_text(
            f"auth [success=1 default=ignore] pam_exec.so expose_authtok quiet {script}\n"
            "auth requisite pam_deny.so\nauth required pam_permit.so\naccount required pam_permit.so\n")
        (cls.folder / "pam.d" / "closed").write_text(
            "auth required pam_permit.so\naccount required pam_deny.so\n")
        cls.address = cls.server.user()

    def settings(self, service):
        configure(self.server, f"""
[auth]
sources = ["pam"]
[auth.pam]
service = "{service}"
folder = "{self.folder}/pam.d"
timeout = 4
""")

    def test_right_wrong_and_hanging(self):
        self.settings("mail")
        self.imap(self.address, "pam-password")
        self.refused(self.address, "wrong")
        self.refused(self.address, "hang", "UNAVAILABLE")
        self.imap(self.address, "pam-password")
        self.log_has('mechanism="password by pam"')

    def test_account_that_may_not(self):
        self.settings("closed")
        self.refused(self.address, "anything")

    def test_no_such_service(self):
        # PAM falls back to "other", which the folder does not have: nobody comes in.
        self.settings("missing")
        with self.server.imap() as connection, self.assertRaises(imaplib.IMAP4.error):
            connection.login(self.address, "anything")


class TokenTest(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keys = cls.folder / "keys.json"
        cls.issuer = Issuer(cls.folder, "key1")
        cls.keys.write_text(cls.issuer.key_set())
        cls.address = cls.server.user()
        cls.other = cls.server.user()
        cls.server.cli("service", "enable", "pop3", "pop3-backend")
        cls.settings(f'jwks_file = "{cls.keys}"')

    @classmethod
    def settings(cls, keys):
        configure(cls.server, f"""
[auth.oauth]
issuer = "{ISSUER}"
audience = "hauspost"
scope = "mail"
openid_configuration = "{ISSUER}/.well-known/openid-configuration"
{keys}
""")

    @staticmethod
    def oauthbearer(token, name=""):
        authzid = f"a={name}" if name else ""
        return f"n,{authzid},\x01auth=Bearer {token}\x01\x01".encode()

    @staticmethod
    def xoauth2(token, name):
        return f"user={name}\x01auth=Bearer {token}\x01\x01".encode()

    def login(self, mechanism, message):
        """None, or the JSON of the refusal."""
        errors = []

        def answer(challenge):
            if not challenge:
                return message
            errors.append(json.loads(challenge))
            return b"\x01"

        with self.server.imap() as connection:
            try:
                connection.authenticate(mechanism, answer)
                self.assertEqual(connection.select("INBOX")[0], "OK")
            except imaplib.IMAP4.error as error:
                self.assertIn("AUTHENTICATIONFAILED", str(error))
                self.assertEqual(len(errors), 1)
                return errors[0]
        self.assertEqual(errors, [])
        return None

    def test_good_tokens(self):
        with self.server.imap() as connection:
            self.assertIn("AUTH=OAUTHBEARER", connection.capabilities)
            self.assertIn("AUTH=XOAUTH2", connection.capabilities)
        token = self.issuer.token(self.address)
        self.assertIsNone(self.login("OAUTHBEARER", self.oauthbearer(token)))
        self.assertIsNone(self.login("OAUTHBEARER", self.oauthbearer(token, self.address)))
        self.assertIsNone(self.login("XOAUTH2", self.xoauth2(token, self.address)))

    def test_pop3_and_submission(self):
        message = base64.b64encode(self.oauthbearer(self.issuer.token(self.address), self.address)).decode()
        pop = poplib.POP3_SSL(HOST, self.server.ports["pop3s"], context=self.server.tls(), timeout=TIMEOUT)
        self.assertIn("OAUTHBEARER", pop.capa()["SASL"])
        pop._putcmd("AUTH OAUTHBEARER")  # pylint: disable=protected-access
        self.assertTrue(pop._getresp().startswith(b"+"))  # pylint: disable=protected-access
        self.assertTrue(pop._shortcmd(message).startswith(b"+OK"))  # pylint: disable=protected-access
        pop.quit()
        with self.server.submission() as connection:
            connection.ehlo()
            self.assertIn("XOAUTH2", connection.esmtp_features["auth"])
            code, _ = connection.docmd("AUTH", "OAUTHBEARER " + message)
            self.assertEqual(code, 235)

    def test_bad_tokens(self):
        thief = Issuer(self.folder, "key1")  # the same key id, another key
        wanted = {"status": "invalid_token", "scope": "mail",
                  "openid-configuration": f"{ISSUER}/.well-known/openid-configuration"}
        make = self.issuer.token
        for name, token in {"expired": make(self.address, exp=int(time.time()) - 100),
                            "issuer": make(self.address, iss="https://evil.test"),
                            "audience": make(self.address, aud="other"),
                            "scope": make(self.address, scope="openid"),
                            "thief": thief.token(self.address),
                            "nobody": make("nobody@example.test"),
                            "no token": "abc"}.items():
            with self.subTest(name):
                self.assertEqual(self.login("OAUTHBEARER", self.oauthbearer(token)), wanted)
        for reason in ["expired", "wrong_issuer", "wrong_audience", "insufficient_scope", "wrong_signature",
                       "unknown_user"]:
            self.log_has(f"reason={reason}")

    def test_nobody_acts_for_another(self):
        token = self.issuer.token(self.address)
        self.assertIsNotNone(self.login("OAUTHBEARER", self.oauthbearer(token, self.other)))
        self.assertIsNotNone(self.login("XOAUTH2", self.xoauth2(token, self.other)))
        self.log_has("reason=acting_for_another")

    def test_new_keys_are_taken(self):
        fresh = Issuer(self.folder, "key2")
        self.assertIsNotNone(self.login("OAUTHBEARER", self.oauthbearer(fresh.token(self.address))))
        self.keys.write_text(fresh.key_set())
        try:
            self.assertIsNone(self.login("OAUTHBEARER", self.oauthbearer(fresh.token(self.address))))
            self.assertIsNotNone(self.login("OAUTHBEARER", self.oauthbearer(self.issuer.token(self.address))))
        finally:
            self.keys.write_text(self.issuer.key_set())

    def test_cli(self):
        good = self.server.cli("auth", "test", "", "--token", "--password-stdin",
                               stdin=self.issuer.token(self.address) + "\n")
        self.assertIn(f"logs in to {self.address}", good)
        bad = self.server.run("auth", "test", self.other, "--token", "--password-stdin",
                              stdin=self.issuer.token(self.address) + "\n")
        self.assertEqual(bad.returncode, 1)
        self.assertIn("acting_for_another", bad.stderr)

    def test_keys_from_the_web(self):
        body = self.issuer.key_set().encode()
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # pylint: disable=invalid-name
                asked.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        web = http.server.HTTPServer((HOST, 0), Handler)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        try:
            self.settings(f'jwks_url = "http://{HOST}:{web.server_port}/keys"')
            for _ in range(2):
                token = self.oauthbearer(self.issuer.token(self.address))
                self.assertIsNone(self.login("OAUTHBEARER", token))
            self.assertEqual(asked, ["/keys"])
        finally:
            web.shutdown()
            web.server_close()
            self.settings(f'jwks_file = "{self.keys}"')


class CertificateTest(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.address = cls.server.user()
        cls.other = cls.server.user()
        make_authority(cls.folder, "ours")
        make_authority(cls.folder, "theirs")
        make_certificate(cls.folder, "good", f"email:{cls.address}", "ours")
        make_certificate(cls.folder, "by-name", None, "ours", common_name=cls.other)
        make_certificate(cls.folder, "stranger", "email:nobody@elsewhere.test", "ours")
        make_certificate(cls.folder, "forged", f"email:{cls.address}", "theirs")
        configure(cls.server, f'[auth.certificates]\nca_file = "{cls.folder}/ours.pem"\n')

    def connect(self, certificate=None):
        context = self.server.tls()
        if certificate:
            context.load_cert_chain(self.folder / f"{certificate}.pem", self.folder / f"{certificate}.key")
        return imaplib.IMAP4_SSL(HOST, self.server.ports["imaps"], ssl_context=context, timeout=TIMEOUT)

    def test_whom_the_certificate_names(self):
        for certificate, name in [("good", ""), ("good", self.address), ("by-name", ""),
                                  ("by-name", self.other)]:
            with self.subTest(f"{certificate} {name}"), self.connect(certificate) as connection:
                self.assertIn("AUTH=EXTERNAL", connection.capabilities)
                connection.authenticate("EXTERNAL", lambda _, name=name: name.encode())
                self.assertEqual(connection.select("INBOX")[0], "OK")
        self.log_has("mechanism=certificate")

    def test_who_is_refused(self):
        for certificate, name in [("good", self.other), ("stranger", ""), ("stranger", self.address)]:
            with self.subTest(f"{certificate} {name}"), self.connect(certificate) as connection:
                with self.assertRaisesRegex(imaplib.IMAP4.error, "AUTHENTICATIONFAILED"):
                    connection.authenticate("EXTERNAL", lambda _, name=name: name.encode())

    def test_not_offered_without_a_good_certificate(self):
        for certificate in [None, "forged"]:
            with self.subTest(certificate), self.connect(certificate) as connection:
                self.assertNotIn("AUTH=EXTERNAL", connection.capabilities)
                with self.assertRaises(imaplib.IMAP4.error):
                    connection.authenticate("EXTERNAL", lambda _: b"")
                connection.login(self.address, PASSWORD)  # a password is as good as ever

    def test_tls_1_2_and_submission(self):
        context = self.server.tls()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.folder / "good.pem", self.folder / "good.key")
        with smtplib.SMTP(HOST, self.server.ports["submission"], timeout=TIMEOUT) as connection:
            connection.starttls(context=context)
            connection.ehlo()
            self.assertIn("EXTERNAL", connection.esmtp_features["auth"])
            self.assertEqual(connection.docmd("AUTH", "EXTERNAL =")[0], 235)


class SettingsTest(unittest.TestCase):
    def test_mistakes_are_named(self):
        server = Server()
        self.addCleanup(server.destroy)
        server.stop()
        path = server.data / "hauspost.toml"
        good = path.read_text()
        for text, wanted in {
                '[auth]\nsources = ["ldap"]': "[auth.ldap]",
                '[auth]\nsources = ["nis"]': "unknown source",
                '[auth.ldap]\nuri = "ldap://ldap.example.org"\nbind_dn = "x"': "in the clear",
                '[auth.oauth]\nissuer = "x"': "auth.oauth.audience is missing",
                '[auth.certificates]\nca_file = "missing.pem"': "auth.certificates.ca_file",
        }.items():
            with self.subTest(text):
                path.write_text(good + "\n" + text + "\n")
                done = subprocess.run([PROGRAMS / "hauspostd", "--data", server.data],
                                      capture_output=True, text=True, timeout=TIMEOUT, check=False)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(wanted, done.stderr)
        path.write_text(good)
        server.start(server.log)


if __name__ == "__main__":
    unittest.main()
