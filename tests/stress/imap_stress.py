#!/usr/bin/env python3
"""Many IMAP sessions on one mailbox, each checked against a model; closes with "N passed, M failed".

    tests/stress/imap_stress.py [--programs DIR] [--seconds 40] [--sessions 32] [--round 4] [--seed N]

The sessions append, store, expunge, move, copy, fetch, search, idle, break off and come back with QRESYNC,
all at once. After each round they stand still: those that idle have to have heard everything by themselves,
the others after one NOOP, and what all of them were told has to be what the mailbox holds. The seed fixes
what each session asks for; how the sessions interleave is the machine's.
"""

import argparse
import asyncio
import os
import pathlib
import random
import re
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "system"))

from model import Truth  # noqa: E402
from session import MAILBOX, OTHER, Session  # noqa: E402
from wire import Connection, Violation  # noqa: E402

HEAR_SECONDS_MAX = 30  # how long an idling session may stay behind
SUBJECT = re.compile(r"Subject: (\S+)")


class Observer:
    """Reads whole mailboxes over a connection of its own."""

    def __init__(self, server, address):
        self.server = server
        self.address = address
        self.lines = []
        self.wire = Connection("observer", lambda text, _: self.lines.append(text))

    async def connect(self):
        await self.wire.log_in(self.server, self.address)

    async def read(self, mailbox):
        """UID to (flags, subject) in the order of the mailbox."""
        await self.wire.command(f"EXAMINE {mailbox}")
        self.lines = []
        await self.wire.command("UID FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        found = {}
        for line in self.lines:
            if " FETCH (" not in line:
                continue
            flags = re.search(r"FLAGS \(([^)]*)\)", line)[1].split()
            found[int(re.search(r"UID (\d+)", line)[1])] = (frozenset(flags) - {"\\Recent"}, SUBJECT.search(line)[1])
        await self.wire.command("UNSELECT")
        if list(found) != sorted(found):
            raise Violation("UIDs of a FETCH are not in order")
        return found


def check_truth(truth, busy, other):
    """What the sessions did is what is there: nothing lost, nothing doubled, nothing come back."""
    for uid, (_, subject) in busy.items():
        if truth.token(uid) != subject:
            raise Violation(f"UID {uid} holds {subject}, but {truth.token(uid)} was put there")
    there = set(busy)
    if there & truth.told_gone or there & truth.moved:
        raise Violation(f"there again: {sorted(there & (truth.told_gone | truth.moved))[:10]}")
    gone = (truth.tokens.keys() | truth.copies.keys() | truth.told_gone) - there
    lost = sorted(uid for uid in gone if not truth.may_be_gone(uid))
    if lost:
        raise Violation(f"gone, though nobody deleted or moved them: UID {lost[:10]}")
    if other.keys() != truth.other.keys():
        raise Violation(f"{OTHER}: UIDs {sorted(other.keys() ^ truth.other.keys())[:10]} are too many or missing")
    for uid, (_, subject) in other.items():
        if truth.token(truth.other[uid]) != subject:
            raise Violation(f"{OTHER}: UID {uid} holds {subject}, copied was {truth.token(truth.other[uid])}")


async def work(session, until, guard):
    try:
        while time.monotonic() < until and not guard:
            await session.act()
    except Exception as error:  # the round reports it with what led there
        guard.append((session, error))


async def listen(session, uids, flags, guard):
    try:
        end = time.monotonic() + HEAR_SECONDS_MAX
        while session.view.difference(uids, {uid: flags[uid] for uid in uids}):
            heard = await session.hear(0.2)
            told = session.view.known() + [None] * session.view.uids.count(None)
            # What arrived is known by number alone; the rest has to be right already.
            if not heard and len(told) == len(uids) and all(
                    session.view.flags.get(uid) in (None, flags.get(uid)) for uid in session.view.known()):
                break
            if time.monotonic() > end:
                raise Violation("idling, it was not told: " + session.view.difference(uids, flags))
        await session.end_idle()
    except Exception as error:
        guard.append((session, error))


async def compare(session, uids, flags, guard):
    try:
        await session.command("NOOP")
        await session.fill()
        if wrong := session.view.difference(uids, flags):
            raise Violation(wrong)
    except Exception as error:
        guard.append((session, error))


async def one_round(sessions, observer, truth, rng, seconds):
    """Raises the first failure, as (session, error)."""
    guard = []
    idlers = [session for session in sessions if rng.random() < 0.4]
    until = time.monotonic() + seconds
    # Some go silent a little earlier and listen to the end of it.
    await asyncio.gather(*(work(s, until - 0.5 if s in idlers else until, guard) for s in sessions))
    for session in idlers:
        if not guard:
            await session.begin_idle()
    workers = [session for session in sessions if session not in idlers]
    await asyncio.gather(*(work(s, time.monotonic() + 0.5, guard) for s in workers))
    if not guard:
        busy = await observer.read(MAILBOX)
        check_truth(truth, busy, await observer.read(OTHER))
        uids, flags = list(busy), {uid: entry[0] for uid, entry in busy.items()}
        await asyncio.gather(*(listen(session, uids, flags, guard) for session in idlers))
        if not guard:
            await asyncio.gather(*(compare(session, uids, flags, guard) for session in sessions))
    if guard:
        raise RoundFailed(*guard[0])


class RoundFailed(Exception):
    def __init__(self, session, error):
        super().__init__(f"session {session.number} ({session.kind}): {type(error).__name__}: {error}")
        self.session = session
        self.error = error


async def stress(server, options):
    truth = Truth()
    address = server.user()
    server.cli("mailbox", "set", address, "--sessions", str(2 * options.sessions + 10))
    observer = Observer(server, address)
    await observer.connect()
    for mailbox in (MAILBOX, OTHER):
        await observer.wire.command(f"CREATE {mailbox}")
    sessions = [Session(n, options.seed, server, address, truth) for n in range(options.sessions)]
    for session in sessions:
        await session.connect()
    rng = random.Random(options.seed)
    end = time.monotonic() + options.seconds
    passed = 0
    try:
        while time.monotonic() < end:
            await one_round(sessions, observer, truth, rng, options.round)
            passed += 1
            print(f"round {passed}: {len(sessions[0].view.uids)} messages, {len(truth.tokens)} appended, "
                  f"{len(truth.told_gone)} gone, {sum(s.wire.commands for s in sessions)} commands, "
                  f"{sum(s.reconnects for s in sessions)} times QRESYNC", flush=True)
    except RoundFailed as failure:
        print(f"round {passed + 1}: {failure}")
        print("\n".join(failure.session.wire.trace[-30:]))
        if not isinstance(failure.error, Violation):
            traceback.print_exception(failure.error)
        return passed, 1
    except Violation as violation:
        print(f"round {passed + 1}: {violation}")
        return passed, 1
    finally:
        for session in [*sessions, observer]:
            session.wire.abort()
    return passed, 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", help="folder with hauspost and hauspostd")
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--sessions", type=int, default=32)
    parser.add_argument("--round", type=float, default=4, help="seconds between two comparisons")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options = parser.parse_args()
    if options.programs:
        os.environ["HAUSPOST_PROGRAMS"] = options.programs
    import harness  # it reads HAUSPOST_PROGRAMS

    print(f"seed {options.seed}: {options.sessions} sessions, {options.seconds:g} s", flush=True)
    server = harness.Server()
    server.password = harness.PASSWORD
    try:
        passed, failed = asyncio.run(stress(server, options))
        crashed = [entry["name"] for entry in server.ask("status")["processes"] if entry["crashes"]]
        if crashed:
            print(f"died: {', '.join(crashed)}")
            failed += 1
        server.cli("database", "check", "DB1", timeout=300)
        passed += 1
    finally:
        server.destroy()
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
