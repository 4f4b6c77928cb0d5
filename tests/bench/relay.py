#!/usr/bin/env python3
"""relay.py [REPS] [MESSAGES]: mail relayed through the queue to a fast sink, Hauspost and Postfix in turn.

From the environment, as for side_by_side.sh: RIG, PEERS, PROGRAMS. Each run gives MESSAGES of 4 KiB over
ten connections to port 25 and ends when Postfix's smtp-sink, the next hop of both, has all of them. Both
answer only what is durable in their queue. Prints one line a run and the medians: messages a second from the
first connection to the last message in the sink, and CPU seconds of all of the server's processes for 1,000
messages.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools" / "scripts"))
import instance as hauspost  # noqa: E402

PORT_BASE = 26000
SINK_PORT = 42525
POSTFIX_PORT = 42125
DOMAIN = "sink.test"
CONNECTIONS = 10
RUN_SECONDS_MAX = 180


def cpu_seconds(group):
    for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpuacct"):
        folder = pathlib.Path(root) / "perf-rig" / group
        if (folder / "cpuacct.usage").exists():
            return int((folder / "cpuacct.usage").read_text()) / 1e9
        if (folder / "cpu.stat").exists():
            words = dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())
            if "usage_usec" in words:
                return int(words["usage_usec"]) / 1e6
    sys.exit(f"relay: no accounting for {group}; is it started by prio?")


def wait_for_sink():
    end = time.monotonic() + 10
    while hauspost.port_is_free(SINK_PORT):
        if time.monotonic() > end:
            sys.exit("relay: smtp-sink does not listen; is the package postfix installed?")
        time.sleep(0.02)


def run(rig, name, port, group, messages):
    listen = f"127.0.0.1:{SINK_PORT}"
    sink = subprocess.Popen(["/usr/sbin/smtp-sink", "-u", "nobody", "-M", str(messages), listen, "512"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_sink()
        cpu, start = cpu_seconds(group), time.monotonic()
        programs = rig / "bin"
        load = subprocess.run([str(programs / "prio"), "gen", str(programs / "mailload"), "smtp",
                               "--port", str(port), "--messages", str(messages), "--conns", str(CONNECTIONS),
                               "--per-conn", "90", "--pipelining", "--users", "50", "--domain", DOMAIN,
                               "--size", "4k"],
                              check=True, capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
        accepted = time.monotonic() - start
        sink.wait(timeout=RUN_SECONDS_MAX)
        took = time.monotonic() - start
        used = cpu_seconds(group) - cpu
    finally:
        sink.kill()
        sink.wait()
    errors = json.loads(load.stdout.splitlines()[-1])["errors"]
    line = {"label": f"{name}/relay-c{CONNECTIONS}", "messages": messages, "errors": errors,
            "accepted_s": round(accepted, 3), "relayed_s": round(took, 3),
            "msgs_per_s": round(messages / took, 1),
            "server_cpu_s_per_1k": round(used / messages * 1000, 4)}
    print(json.dumps(line), flush=True)
    return line


def start_hauspost(programs, data, rig):
    subprocess.run([sys.executable, str(HERE / "rig_server.py"), "start", str(programs), str(data),
                    str(PORT_BASE), str(rig / "bin" / "prio")], check=True)
    server = hauspost.Instance(programs, data)
    server.cli("connector", "receive", "create", "Relay", "--usage", "internal",
               "--bind", f"127.0.0.1:{PORT_BASE + 26}", "--remote", "127.0.0.1", "--permit", "servers")
    server.cli("connector", "send", "create", "Sink", "--address-space", "*",
               "--smart-host", f"127.0.0.1:{SINK_PORT}")


def start_postfix(peers, rig):
    subprocess.run([str(peers / "postfix.sh"), "start"], check=True)
    etc = str(rig / "postfix" / "etc")
    subprocess.run(["/usr/sbin/postconf", "-c", etc, "-e", f"relayhost=[127.0.0.1]:{SINK_PORT}"], check=True)
    subprocess.run(["/usr/sbin/postfix", "-c", etc, "reload"], check=True, capture_output=True)
    time.sleep(1)


def main():
    reps = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    messages = int(sys.argv[2]) if len(sys.argv) > 2 else 3000
    rig, peers = pathlib.Path(os.environ["RIG"]), pathlib.Path(os.environ["PEERS"])
    programs = pathlib.Path(os.environ.get("PROGRAMS", HERE.parents[1] / "build" / "release" / "bin"))
    os.environ["PERF_RIG"] = str(rig)
    prio = rig / "bin" / "prio-peers"
    prio.write_text(f'#!/bin/bash\nexec "{rig}/bin/prio" peers "${{@:2}}"\n', encoding="ascii")
    prio.chmod(0o755)
    os.environ["PRIO"] = str(prio)
    data = rig / "hauspost"
    runs = {"hauspost": [], "postfix": []}
    try:
        start_hauspost(programs, data, rig)
        start_postfix(peers, rig)
        for _ in range(reps):
            runs["hauspost"].append(run(rig, "hauspost", PORT_BASE + 26, "ours", messages))
            runs["postfix"].append(run(rig, "postfix", POSTFIX_PORT, "peers", messages))
    finally:
        subprocess.run([str(peers / "postfix.sh"), "stop"], check=False, capture_output=True)
        subprocess.run([sys.executable, str(HERE / "rig_server.py"), "stop", str(programs), str(data)],
                       check=False)
    for name, lines in runs.items():
        for key in ("msgs_per_s", "server_cpu_s_per_1k"):
            print(f"{name} {key}: median {statistics.median(line[key] for line in lines)}")


if __name__ == "__main__":
    main()
