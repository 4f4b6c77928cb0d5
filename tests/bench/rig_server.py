#!/usr/bin/env python3
"""rig_server.py start PROGRAMS DATA PORT_BASE PRIO | stop PROGRAMS DATA | count PROGRAMS DATA

Starts Hauspost for a measurement: a fresh data root, database DB1, domain perf.test and the users the load
generator wants (u00000-u00149 and u10000, password pw), under PRIO so that its CPU time can be read exactly.
count prints how many messages DB1 holds.
"""

import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "scripts"))
import instance as hauspost  # noqa: E402

DOMAIN = "perf.test"
PASSWORD = "pw"
NUMBERS = list(range(150)) + [10000]
CSV_HEADER = "address,database,password"


def start(programs, data, port_base, prio):
    data = pathlib.Path(data)
    if data.exists():
        if not (data / "hauspost-root").exists():
            sys.exit(f"rig_server: {data} is not a data root of a measurement")
        shutil.rmtree(data)
    server = hauspost.Instance(programs, data)
    server.cli("init", "--hostname", f"mail.{DOMAIN}", "--port-base", port_base)
    log = open(data / "hauspostd.log", "ab")
    process = subprocess.Popen([prio, "ours", str(pathlib.Path(programs) / "hauspostd"), "--data", str(data)],
                               stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    end = time.monotonic() + hauspost.START_SECONDS_MAX
    while not (data / "run" / "ready").exists():
        if process.poll() is not None or time.monotonic() > end:
            sys.exit(f"rig_server: hauspostd is not ready: {hauspost.last_line(data / 'hauspostd.log')}")
        time.sleep(0.05)
    server.cli("database", "create", "DB1")
    server.cli("domain", "add", DOMAIN)
    server.cli("service", "enable", "imap", "imap-backend", "pop3", "pop3-backend")
    # One client machine plays all clients, and some runs compare in the clear.
    for listener in ("smtp", "imap", "imaps", "pop3"):
        server.cli("listener", "set", listener, "--per-address", "60000", "--new-per-minute", "10000000")
    for listener in ("imap", "pop3"):
        server.cli("listener", "set", listener, "--login", "plain")
    users = data.parent / "users.csv"
    users.write_text("\n".join([CSV_HEADER] + [f"u{n:05d}@{DOMAIN},DB1,{PASSWORD}" for n in NUMBERS]) + "\n",
                     encoding="ascii")
    server.cli("mailbox", "create", "--csv", str(users), timeout=600)


def stop(programs, data):
    server = hauspost.Instance(programs, data)
    if pathlib.Path(data, "hauspost-root").exists() and server.is_running():
        server.cli("server", "stop")


def count(programs, data):
    print(hauspost.Instance(programs, data).ask("database", "show", "DB1")["messages"])


def main():
    match sys.argv[1:]:
        case ["start", programs, data, port_base, prio]:
            start(programs, data, port_base, prio)
        case ["stop", programs, data]:
            stop(programs, data)
        case ["count", programs, data]:
            count(programs, data)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
