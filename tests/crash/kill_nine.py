#!/usr/bin/env python3
"""kill_nine.py: kills each process of a loaded server with SIGKILL, again and again.

Usage: kill_nine.py [--programs DIR] [--rounds N] [--seed S]

Under SMTP deliveries and IMAP changes from several clients: frontend, auth, transport, the store worker of
DB1 and the supervisor die in turn, each N times (20, or HAUSPOST_KILL_ROUNDS). Afterwards every ledger must hold:
what was answered is there exactly once, a message is doubled only where its sender never got its 250, UIDs
stay what they were, a session of another database lives on, and the server works again within a second.
Prints one line a target and "N passed, M failed"; status 1 when something failed.
"""

import argparse
import collections
import os
import pathlib
import random
import re
import shutil
import signal
import smtplib
import socket
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(pathlib.Path(__file__).parent), str(ROOT / "tools" / "scripts")]

import instance as hauspost  # noqa: E402
import mail_load as load  # noqa: E402

USERS = ["anna", "ben", "carla", "dirk"]  # of DB1
ELSEWHERE = "wanda"                       # of DB2
TARGETS = ["frontend", "auth", "transport", "store DB1", "supervisor"]
DROPS_ALL_SESSIONS = {"frontend", "supervisor"}
REPAIR_S_TYPICAL_MAX = 1.0
RESTART_S_TYPICAL_MAX = 3.0  # of the whole server: this program starts it, not a supervisor
REPAIR_S_MAX = 5.0


def newest_programs():
    found = [p for p in ROOT.glob("build/*/bin/hauspostd") if (p.parent / "hauspost-store").exists()]
    if not found:
        sys.exit("kill_nine: no built hauspostd below build/; use --programs")
    return max(found, key=lambda p: p.stat().st_mtime).parent


def free_port_base():
    for base in range(20000, 60000, 1100):
        if not hauspost.busy_ports(base):
            return base
    sys.exit("kill_nine: no free ports on 127.0.0.1")


def set_up(programs, data):
    server = hauspost.Instance(programs, data)
    base = free_port_base()
    server.cli("init", "--hostname", f"mail.{load.DOMAIN}", "--port-base", str(base))
    settings = pathlib.Path(data) / "hauspost.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(re.sub(r"(?m)^quarantine_deaths\s*=.*$", "quarantine_deaths = 0", text),
                        encoding="utf-8")
    server.start()
    for database in ("DB1", "DB2"):
        server.cli("database", "create", database)
    server.cli("domain", "add", load.DOMAIN)
    server.cli("service", "enable", "imap", "imap-backend")
    for user in USERS + [ELSEWHERE]:
        database = "DB2" if user == ELSEWHERE else "DB1"
        server.cli("mailbox", "create", load.address(user), "--database", database, "--password-stdin",
                   stdin=load.PASSWORD + "\n")
    return server, hauspost.ports_of_base(base)


