#!/usr/bin/env python3
"""server_costs.py calls PROGRAMS RIG [MESSAGES] | memory PROGRAMS RIG [MESSAGES]

calls   counts the system calls of each role for one delivered message of 4 KiB, over 1 and over 10 connections
        (strace). The server is slowed down by that, so batches are larger than they would be.
memory  delivers MESSAGES (default 10,000), opens 100 IMAP sessions that idle, and shows what the store worker
        holds: anonymous memory, and mapped pages of files, which are the page cache's.

RIG is the folder of the measuring rig's programs (bin/mailload, bin/prio); run data lies there too.
"""

import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parents[1] / "tools" / "scripts"))
import instance as hauspost  # noqa: E402
import rig_server  # noqa: E402

PORTS = 27000  # standard numbers above this one
ROLES = ("hauspost-frontend", "hauspost-transport", "hauspost-store")
SESSIONS = 100
SETTLE_SECONDS = 35  # a checkpoint comes meanwhile


def children(data):
    """Process ids of the roles that serve this data root, by role."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            line = pathlib.Path(f"/proc/{parent}/cmdline").read_bytes()
        except (OSError, IndexError, ValueError):
            continue
        role = pathlib.Path(command[0].decode()).name
        if role in ROLES and str(data).encode() in line:
            found[role] = int(entry.name)
    return found


def load(rig, conns, messages):
    done = subprocess.run([str(rig / "bin" / "mailload"), "smtp", "--port", str(PORTS + 25), "--messages", str(messages),
                           "--users", "50", "--pipelining", "--per-conn", "90", "--conns", str(conns)],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"server_costs: {done.stderr.strip()}")


def count_calls(pids, rig, conns, messages):
    tracers = {}
    for role, pid in pids.items():
        out = rig / f"calls-{role}"
        tracers[role] = (out, subprocess.Popen(["strace", "-f", "-c", "-o", str(out), "-p", str(pid)],
                                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    time.sleep(1)
    load(rig, conns, messages)
    total = 0
    for role, (out, tracer) in tracers.items():
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        calls = {}
        for line in out.read_text().splitlines():
            row = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
            if row and row[2] != "total":
                calls[row[2]] = int(row[1])
        each = sum(calls.values()) / messages
        total += each
        shown = ", ".join(f"{name} {count / messages:.2f}"
                          for name, count in sorted(calls.items(), key=lambda call: -call[1]) if count >= messages / 50)
        print(f"{conns:>3} connections  {role:<19} {each:6.2f}   {shown}", flush=True)
    print(f"{conns:>3} connections  together            {total:6.2f}", flush=True)


def idle_session(user, source):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    session = context.wrap_socket(
        socket.create_connection(("127.0.0.1", PORTS + 993), source_address=(source, 0)))
    reader = session.makefile("rb")
    reader.readline()
    for tag, command in (("a", f"LOGIN {user}@{rig_server.DOMAIN} {rig_server.PASSWORD}"), ("b", "SELECT INBOX"),
                         ("+", "IDLE")):
        session.sendall(f"{'c' if tag == '+' else tag} {command}\r\n".encode())
        while not (line := reader.readline().decode()).startswith(tag + " "):
            if not line:
                sys.exit(f"server_costs: {command}: the session ended")
        if tag != "+" and not line.startswith(tag + " OK"):
            sys.exit(f"server_costs: {command}: {line.strip()}")
    return session


def show_memory(pid, when):
    files = {}
    anonymous = private = 0
    name = ""
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        head = re.match(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+\s*(.*)", line)
        if head:
            name = pathlib.Path(head[1]).name or "(none)"
        elif line.startswith("Private_"):
            files[name] = files.get(name, 0) + int(line.split()[1])
            private += int(line.split()[1])
        elif line.startswith("Anonymous:"):
            anonymous += int(line.split()[1])
    largest = ", ".join(f"{file} {kib / 1024:.1f}" for file, kib in sorted(files.items(), key=lambda one: -one[1])[:4])
    print(f"{when:<34} private {private / 1024:6.1f} MiB, of it anonymous {anonymous / 1024:6.1f} MiB ({largest})",
          flush=True)


def main():
    if len(sys.argv) < 4 or sys.argv[1] not in ("calls", "memory"):
        sys.exit(__doc__)
    what, programs, rig = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]).resolve()
    data = rig / "hauspost-costs"
    rig_server.start(programs, data, str(PORTS), str(rig / "bin" / "prio"))
    try:
        pids = children(data)
        if set(pids) != set(ROLES):
            sys.exit(f"server_costs: found only {pids}")
        if what == "calls":
            messages = int(sys.argv[4]) if len(sys.argv) > 4 else 1000
            load(rig, 4, 200)
            for conns in (1, 10):
                count_calls(pids, rig, conns, messages)
        else:
            store = pids["hauspost-store"]
            show_memory(store, "at start")
            messages = int(sys.argv[4]) if len(sys.argv) > 4 else 10_000
            load(rig, 10, messages)
            show_memory(store, f"after {messages} deliveries")
            sessions = [idle_session(f"u{n % 50:05d}", f"127.0.1.{n + 1}") for n in range(SESSIONS)]
            show_memory(store, f"with {len(sessions)} idle sessions")
            time.sleep(SETTLE_SECONDS)
            show_memory(store, f"{SETTLE_SECONDS} s later")
            for session in sessions:
                session.close()
    finally:
        rig_server.stop(programs, data)


if __name__ == "__main__":
    main()
