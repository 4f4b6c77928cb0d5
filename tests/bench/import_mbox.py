"""import_mbox.py [--programs DIR] [--gigabytes N] [--work DIR]: how fast an mbox file is imported, and what memory it takes.

Makes an mbox of that size (messages of 1 KB to 2 MB, 20 KB on average, a third of the bytes base64, no two alike), imports it into a new server,
and prints the rate, the peak resident memory of the store worker, and whether every message is there."""

import argparse
import base64
import os
import pathlib
import random
import shutil
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))

TEMPLATES = 2000
WORDS = 5000


def templates(rng):
    """Bodies, each with how often it is taken relative to others."""
    words = ["".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(2, 11))) for _ in range(WORDS)]
    made = []
    for _ in range(TEMPLATES):
        size = min(2_000_000, int(rng.lognormvariate(8.6, 1.5)) + 500)
        lines = []
        length = 0
        while length < size * 2 // 3:
            line = " ".join(rng.choices(words, k=11))
            lines.append(line)
            length += len(line) + 1
        attached = base64.encodebytes(rng.randbytes(size // 4)).decode()
        made.append("\n".join(lines) + "\n\n" + attached)
    return made


def write_mbox(path, size):
    rng = random.Random(7)
    bodies = [body.encode() for body in templates(rng)]
    count = 0
    written = 0
    with open(path, "wb", buffering=1 << 20) as out:
        while written < size:
            head = (f"From sender{count % 500}@example.org Thu Nov 21 12:{count // 60 % 60:02}:{count % 60:02} 2013\n"
                    f"From: Sender {count % 500} <sender{count % 500}@example.org>\nTo: user@example.test\n"
                    f"Subject: Message number {count} about {rng.getrandbits(40):x}\n"
                    f"Date: Thu, 21 Nov 2013 12:{count // 60 % 60:02}:{count % 60:02} +0000\n"
                    f"Message-ID: <{count}.{rng.getrandbits(64):x}@example.org>\nMIME-Version: 1.0\n"
                    f"Content-Type: text/plain; charset=utf-8\nStatus: RO\n\n").encode()
            body = rng.choice(bodies)
            out.write(head)
            out.write(body)
            out.write(b"\n")
            written += len(head) + len(body) + 1
            count += 1
    return count, written


def peak_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs")
    parser.add_argument("--gigabytes", type=float, default=2)
    parser.add_argument("--work", default="/var/tmp")
    options = parser.parse_args()
    if options.programs:
        os.environ["HAUSPOST_PROGRAMS"] = options.programs
    os.environ["TMPDIR"] = options.work
    from harness import DOMAIN, PASSWORD, Server
    folder = pathlib.Path(options.work) / "hauspost-import"
    folder.mkdir(exist_ok=True)
    path = folder / "big.mbox"
    count, size = write_mbox(path, int(options.gigabytes * 1e9))
    os.sync()
    server = Server()
    try:
        address = server.user()
        began = time.monotonic()
        server.cli("mailbox", "import", "new", "--mailbox", address, "--file", str(path), "--wait", timeout=7200)
        took = time.monotonic() - began
        worker = next(entry["pid"] for entry in server.ask("status")["processes"] if entry["database"] == "DB1")
        folders = {entry["path"]: entry for entry in server.ask("mailbox", "folders", address)}
        stored = folders["INBOX"]["messages"]
        print(f"{size / 1e6:.0f} MB, {count} messages in {took:.1f} s: {size / 1e6 / took:.1f} MB/s; "
              f"worker's peak {peak_kib(worker) / 1024:.0f} MiB; {stored} messages stored")
        return 0 if stored == count else 1
    finally:
        server.destroy()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
