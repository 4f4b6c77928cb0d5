"""A certificate authority for tests: Debian's pebble, on free loopback ports, with a key and settings
of its own. Standard library and openssl only.

    with Pebble(http_port=..., tls_port=..., dns="127.0.0.1:5353") as ca:
        server.cli("certificate", "acme", "enable", "--directory", ca.directory, "--ca-file", ca.ca_file, ...)
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.request

HOST = "127.0.0.1"
START_SECONDS_MAX = 30
EAB_KID = "kid-1"
EAB_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


def is_installed():
    return shutil.which("pebble") is not None and shutil.which("openssl") is not None


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class Pebble:
    def __init__(self, http_port, tls_port, dns, external_accounts=False, valid_seconds=None,
                 blocked=(), reject_nonces=20):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hauspost-pebble-"))
        self.ca_file = self.folder / "ca.pem"
        self.make_certificate()
        self.port, self.management_port = free_port(), free_port()
        settings = {
            "listenAddress": f"{HOST}:{self.port}",
            "managementListenAddress": f"{HOST}:{self.management_port}",
            "certificate": str(self.ca_file), "privateKey": str(self.folder / "key.pem"),
            "httpPort": http_port, "tlsPort": tls_port, "ocspResponderURL": "",
            "externalAccountBindingRequired": external_accounts,
            "domainBlocklist": list(blocked),
        }
        if external_accounts:
            settings["externalAccountMACKeys"] = {EAB_KID: EAB_KEY}
        if valid_seconds:
            settings["certificateValidityPeriod"] = valid_seconds
        config = self.folder / "pebble.json"
        config.write_text(json.dumps({"pebble": settings}))
        self.log = open(self.folder / "pebble.log", "ab")
        self.process = subprocess.Popen(
            ["pebble", "-strict", "-config", str(config), "-dnsserver", dns],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env={**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_AUTHZREUSE": "0",
                 "PEBBLE_WFE_NONCEREJECT": str(reject_nonces)})
        self.directory = f"https://{HOST}:{self.port}/dir"
        self.wait_until_ready()

    def make_certificate(self):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=pebble", "-addext", f"subjectAltName=IP:{HOST}",
             "-keyout", str(self.folder / "key.pem"), "-out", str(self.ca_file)],
            check=True, capture_output=True)

    def wait_until_ready(self):
        end = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                self.manage("/roots/0")
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def manage(self, path):
        """The body that the management interface answers."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        url = f"https://{HOST}:{self.management_port}{path}"
        with urllib.request.urlopen(url, context=context, timeout=10) as answer:
            return answer.read().decode()

    def trust(self):
        """A TLS context that trusts what this authority issues, and nothing else."""
        return ssl.create_default_context(cadata=self.manage("/roots/0"))

    def is_revoked(self, serial):
        return json.loads(self.manage(f"/cert-status-by-serial/{serial}"))["Status"] == "Revoked"

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