class Harness:
    def __init__(self, server, ports, seed):
        self.server = server
        self.ports = ports
        self.random = random.Random(seed)
        self.senders = [load.Sender(ports, seed * 10 + i, USERS + [ELSEWHERE]) for i in range(2)]
        self.writers = [load.Writer(ports, seed * 10 + 5 + i, user) for i, user in enumerate(USERS[:2])]
        self.watcher = load.Watcher(ports, ELSEWHERE)
        self.uids = {}  # (user, folder, UID) -> token, as first seen
        self.pids = {}
        self.learn_pids()

    def clients(self):
        return self.senders + self.writers + [self.watcher]

    def learn_pids(self):
        status = self.server.ask("status")
        self.pids = {p["name"]: p["pid"] for p in status["processes"] if p["pid"]}
        self.pids["supervisor"] = status["pid"]

    # What "works again" means for each target

    def works(self, target):
        if target == "transport":
            with smtplib.SMTP("127.0.0.1", self.ports["smtp"], timeout=2) as connection:
                connection.ehlo("probe.test")
                return connection.mail("probe@sender.test")[0] == 250
        if target == "frontend":
            with socket.create_connection(("127.0.0.1", self.ports["smtp"]), timeout=2) as probe:
                return probe.recv(4) == b"220 "
        connection = load.imap_login(self.ports, USERS[2])
        try:
            return connection.select("INBOX", readonly=True)[0] == "OK"
        finally:
            connection.shutdown()

    def kill(self, target):
        """Seconds until it worked again; None: it did not."""
        if target != "supervisor":
            os.kill(self.pids[target], signal.SIGKILL)
            return load.wait_until(lambda: self.works(target), REPAIR_S_MAX)
        children = [pid for name, pid in self.pids.items() if name != "supervisor"]
        os.kill(self.pids["supervisor"], signal.SIGKILL)
        self.server.process.wait()
        gone = load.wait_until(lambda: not any(is_alive(pid) for pid in children), REPAIR_S_MAX)
        if gone is None:
            raise RuntimeError("children outlive their supervisor")
        begin = time.monotonic()
        self.server.start()
        return time.monotonic() - begin if load.wait_until(lambda: self.works(target), REPAIR_S_MAX) else None

    def kill_once(self, target, repairs, failures):
        """One death: notes how long the repair took and what went wrong. False: no use going on."""
        # The death before may have cost it its session; a step counts when it ends, so one may be from then.
        steps = self.watcher.steps + 1
        if load.wait_until(lambda: self.watcher.steps > steps, REPAIR_S_MAX) is None:
            failures.append(f"{ELSEWHERE} cannot log in: {self.watcher.troubles[-1:]}")
        connects = self.watcher.connects
        time.sleep(self.random.uniform(0.05, 0.35))
        took = self.kill(target)
        if took is None:
            failures.append(f"does not work again within {REPAIR_S_MAX} s")
            return False
        repairs.append(took)
        self.learn_pids_when_ready()
        if target not in DROPS_ALL_SESSIONS and self.watcher.connects > connects:
            failures.append("a session of another database was lost")
        return not any(c.broken for c in self.clients())

    def run_rounds(self, targets, rounds):
        """target -> (repair times, failures). The targets take turns: the supervisor's own death, the last of
        a turn, ends the growth of its restart delays, which is not what is tested here."""
        results = {target: ([], []) for target in targets}
        for _ in range(rounds):
            for target in targets:
                if not self.kill_once(target, *results[target]):
                    return results
        for target, (repairs, failures) in results.items():
            typical_max = RESTART_S_TYPICAL_MAX if target == "supervisor" else REPAIR_S_TYPICAL_MAX
            if repairs and statistics.median(repairs) > typical_max:
                failures.append(f"median repair {statistics.median(repairs):.2f} s")
        return results

    def learn_pids_when_ready(self):
        def complete():
            self.learn_pids()
            return all(name in self.pids for name in TARGETS)
        if load.wait_until(complete, REPAIR_S_MAX) is None:
            raise RuntimeError(f"processes are missing: {self.pids}")

    # The ledgers

    def check_uids(self, user, folder, found):
        for uid, (token, _) in found.items():
            known = self.uids.setdefault((user, folder, uid), token)
            if known != token:
                yield f"{user}/{folder} UID {uid} was {known}, is {token}"

    def check_deliveries(self):
        inboxes = {user: load.read_folder(self.ports, user, "INBOX") for user in USERS + [ELSEWHERE]}
        counts = {user: collections.Counter(token for token, _ in found.values())
                  for user, found in inboxes.items()}
        for user, found in inboxes.items():
            yield from self.check_uids(user, "INBOX", found)
        known = {}
        for sender in self.senders:
            known.update(sender.tokens)
        for token, (recipients, answered, unanswered) in known.items():
            for user in recipients:
                count = counts[user][token]
                if not answered <= count <= answered + unanswered:
                    yield (f"{token} is {count} times in {user}'s INBOX; answered {answered} times, "
                           f"unanswered {unanswered} times")
        for user, counter in counts.items():
            for token in counter:
                if token not in known or user not in known[token][0]:
                    yield f"{user}'s INBOX holds {token!r}, which nobody sent there"

    def check_writer(self, writer):
        found = load.read_folder(self.ports, writer.user, writer.FOLDER)
        yield from self.check_uids(writer.user, writer.FOLDER, found)
        for uid, (token, states) in writer.messages.items():
            if uid in writer.gone:
                if uid in found:
                    yield f"{writer.user} UID {uid} is back after its answered removal"
            elif uid not in found:
                if uid not in writer.maybe_gone:
                    yield f"{writer.user} UID {uid} {token} is lost"
            elif found[uid][0] != token:
                yield f"{writer.user} UID {uid} holds {found[uid][0]}, not {token}"
            elif found[uid][1] not in states:
                yield f"{writer.user} UID {uid} has flags {set(found[uid][1])}, answered was {states}"
        extra = collections.Counter(t for uid, (t, _) in found.items() if uid not in writer.messages)
        for token, count in extra.items():
            if token not in writer.unanswered or count > 1:
                yield f"{writer.user}/{writer.FOLDER} holds {token} {count} times more than it should"

    def drained(self):
        return not self.server.ask("queue", "message", "list")


