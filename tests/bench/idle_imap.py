#!/usr/bin/env python3
"""idle_imap.py PROGRAMS [--connections 9900] [--deliveries 200] [--data DIR]

What an idle IMAP connection costs, and how soon it hears of new mail. Opens connections over TLS to 300
mailboxes, half of them in IDLE and half after SELECT alone, shows the memory of every role before and after
(private pages: what ending the process would give back), then delivers messages one by one and takes the time
from the end of DATA to the first EXISTS that a client reads, with all the others watching too.
"""

import argparse
import concurrent.futures
import pathlib
import random
import resource
import select
import shutil
import smtplib
import socket
import ssl
import statistics
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools" / "scripts"))
from instance import Instance, ports_of_base  # noqa: E402

DOMAIN = "perf.test"
PASSWORD = "pw"
USERS = 300
PORTS = 26000
ROLES = ("hauspostd", "hauspost-auth", "hauspost-frontend", "hauspost-transport", "hauspost-store")
SETTLE_SECONDS = 8
LOGIN_THREADS = 8


def start(programs, data):
    server = Instance(programs, data)
    server.cli("init", "--hostname", f"mail.{DOMAIN}", "--port-base", str(PORTS))
    server.start()
    server.cli("database", "create", "DB1")
    server.cli("domain", "add", DOMAIN)
    server.cli("service", "enable", "imap", "imap-backend")
    rows = ["address,database,password"] + [f"u{n:04d}@{DOMAIN},DB1,{PASSWORD}" for n in range(USERS)]
    (data / "users.csv").write_text("\n".join(rows) + "\n", encoding="ascii")
    server.cli("mailbox", "create", "--csv", str(data / "users.csv"), timeout=900)
    return server


def roles_of(server):
    """Process ids of this server's roles, by name."""
    found = {"hauspostd": server.process.pid}
    children = pathlib.Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    for pid in map(int, children):
        name = pathlib.Path(pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()).name
        if name in ROLES:
            found[name] = pid
    return found


def private_kib(pid):
    """Private pages that are not a file's (anonymous memory: heap and stacks)."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1])
    return 0


def memory(roles):
    return {name: private_kib(pid) for name, pid in roles.items()}


def open_session(context, user, source, idle):
    raw = socket.create_connection(("127.0.0.1", PORTS + 993), timeout=60, source_address=(source, 0))
    session = context.wrap_socket(raw)
    lines = session.makefile("rb", buffering=4096)
    lines.readline()
    for tag, command in (("a", f"LOGIN u{user:04d}@{DOMAIN} {PASSWORD}"), ("b", "SELECT INBOX")):
        session.sendall(f"{tag} {command}\r\n".encode())
        while not (line := lines.readline()).startswith(tag.encode() + b" "):
            if not line:
                raise RuntimeError(f"{command}: the connection ended")
        if not line.startswith(tag.encode() + b" OK"):
            raise RuntimeError(f"{command}: {line.decode().strip()}")
    if idle:
        session.sendall(b"c IDLE\r\n")
        lines.readline()
    lines.close()
    return session


def open_all(count):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    sessions = [None] * count

    def one(number):
        source = f"127.{1 + number // 8000}.{1 + number // 40 % 200}.{1 + number % 40}"
        sessions[number] = open_session(context, number % USERS, source, idle=number // USERS % 2 == 0)

    with concurrent.futures.ThreadPoolExecutor(LOGIN_THREADS) as pool:
        for done, _ in enumerate(pool.map(one, range(count)), 1):
            if done % 2000 == 0:
                print(f"  {done} connections", flush=True)
    return sessions


def hear(sessions, user, count):
    """Waits for EXISTS on every idling session of the user; seconds of the first and the last."""
    waiting = {sessions[n].fileno(): sessions[n] for n in range(user, count, USERS) if n // USERS % 2 == 0}
    poller = select.poll()
    for descriptor in waiting:
        poller.register(descriptor, select.POLLIN)
    first = None
    while waiting:
        for descriptor, _ in poller.poll(10_000) or [(None, None)]:
            if descriptor is None:
                raise RuntimeError(f"{len(waiting)} sessions of user {user} heard nothing for ten seconds")
            if b"EXISTS" in waiting[descriptor].recv(4096):
                first = first or time.perf_counter()
                poller.unregister(descriptor)
                del waiting[descriptor]
    return first, time.perf_counter()


def deliver(sessions, count, deliveries):
    first, last = [], []
    with smtplib.SMTP("127.0.0.1", PORTS + 25) as smtp:
        smtp.ehlo()
        for number in range(deliveries):
            user = random.randrange(USERS)
            smtp.mail("a@example.org")
            smtp.rcpt(f"u{user:04d}@{DOMAIN}")
            if (answer := smtp.docmd("DATA"))[0] != 354:
                raise RuntimeError(f"DATA: {answer}")
            text = f"From: a@example.org\r\nSubject: {number}\r\n\r\n{'x' * 70}\r\n" + ("y" * 70 + "\r\n") * 50
            begin = time.perf_counter()
            smtp.sock.sendall(text.encode() + b".\r\n")
            heard, all_heard = hear(sessions, user, count)
            smtp.getreply()
            first.append((heard - begin) * 1000)
            last.append((all_heard - begin) * 1000)
    return first, last


def shown(values):
    values = sorted(values)
    p99 = values[int(len(values) * 0.99)]
    return f"median {statistics.median(values):.2f} ms, p99 {p99:.2f} ms, max {values[-1]:.2f} ms"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--connections", type=int, default=9900)
    parser.add_argument("--deliveries", type=int, default=200)
    parser.add_argument("--data", type=pathlib.Path)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hauspost-idle-", dir=options.data))
    server = None
    try:
        server = start(options.programs, folder / "data")
        roles = roles_of(server)
        for session in open_all(20):  # what the first of them costs is paid once
            session.close()
        time.sleep(2)
        before = memory(roles)
        begun = time.monotonic()
        sessions = open_all(options.connections)
        print(f"{options.connections} connections in {time.monotonic() - begun:.0f} s", flush=True)
        time.sleep(SETTLE_SECONDS)
        after = memory(roles)
        total = 0
        for name in roles:
            grown = after[name] - before[name]
            total += grown
            print(f"{name:<20} {before[name] / 1024:8.1f} -> {after[name] / 1024:8.1f} MiB   "
                  f"{grown / options.connections:6.2f} KiB a connection")
        print(f"{'together':<20} {total / options.connections:35.2f} KiB a connection", flush=True)
        if options.deliveries:
            first, last = deliver(sessions, options.connections, options.deliveries)
            print(f"delivery to the first EXISTS: {shown(first)}")
            print(f"delivery to EXISTS on all {-(-options.connections // USERS // 2)} of the mailbox: {shown(last)}")
    finally:
        if server:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
