"""A user for each role, and the fences around them: who runs as whom, whose the files are, who may
connect where, and that everything goes on as before. As root only: nobody else can switch."""

import ctypes
import os
import pathlib
import signal
import socket
import stat
import subprocess
import sys
import time
import unittest

from harness import PROGRAMS, ROLE_GROUP, ROLE_USERS, Instance, Server, Wire

STRANGER = 61200
LANDLOCK_CREATE_RULESET, LANDLOCK_VERSION = 444, 1  # the system call, and what it is asked
SYSTEM_CALL_FILTER = "2"  # "Seccomp:" of /proc/PID/status
# Connects as another user; ends with 0 when the server still holds the connection after a while.
CONNECT = """
import os, socket, sys
path, user, group, seconds = sys.argv[1], *map(int, sys.argv[2:])
os.setgroups([])
os.setgid(group)
os.setuid(user)
peer = socket.socket(socket.AF_UNIX)
peer.settimeout(seconds)
try:
    peer.connect(path)
    sys.exit(0 if peer.recv(1) else 2)  # hung up on
except TimeoutError:
    sys.exit(0)
except PermissionError:
    sys.exit(3)
"""
KEPT, HUNG_UP_ON, NO_PERMISSION = 0, 2, 3


def landlock_version():
    return max(0, ctypes.CDLL(None).syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0),
                                            LANDLOCK_VERSION))


