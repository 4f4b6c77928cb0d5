"""hauspost doctor: nothing to say where everything is right, and each planted fault found and named."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from dns_server import DnsServer, reverse_name
from harness import HOST, PROGRAMS, free_port_base
from instance import Instance, ports_of_base
from scratch_disk import DOCTOR_FINE, is_of_the_disk

NTP_TO_UNIX = 2208988800
DOMAIN = "example.test"
HOSTNAME = "mail.example.test"


class TimeServer:
    """SNTP on loopback, `ahead` seconds of the truth."""

    def __init__(self):
        self.ahead = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.socket.settimeout(0.1)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def address(self):
        return f"{HOST}:{self.socket.getsockname()[1]}"

    def stop(self):
        self.stopping.set()
        self.thread.join()
        self.socket.close()

    def _serve(self):
        while not self.stopping.is_set():
            try:
                question, peer = self.socket.recvfrom(512)
            except TimeoutError:
                continue
            now = time.time() + self.ahead + NTP_TO_UNIX
            stamp = struct.pack("!II", int(now), int((now % 1) * 2**32))
            self.socket.sendto(b"\x24\x02\x00\x00" + bytes(20) + question[40:48] + stamp + stamp, peer)


def zone_of(records):
    """The zone of tests/system/dns_server.py that says what `hauspost dns records` wants."""
    zone = {}
    for record in records:
        value = record["value"]
        if record["type"] in ("MX", "CNAME", "PTR", "SRV"):
            value = value.rstrip(".")
        zone.setdefault(record["name"].lower(), {}).setdefault(record["type"], []).append(value)
    return zone


def make_certificate(folder, name, names, days="100", *more):
    """A certificate and its key, PEM."""
    files = (folder / f"{name}.pem", folder / f"{name}.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-subj", f"/CN={names[0]}", "-addext",
                    "subjectAltName=" + ",".join("DNS:" + one for one in names), "-out", files[0],
                    "-keyout", files[1], "-days", days, *more], check=True, capture_output=True)
    return files


def make_expired_certificate(folder, names):
    script = f"""[ca]
default_ca = one
[one]
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""
    (folder / "index").write_text("")
    (folder / "serial").write_text("01\n")
    (folder / "ca.cnf").write_text(script)
    key, request, out = folder / "old.key", folder / "old.csr", folder / "old.pem"
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-subj", f"/CN={names[0]}", "-addext", f"subjectAltName=DNS:{names[0]}",
                    "-keyout", key, "-out", request], check=True, capture_output=True)
    subprocess.run(["openssl", "ca", "-batch", "-selfsign", "-config", folder / "ca.cnf", "-keyfile",
                    key, "-in", request, "-out", out, "-notext", "-startdate", "20130101000000Z",
                    "-enddate", "20131121000000Z"], check=True, capture_output=True)
    return out, key


class DoctorTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="hauspost-system-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.instance = Instance(PROGRAMS, cls.folder / "data")
        cls.base = free_port_base()
        cls.ports = ports_of_base(cls.base)
        names = [HOSTNAME] + [f"{label}.{DOMAIN}" for label in ("autoconfig", "autodiscover", "mta-sts")]
        certificate, key = make_certificate(cls.folder, "good", names)
        cls.addClassCleanup(cls.instance.run, "server", "stop")
        done = cls.instance.run(
            "setup", "--unattended", "--start", "detached", "--hostname", HOSTNAME, "--domain", DOMAIN,
            "--mailbox", f"anna@{DOMAIN}", "--generate-password", "yes", "--port-base", str(cls.base),
            "--public-address", HOST, "--certificate", "files", "--certificate-file", str(certificate),
            "--key-file", str(key), "--authority", "ca.example.net", "--tlsa", "yes", "--offline", "no",
            timeout=120)
        # Nothing is published yet.
        assert done.returncode == 4, done.stdout + done.stderr
        cls.setup_text = done.stdout
        records = cls.instance.ask("dns", "records")
        cls.records = records["host"] + records["domains"][DOMAIN]
        cls.selector = cls.instance.ask("dkim", "list")["keys"][0]["selector"]
        cls.instance.cli("dkim", "activate", DOMAIN, cls.selector, "--force")
        cls.dns = DnsServer(zone_of(cls.records))
        cls.addClassCleanup(cls.dns.stop)
        cls.time = TimeServer()
        cls.addClassCleanup(cls.time.stop)
        cls.outside = socket.create_server((HOST, 0))
        cls.addClassCleanup(cls.outside.close)

    def setUp(self):
        self.dns.zone.clear()
        self.dns.zone.update(zone_of(self.records))
        self.time.ahead = 0

    def run_doctor(self, *options, resolver=None, outbound=None):
        target = outbound or f"{HOST}:{self.outside.getsockname()[1]}"
        return self.instance.run("--json", "doctor", "--resolver", resolver or self.dns.address,
                                 "--ntp", self.time.address, "--outbound", target, *options,
                                 timeout=60)

    def faults(self, *options, **ways):
        """(check, object) of each fault."""
        done = self.run_doctor(*options, **ways)
        answer = json.loads(done.stdout)
        found = {(one["check"], one["object"]): one for one in answer["findings"]
                 if one["verdict"] == "fault" and not is_of_the_disk(one)}
        self.assertEqual(done.returncode, 1 if found or answer["faults"] else 0, done.stdout + done.stderr)
        for one in found.values():
            self.assertTrue(one["text"] and one["why"] and one["remedy"], one)
        return found

    def assert_found(self, found, check, name="", text=""):
        self.assertIn((check, name), found, list(found))
        self.assertIn(text, found[check, name]["text"])


