"""A Postfix of its own for tests: one smtpd on a loopback port that delivers into a Maildir below a
temporary folder. Its configuration, queue and log are there too; nothing of the system's is touched.
Needs root, as Postfix does.
"""

import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

from smtp_peer import make_certificate

HOST = "127.0.0.1"
NOBODY = 65534

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = mx.postfix.test
mydestination =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_recipient_limit = 3
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = regexp:{folder}/etc/mailboxes
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtpd_tls_chain_files = {folder}/etc/key.pem, {folder}/etc/cert.pem
"""

MASTER = """\
{host}:{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""


def is_possible():
    return os.geteuid() == 0 and shutil.which("postfix") is not None


class PostfixServer:
    """Takes mail for `domain`, except for local parts that begin with "nobody"."""

    def __init__(self, domain):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hauspost-postfix-"))
        self.folder.chmod(0o755)
        for name in ("etc", "queue", "data", "mail"):
            (self.folder / name).mkdir()
        os.chown(self.folder / "data", pwd.getpwnam("postfix").pw_uid, -1)
        os.chown(self.folder / "mail", NOBODY, NOBODY)
        with socket.create_server((HOST, 0)) as free:
            self.port = free.getsockname()[1]
        etc = self.folder / "etc"
        make_certificate(etc, "mx.postfix.test")
        names = {"folder": self.folder, "domain": domain, "host": HOST, "port": self.port, "nobody": NOBODY}
        (etc / "main.cf").write_text(MAIN.format(**names))
        (etc / "master.cf").write_text(MASTER.format(**names))
        (etc / "mailboxes").write_text("!/^nobody/ all/\n")
        self._postfix("start")

    @property
    def address(self):
        return f"{HOST}:{self.port}"

    def _postfix(self, verb):
        subprocess.run(["postfix", "-c", str(self.folder / "etc"), verb], check=True, capture_output=True)

    def stop(self):
        try:
            self._postfix("stop")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        return (self.folder / "mail.log").read_text(errors="replace")

    def wait(self, count=1, seconds=30):
        """The messages it has delivered, one for each recipient, as they lie there."""
        end = time.monotonic() + seconds
        while True:
            files = sorted((self.folder / "mail" / "all" / "new").glob("*"))
            if len(files) >= count:
                return [file.read_bytes() for file in files]
            if time.monotonic() > end:
                raise AssertionError(f"{len(files)} of {count} messages arrived: {self.log()[-3000:]}")
            time.sleep(0.1)