def wait_for(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


@unittest.skipUnless(os.geteuid() == 0, "only root can start programs as others")
class Confinement(unittest.TestCase):
    def setUp(self):
        self.server = Server(users=True)
        self.addCleanup(self.server.destroy)

    def processes(self):
        return {entry["name"]: entry for entry in self.server.ask("status")["processes"]}

    def status(self, pid):
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
        return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}

    def owner(self, name):
        info = os.lstat(self.server.data / name)
        return info.st_uid, stat.S_IMODE(info.st_mode)

    def connect(self, name, user, group=ROLE_GROUP, seconds=30):
        """`seconds`: how long it is waited to be hung up on."""
        path = str(self.server.data / "run" / name)
        return subprocess.run([sys.executable, "-c", CONNECT, path, str(user), str(group), str(seconds)],
                              timeout=2 * seconds + 30).returncode

    def check_mail_flows(self, address, subject):
        self.server.deliver(address, subject)
        self.assertIn(subject, self.server.subjects(address))

    def test_each_role_is_its_user_and_stands_behind_its_fence(self):
        seen = set()
        for name, entry in self.processes().items():
            role = name.split()[0]
            status = self.status(entry["pid"])
            with self.subTest(name):
                self.assertEqual(set(status["Uid"]), {str(ROLE_USERS[role])})
                self.assertEqual(set(status["Gid"]), {str(ROLE_GROUP)})
                self.assertEqual(status["Groups"], [])
                for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                    self.assertEqual(int(status[kind][0], 16), 0, kind)
                self.assertEqual(status["NoNewPrivs"], ["1"])
                self.assertEqual(status["Seccomp"], [SYSTEM_CALL_FILTER])
            seen.add(role)
        said = [line for line in self.server.log.read_text().splitlines() if " confined " in line]
        self.assertGreaterEqual(len(said), len(seen))
        for line in said:
            self.assertIn(f"landlock={landlock_version()} ", line)
        self.assertGreaterEqual(seen, {"auth", "frontend", "transport", "store"})

    def test_files_are_of_the_role_that_needs_them(self):
        address = self.server.user()
        self.check_mail_flows(address, "one")
        store, transport, auth = (ROLE_USERS[role] for role in ("store", "transport", "auth"))
        self.assertEqual(self.owner("databases"), (store, 0o700))
        self.assertEqual(self.owner("databases/DB1"), (store, 0o700))
        self.assertEqual(self.owner("databases/DB1/index.mdb")[0], store)
        self.assertEqual(self.owner("queue"), (transport, 0o700))
        self.assertEqual(self.owner("auth"), (auth, 0o700))
        self.assertEqual(self.owner("directory.mdb"), (0, 0o640))
        self.assertEqual(self.owner("directory.mdb-lock"), (0, 0o660))
        self.assertEqual(self.owner("hauspost.toml"), (0, 0o600))
        self.assertEqual(self.owner("tls/key.pem"), (0, 0o600))
        self.assertEqual(self.owner("run/admin.sock"), (0, 0o600))
        self.assertEqual(self.owner("run/auth.calls"), (0, 0o660))
        self.assertEqual(self.owner("."), (0, 0o710))
        for path in (self.server.data / "secrets" / "transport").iterdir():
            self.assertEqual((path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)),
                             (transport, 0o600))

        # A link that the store's user has put there gives nothing of root's away.
        elsewhere = self.server.folder / "elsewhere"
        elsewhere.mkdir(0o755)
        (self.server.data / "databases" / "DB2").symlink_to(elsewhere)
        refused = self.server.run("database", "create", "DB2")
        self.assertEqual((refused.returncode, "symbolic link" in refused.stderr), (1, True), refused)
        self.assertEqual(elsewhere.stat().st_uid, 0)

        # What transport's helper could not read is not taken.
        authority = self.server.folder / "authority.pem"
        authority.write_text("")
        authority.chmod(0o600)
        refused = self.server.run("dns", "set", "--sts-ca-file", str(authority))
        self.assertEqual((refused.returncode, "as whom transport runs" in refused.stderr), (1, True), refused)

    def test_a_socket_is_for_its_callers_alone(self):
        database = "store-db1"
        callers = {"auth.calls": {"frontend", "web"}, "transport.session": {"frontend"},
                   f"{database}.session": {"frontend"}, f"{database}.delivery": {"transport"},
                   "admin.sock": set()}
        for name, allowed in callers.items():
            for role, user in ROLE_USERS.items():
                with self.subTest(socket=name, caller=role):
                    wanted = KEPT if role in allowed else \
                        NO_PERMISSION if name == "admin.sock" else HUNG_UP_ON
                    seconds = 1 if wanted == KEPT else 30
                    self.assertEqual(self.connect(name, user, seconds=seconds), wanted)
            with self.subTest(socket=name, caller="a stranger"):
                self.assertEqual(self.connect(name, STRANGER, STRANGER), NO_PERMISSION)

    def test_mail_backup_and_databases_go_on(self):
        server = self.server
        address = server.user()
        with server.submission(address) as smtp:
            smtp.sendmail(address, [address], "Subject: from a user\r\n\r\nText\r\n")
        server.wait_for_subject(address, "from a user")
        self.check_mail_flows(address, "from outside")

        backup = server.folder / "backups" / "DB1"
        server.cli("database", "backup", "DB1", str(backup))
        self.assertEqual(os.stat(backup).st_uid, ROLE_USERS["store"])
        server.cli("backup", "verify", str(backup))

        server.cli("database", "create", "DB2", "--path", str(server.folder / "second"))
        self.assertEqual(os.stat(server.folder / "second").st_uid, ROLE_USERS["store"])
        other = server.user(database="DB2")
        self.check_mail_flows(other, "in the second")
        server.cli("database", "move-path", "DB2", "--path", str(server.folder / "third"))
        self.assertEqual(os.stat(server.folder / "third").st_uid, ROLE_USERS["store"])
        self.assertFalse((server.folder / "second").exists())
        self.assertEqual(server.subjects(other), ["in the second"])

        server.cli("database", "dismount", "DB1")
        server.cli("database", "restore", str(backup), "--name", "DB3", "--attach", "DB1")
        self.assertEqual(server.subjects(address), ["from a user", "from outside"])

        server.restart()
        self.check_mail_flows(address, "after a restart")
        self.assertEqual(server.subjects(other), ["in the second"])

    def test_a_folder_that_the_stores_user_cannot_use_is_refused_with_what_to_do(self):
        closed = self.server.folder / "closed"
        closed.mkdir(mode=0o700)
        store = str(ROLE_USERS["store"])
        for command in (("database", "backup", "DB1", str(closed)),
                        ("database", "backup", "DB1", str(closed / "new")),
                        ("database", "move-path", "DB1", "--path", str(closed / "new")),
                        ("database", "create", "DB9", "--path", str(closed / "new"))):
            with self.subTest(command=command[:2]):
                done = self.server.run(*command)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(f"user {store}", done.stderr)
                self.assertIn("chown", done.stderr)
                self.assertEqual(list(closed.iterdir()), [])
        self.assertEqual(closed.stat().st_uid, 0)

    def test_a_killed_role_comes_back_as_its_user(self):
        address = self.server.user()
        for name, before in self.processes().items():
            os.kill(before["pid"], signal.SIGKILL)

            def back():
                now = self.processes().get(name, {})
                return now.get("state") == "running" and now["pid"] != before["pid"]

            wait_for(back, f"{name} is back")
            user = str(ROLE_USERS[name.split()[0]])
            self.assertEqual(set(self.status(self.processes()[name]["pid"])["Uid"]), {user})
        self.check_mail_flows(address, "after the deaths")

    def test_a_data_root_of_before_is_adopted_once(self):
        plain = Server(users=False)
        self.addCleanup(plain.destroy)
        address = plain.user()
        plain.deliver(address, "as root")
        plain.cli("database", "create", "DB2", "--path", str(plain.folder / "elsewhere"))
        self.assertEqual(os.stat(plain.data / "databases").st_uid, 0)
        plain.stop()
        (plain.folder / "outside").write_text("root's")
        (plain.data / "databases" / "link").symlink_to(plain.folder / "outside")
        plain.switch_users()
        plain.start(plain.log)
        store = ROLE_USERS["store"]
        self.assertEqual(os.stat(plain.data / "databases" / "DB1" / "index.mdb").st_uid, store)
        self.assertEqual(os.stat(plain.folder / "elsewhere").st_uid, store)
        self.assertEqual(os.stat(plain.folder / "outside").st_uid, 0)
        self.assertEqual(plain.subjects(address), ["as root"])
        plain.deliver(address, "as the roles")
        plain.restart()
        self.assertEqual(plain.subjects(address), ["as root", "as the roles"])

    def test_services_and_certificates_change_while_it_runs(self):
        server = self.server
        server.cli("service", "enable", "pop3", "pop3-backend")
        with Wire(server.ports["pop3s"], server.tls()) as wire:
            self.assertTrue(wire.line().startswith("+OK"))
        key = server.data / "tls" / "key.pem"
        before = server.ask("certificate", "list")[0]["fingerprint"]
        # As a renewal by another program leaves them: root's alone.
        fresh = server.folder / "fresh"
        Instance(PROGRAMS, fresh).cli("init", "--hostname", "mail.example.test", "--port-base",
                                      str(server.base))
        for name in ("certificate.pem", "key.pem"):
            os.replace(fresh / "tls" / name, server.data / "tls" / name)
        key.chmod(0o600)
        after = server.ask("certificate", "reload")[0]
        self.assertNotEqual(after["fingerprint"], before)
        with server.imap(server.user()) as imap:
            self.assertEqual(imap.noop()[0], "OK")

    def test_sending_through_a_connector_with_a_password_finds_its_secret(self):
        server = self.server
        server.cli("connector", "send", "create", "smart", "--address-space", "*", "--smart-host",
                   "127.0.0.1:9", "--auth", "basic", "--user", "name", "--password-stdin",
                   stdin="word\n")
        for path in (server.data / "secrets" / "transport").iterdir():
            self.assertEqual(path.stat().st_uid, ROLE_USERS["transport"], path)
        server.cli("dkim", "create", "example.test")
        folder = server.data / "secrets" / "transport" / "dkim" / "example.test"
        self.assertEqual({path.stat().st_uid for path in folder.iterdir()},
                         {ROLE_USERS["transport"]})


class Settings(unittest.TestCase):
    def test_users_that_cannot_be_are_refused_at_the_start(self):
        server = Server(users=False)
        self.addCleanup(server.destroy)
        server.stop()
        path = server.data / "hauspost.toml"
        good = path.read_text()
        everyone = "".join(f"{role} = {user}\n" for role, user in ROLE_USERS.items())
        for section, words in (
                ("[users]\ngroup = 61100\n", "users.auth is missing"),
                ("[users]\n" + everyone, "users.group is missing"),
                ("[users]\n" + everyone.replace("61002", "61001") + "group = 61100\n", "both"),
                ("[users]\n" + everyone.replace("61004", "0") + "group = 61100\n", "is root"),
                ("[users]\n" + everyone.replace("61004", '"no-such-user"') + "group = 61100\n",
                 "no user"),
                ("[users]\n" + everyone + "group = 61100\nadmin = 5\n", "unknown key users.admin")):
            with self.subTest(words):
                path.write_text(good + "\n" + section)
                with self.assertRaises(RuntimeError) as caught:
                    server.start(server.log)
                self.assertIn(words, str(caught.exception))
        path.write_text(good)


if __name__ == "__main__":
    unittest.main()