def is_alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def report(title, failures, detail=""):
    for failure in failures[:20]:
        print(f"  {failure}")
    print(f"{'FAILED' if failures else 'ok'}: {title}{detail}", flush=True)
    return not failures


def run(options, data):
    server, ports = set_up(options.programs or newest_programs(), data)
    outcomes = []
    try:
        harness = Harness(server, ports, options.seed)
        for client in harness.clients():
            client.start()
        if load.wait_until(lambda: all(c.steps for c in harness.clients()), 20) is None:
            return [report("clients at work before the first kill",
                           [f"{type(c).__name__}: {c.broken or c.troubles[-1:]}" for c in harness.clients()
                            if not c.steps])]
        for target, (repairs, failures) in harness.run_rounds(TARGETS, options.rounds).items():
            detail = f": {len(repairs)} kills"
            if repairs:
                detail += f", works again after {statistics.median(repairs):.3f} s (at most {max(repairs):.3f} s)"
            outcomes.append(report(f"kill -9 {target}", failures, detail))
        for client in harness.clients():
            client.finish()
        load.wait_until(harness.drained, 30)
        sent = sum(entry[1] for s in harness.senders for entry in s.tokens.values())
        unknown = sum(entry[2] for s in harness.senders for entry in s.tokens.values())
        outcomes.append(report("every answered message exactly once", list(harness.check_deliveries()),
                               f": {sent} answered, {unknown} unanswered"))
        for writer in harness.writers:
            outcomes.append(report(f"{writer.user}'s changes are what was answered",
                                   list(harness.check_writer(writer)), f": {writer.steps} changes"))
        outcomes.append(report("clients saw nothing a crash does not excuse",
                               [c.broken for c in harness.clients() if c.broken]))
        status = server.stop()
        outcomes.append(report("stops in order", [] if status == 0 else [f"status {status}"]))
    finally:
        server.stop()
    return outcomes


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--programs", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("HAUSPOST_KILL_ROUNDS", "20")))
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--keep", action="store_true", help="keep the data root, with its log")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    data = tempfile.mkdtemp(prefix="hp-kill-")
    try:
        outcomes = run(options, pathlib.Path(data) / "d")
    finally:
        if options.keep:
            print(f"data root kept: {data}/d")
        else:
            shutil.rmtree(data, ignore_errors=True)
    print(f"{sum(outcomes)} passed, {len(outcomes) - sum(outcomes)} failed")
    return 0 if outcomes and all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
