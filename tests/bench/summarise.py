#!/usr/bin/env python3
"""summarise.py RESULTS.jsonl: a Markdown table of what side_by_side.sh measured.

One row a workload and measure: median (least-most) of Hauspost and of its peer, and how many times better
Hauspost's median is (above 1: Hauspost is ahead, for times and CPU as well).
"""

import json
import statistics
import sys

OURS = "hauspost/"
# Workload prefix -> (title, path in Hauspost's line, path in the peer's line, True when more is better)
MEASURES = {
    "smtp": [("delivered messages/s", "msgs_per_s", "e2e_deliveries_per_s", True),
             ("answer p50 ms", "lat_ms.p50", "lat_ms.p50", False),
             ("answer p99 ms", "lat_ms.p99", "lat_ms.p99", False),
             ("CPU s a 1,000", "server_cpu_s_per_1k", "server_cpu_s_per_1k", False)],
    "append": [("messages/s", "msgs_per_s", "msgs_per_s", True),
               ("p50 ms", "lat_ms.p50", "lat_ms.p50", False),
               ("p99 ms", "lat_ms.p99", "lat_ms.p99", False),
               ("CPU s a 1,000", "server_cpu_s_per_1k", "server_cpu_s_per_1k", False)],
    "logins-pop3": [("sessions/s", "sessions_per_s", "sessions_per_s", True),
                    ("login p50 ms", "login_ms.p50", "login_ms.p50", False),
                    ("login p99 ms", "login_ms.p99", "login_ms.p99", False),
                    ("session p50 ms", "session_ms.p50", "session_ms.p50", False)],
    "logins-imap": [("logins in the same time", "ops.LOGIN.n", "ops.LOGIN.n", True),
                    ("login p50 ms", "ops.LOGIN.lat_ms.p50", "ops.LOGIN.lat_ms.p50", False),
                    ("login p99 ms", "ops.LOGIN.lat_ms.p99", "ops.LOGIN.lat_ms.p99", False)],
    "pop3": [("messages/s", "msgs_per_s", "msgs_per_s", True),
             ("RETR p50 ms", "retr_ms.p50", "retr_ms.p50", False),
             ("CPU s a 1,000", "server_cpu_s_per_1k", "server_cpu_s_per_1k", False)],
    "load": [("messages/s", "msgs_per_s", "msgs_per_s", True),
             ("CPU s a 1,000", "server_cpu_s_per_1k", "server_cpu_s_per_1k", False)],
    "fetch": [("SELECT p50 ms", "select_ms.p50", "select_ms.p50", False)] + [
        (f"{phase} messages/s", f"{phase}.msgs_per_s", f"{phase}.msgs_per_s", True)
        for phase in ("flags", "headers", "fields", "body", "stream")],
    "mixed": [("commands/s", "commands_per_s", "commands_per_s", True),
              ("p50 ms", "lat_ms.p50", "lat_ms.p50", False),
              ("p99 ms", "lat_ms.p99", "lat_ms.p99", False),
              ("CPU s a 1,000", "server_cpu_s_per_1k", "server_cpu_s_per_1k", False)],
}


def read(path):
    """label -> runs in order"""
    rows = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            try:
                run = json.loads(line)
            except ValueError:
                continue
            if not run.get("label", "").endswith("/warm"):
                rows.setdefault(run["label"], []).append(run)
    return rows


def value(run, path):
    for key in path.split("."):
        if isinstance(run, list):
            run = next((entry for entry in run if entry.get("q") == key), None)
        elif isinstance(run, dict):
            run = run.get(key)
        else:
            return None
    return run if isinstance(run, (int, float)) else None


def show(numbers):
    def text(number):
        if number >= 100:
            return f"{number:,.0f}"
        return f"{number:.1f}" if number >= 10 else f"{number:.2f}" if number >= 0.1 else f"{number:.3f}"
    if not numbers:
        return ""
    middle = text(statistics.median(numbers))
    return middle if len(numbers) == 1 else f"{middle} ({text(min(numbers))}-{text(max(numbers))})"


def search_measures(run):
    queries = [entry["q"] for entry in run.get("queries", [])]
    return [(f"{query} p50 ms", f"queries.{query}.lat_ms.p50", f"queries.{query}.lat_ms.p50", False)
            for query in queries]


def table(rows):
    yield "| workload | measure | Hauspost | peer | ratio |"
    yield "|---|---|---|---|---|"
    for label, runs in rows.items():
        if not label.startswith(OURS):
            continue
        workload = label[len(OURS):]
        peer = next((name for name in rows if name != label and name.endswith("/" + workload)), None)
        prefix = next((name for name in MEASURES if workload.startswith(name)), None)
        measures = MEASURES[prefix] if prefix else search_measures(runs[0])
        for title, ours_path, theirs_path, more in measures:
            ours = [v for v in (value(run, ours_path) for run in runs) if v is not None]
            theirs = [v for v in (value(run, theirs_path) for run in rows.get(peer, [])) if v is not None]
            ratio = ""
            if ours and theirs and statistics.median(ours) > 0 and statistics.median(theirs) > 0:
                ratio = statistics.median(ours) / statistics.median(theirs)
                ratio = f"{ratio if more else 1 / ratio:.2f}"
            if ours or theirs:
                yield f"| {workload} | {title} | {show(ours)} | {show(theirs)} | {ratio} |"


def errors(rows):
    for label, runs in rows.items():
        count = sum(run.get("errors", 0) for run in runs)
        if count:
            yield f"{label}: {count} errors in {len(runs)} runs"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    rows = read(sys.argv[1])
    print("\n".join(table(rows)))
    found = list(errors(rows))
    print("\n" + ("\n".join(found) if found else "No errors in any run."))


if __name__ == "__main__":
    main()