class Right(DoctorTest):
    def test_nothing_is_wrong_where_everything_is_published(self):
        began = time.monotonic()
        self.assertEqual(self.faults(), {})
        self.assertLess(time.monotonic() - began, 15)

    def test_set_up_names_what_is_missing_at_first(self):
        for words in ("Publish these records", "v=spf1 mx -all", "What will not work yet", "  1. "):
            self.assertIn(words, self.setup_text)

    def test_offline_asks_nobody_and_ends_in_time(self):
        self.dns.forget()
        began = time.monotonic()
        done = self.instance.run("--json", "doctor", "--offline", timeout=60)
        self.assertEqual(done.returncode, DOCTOR_FINE, done.stdout + done.stderr)
        self.assertLess(time.monotonic() - began, 15)
        self.assertEqual(sum(self.dns.questions.values()), 0)

    def test_a_zone_file_has_every_record(self):
        text = self.instance.cli("dns", "records", "--zone")
        for record in self.records:
            self.assertIn(f"{record['name']}. IN {record['type']} ", text)


class Published(DoctorTest):
    """Faults of the zone, each alone."""

    def plant(self, name, kind, values):
        """Other records, or with None none."""
        self.dns.zone.setdefault(name, {})
        if values is None:
            self.dns.zone[name].pop(kind)
        else:
            self.dns.zone[name][kind] = values

    def test_each_is_found_and_is_the_only_one(self):
        key = f"{self.selector}._domainkey.{DOMAIN}"
        other_key = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQ"
        cases = [
            ("mx", DOMAIN, "elsewhere", (DOMAIN, "MX", ["10 elsewhere.test"])),
            ("mx", DOMAIN, "no MX", (DOMAIN, "MX", None)),
            ("spf", DOMAIN, "may not send", (DOMAIN, "TXT", ["v=spf1 ip4:192.0.2.1 -all"])),
            ("spf", DOMAIN, "no SPF", (DOMAIN, "TXT", None)),
            ("spf", DOMAIN, "2 SPF", (DOMAIN, "TXT", ["v=spf1 mx -all", "v=spf1 a -all"])),
            ("dkim", key, "is not there", (key, "TXT", None)),
            ("dkim", key, "differs", (key, "TXT", [other_key])),
            ("dmarc", "_dmarc." + DOMAIN, "no DMARC", ("_dmarc." + DOMAIN, "TXT", None)),
            ("reverse-dns", HOST, "nothing", (reverse_name(HOST), "PTR", None)),
            ("reverse-dns", HOST, "other.test", (reverse_name(HOST), "PTR", ["other.test"])),
            ("host-name", HOSTNAME, "192.0.2.9", (HOSTNAME, "A", [HOST, "192.0.2.9"])),
            ("caa", DOMAIN, "may not issue", (DOMAIN, "CAA", ['0 issue "other.example.net"'])),
            ("tlsa", "_25._tcp." + HOSTNAME, "our key",
             ("_25._tcp." + HOSTNAME, "TLSA", ["3 1 1 " + "ab" * 32])),
            ("srv", "_imaps._tcp." + DOMAIN, "elsewhere",
             ("_imaps._tcp." + DOMAIN, "SRV", ["0 1 993 elsewhere.test"])),
            ("mta-sts", "_mta-sts." + DOMAIN, "none is served",
             ("_mta-sts." + DOMAIN, "TXT", ["v=STSv1; id=1;"]))]
        for check, name, text, planted in cases:
            with self.subTest(check=check, text=text):
                self.setUp()
                self.plant(*planted)
                found = self.faults()
                self.assert_found(found, check, name, text)
                # SPF names the hosts of the MX: it falls with them.
                others = [one for one in found if one[0] not in (check, "spf" if check == "mx" else check)]
                self.assertEqual(others, [])

    def test_what_changed_since_last_time_is_told(self):
        self.assertEqual(self.faults(), {})
        self.plant("_dmarc." + DOMAIN, "TXT", None)
        answer = json.loads(self.run_doctor().stdout)
        self.assertEqual(len(answer["drift"]), 1, answer["drift"])
        self.assertIn(f"dmarc _dmarc.{DOMAIN}: was good", answer["drift"][0])
        self.setUp()
        answer = json.loads(self.run_doctor().stdout)
        self.assertIn(f"dmarc _dmarc.{DOMAIN}: was fault", answer["drift"][0])
        self.assertEqual(json.loads(self.run_doctor().stdout)["drift"], [])

    def test_records_of_before_do_not_pass_for_the_present_ones(self):
        self.dns.zone.clear()
        found = self.faults()
        for check in ("mx", "spf", "dkim", "dmarc", "host-name", "reverse-dns"):
            self.assertIn(check, {one for one, _ in found})


class Elsewhere(DoctorTest):
    def test_a_resolver_that_is_dead(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
            closed.bind((HOST, 0))
            silent = f"{HOST}:{closed.getsockname()[1]}"
            began = time.monotonic()
            self.assert_found(self.faults("--only", "resolver", resolver=silent), "resolver", "",
                              "does not answer")
            self.assertLess(time.monotonic() - began, 15)

    def test_a_clock_that_is_off(self):
        self.time.ahead = 7200.5  # what a slow machine adds or takes away does not reach 7200 or 7201
        self.assert_found(self.faults(), "clock", "", "7200")

    def test_port_25_is_blocked_outwards(self):
        with socket.socket() as closed:
            closed.bind((HOST, 0))
            target = f"{HOST}:{closed.getsockname()[1]}"
            self.assert_found(self.faults(outbound=target), "outbound", "", "refused")

    def test_a_disk_that_is_nearly_full(self):
        self.assert_found(self.faults("--min-free", "900000G"), "disk", "data root", "nearly full")

    def test_no_backup(self):
        time.sleep(1.1)  # the database is older than that then, in whole seconds
        self.assert_found(self.faults("--backup-age", "0s"), "backup", "DB1", "never")

    def test_a_database_that_is_dismounted(self):
        self.instance.cli("database", "dismount", "DB1")
        try:
            self.assert_found(self.faults(), "databases", "DB1", "dismounted")
        finally:
            self.instance.cli("database", "mount", "DB1")
        self.assertEqual(self.faults("--only", "databases"), {})

    def test_a_certificate_that_has_expired_or_lacks_a_name(self):
        file, key = make_expired_certificate(self.folder, [HOSTNAME])
        self.instance.cli("certificate", "add", "--certificate", str(file), "--key", str(key))
        try:
            self.assert_found(self.faults("--only", "certificate"), "certificate", str(file), "expired")
        finally:
            self.instance.cli("--yes", "certificate", "remove", str(file))
        self.assertEqual(self.faults("--only", "certificate"), {})

    def test_a_listener_that_says_nothing(self):
        pid = next(one["pid"] for one in self.instance.ask("status")["processes"]
                   if one["name"] == "frontend")
        os.kill(pid, signal.SIGSTOP)
        try:
            found = self.faults("--only", "listeners", "--offline")
            self.assert_found(found, "listeners", "smtp", "says nothing")
        finally:
            with contextlib.suppress(ProcessLookupError):  # the supervisor may have ended it
                os.kill(pid, signal.SIGCONT)

    def test_a_port_that_another_program_took(self):
        self.instance.cli("server", "stop")
        try:
            with socket.create_server((HOST, self.ports["imap"])):
                found = self.faults("--only", "ports", "--only", "server")
                self.assert_found(found, "ports", "imap", "python")
                self.assert_found(found, "server", "", "no server is running")
        finally:
            again = self.instance.run("setup", "--unattended", "--start", "detached", timeout=120)
            self.assertIn(again.returncode, (0, 4), again.stderr)

    def test_a_name_that_no_certificate_has(self):
        self.instance.cli("certificate", "list")
        bad, key = make_certificate(self.folder, "other", ["other.test"])
        settings = self.instance.data / "hauspost.toml"
        before = settings.read_text()
        good = str(self.folder / "good.pem")
        self.instance.cli("server", "stop")
        try:
            settings.write_text(before.replace(good, str(bad)).replace(
                str(self.folder / "good.key"), str(key)))
            self.instance.run("setup", "--unattended", "--start", "detached", timeout=120)
            self.assert_found(self.faults("--only", "certificate"), "certificate", HOSTNAME,
                              "no certificate")
        finally:
            self.instance.cli("server", "stop")
            settings.write_text(before)
            self.instance.run("setup", "--unattended", "--start", "detached", timeout=120)
