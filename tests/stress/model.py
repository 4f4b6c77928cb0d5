"""What the stress test believes: the view of one session, and the truth that all of them make together."""

import re

from wire import Violation, expand

FETCH = re.compile(r"(\d+) (UIDFETCH|FETCH) \((.*)\)$", re.DOTALL)
UID = re.compile(r"(?:^| )UID (\d+)")
FLAGS = re.compile(r"(?:^| )FLAGS \(([^)]*)\)")
MODSEQ = re.compile(r"(?:^| )MODSEQ \((\d+)\)")
NUMBERED = ("FETCH", "STORE", "SEARCH")  # no EXPUNGE while one of these runs (RFC 3501 section 7.4.1)


class Truth:
    """What all sessions did to the mailbox."""

    def __init__(self):
        self.tokens = {}       # UID in the mailbox -> what marks the message's text
        self.other = {}        # UID in the other mailbox -> UID in this one it was copied from
        self.copies = {}       # UID -> UID in the same mailbox it was copied from
        self.may_go = set()    # somebody asked for \Deleted on it, or for MOVE
        self.told_gone = set()
        self.moved = set()     # COPYUID of a MOVE named it
        self.facts = {}        # (UID, MODSEQ) -> flags, as the first session was told

    def token(self, uid):
        while uid in self.copies:
            uid = self.copies[uid]
        return self.tokens[uid]

    def may_be_gone(self, uid):
        """COPY takes \\Deleted along."""
        while uid not in self.may_go and uid in self.copies:
            uid = self.copies[uid]
        return uid in self.may_go

    def gone(self, uid):
        self.told_gone.add(uid)

    def fact(self, uid, modseq, flags):
        known = self.facts.setdefault((uid, modseq), flags)
        if known != flags:
            raise Violation(f"UID {uid} at MODSEQ {modseq}: {sorted(flags)}, another session was told {sorted(known)}")

    def note_moved(self, uids):
        twice = self.moved.intersection(uids)
        if twice:
            raise Violation(f"two sessions moved UID {sorted(twice)}")
        self.moved.update(uids)


class View:
    """The mailbox as one session was told of it: UIDs by sequence number (None: not told yet)."""

    def __init__(self, truth, vanishes, uid_only):
        self.truth = truth
        self.vanishes = vanishes  # told of expunges by VANISHED
        self.uid_only = uid_only
        self.uids = []
        self.flags = {}
        self.modseq = {}
        self.highest = 0      # MODSEQ of FETCH and [HIGHESTMODSEQ], as RFC 7162 lets a client follow it
        self.touched = {}     # since the last command began: UID -> MODSEQ of a FETCH with FLAGS
        self.own = {}         # since then: UID -> MODSEQ of a FETCH without FLAGS
        self.saved = None     # SEARCH's answer
        self.asked = 0        # all messages up to this UID have been fetched

    def known(self):
        return [uid for uid in self.uids if uid is not None]

    def complete(self):
        return all(uid is not None and uid in self.flags for uid in self.uids)

    def handle(self, text, command):
        """One untagged response. Raises Violation."""
        if found := FETCH.match(text):
            return self.fetch(int(found[1]), found[2], found[3], command)
        word, _, rest = text.partition(" ")
        if word == "VANISHED":
            return self.vanished(rest, command)
        if word.isdigit() and rest == "EXISTS":
            return self.exists(int(word))
        if word.isdigit() and rest == "EXPUNGE":
            return self.expunge(int(word), command)
        if found := re.match(r"OK \[HIGHESTMODSEQ (\d+)\]", text):
            self.highest = int(found[1])
        elif word in ("SEARCH", "ESEARCH"):
            self.saved = text

    def exists(self, count):
        if count < len(self.uids):
            raise Violation(f"{count} EXISTS in a view of {len(self.uids)}")
        self.uids += [None] * (count - len(self.uids))

    def refuse_if_numbered(self, command):
        if command.split(" ")[0] in NUMBERED:
            raise Violation(f"an expunge was told while {command!r} ran")

    def expunge(self, number, command):
        self.refuse_if_numbered(command)
        if self.vanishes or not 1 <= number <= len(self.uids):
            raise Violation(f"{number} EXPUNGE in a view of {len(self.uids)}")
        uid = self.uids.pop(number - 1)
        if uid is not None:
            self.forget(uid)

    def vanished(self, rest, command):
        if rest.startswith("(EARLIER) "):
            # Of UIDs that this session has not been told of or of those it has: FETCH (VANISHED) may name both.
            return
        self.refuse_if_numbered(command)
        if not self.vanishes:
            raise Violation("VANISHED to a session that did not ask for it")
        for uid in expand(rest):
            if uid in self.flags or uid in self.uids:
                self.uids.remove(uid)
                self.forget(uid)
            else:
                self.uids.pop(self.unknown_place(uid))
                self.truth.gone(uid)

    def unknown_place(self, uid):
        """Where a message can stand whose arrival was told and whose UID was not."""
        place = next((at for at, other in enumerate(self.uids)
                      if other is None and (self.uid_only or self.fits(at, uid))), None)
        if place is None:
            raise Violation(f"UID {uid}, which this session does not know")
        return place

    def fits(self, at, uid):
        before = next((other for other in reversed(self.uids[:at]) if other is not None), 0)
        after = next((other for other in self.uids[at + 1:] if other is not None), uid + 1)
        return before < uid < after

    def forget(self, uid):
        self.truth.gone(uid)
        self.flags.pop(uid, None)
        self.modseq.pop(uid, None)

    def fetch(self, number, kind, items, command):
        if (kind == "UIDFETCH") != self.uid_only:
            raise Violation(f"{kind} to a session with UIDONLY {self.uid_only}")
        told = UID.search(items)
        uid = self.place(number, int(told[1]) if told else None)
        if uid is None:
            return
        flags, modseq = FLAGS.search(items), MODSEQ.search(items)
        modseq = int(modseq[1]) if modseq else None
        if modseq is not None:
            if modseq < self.modseq.get(uid, 0):
                raise Violation(f"MODSEQ of UID {uid} went from {self.modseq[uid]} back to {modseq}")
            self.modseq[uid] = modseq
            self.highest = max(self.highest, modseq)
        if flags:
            self.flags[uid] = frozenset(flags[1].split()) - {"\\Recent"}
            self.touched[uid] = modseq
            if modseq is not None:
                self.truth.fact(uid, modseq, self.flags[uid])
        elif modseq is not None:
            self.own[uid] = modseq

    def place(self, number, uid):
        """The UID that a FETCH speaks of, after it was checked against the view; None: not told."""
        if self.uid_only:
            if number not in self.uids:
                self.uids.pop(self.unknown_place(number))
                known = sorted(self.known() + [number])
                self.uids = known + [None] * (len(self.uids) + 1 - len(known))
            return number
        if not 1 <= number <= len(self.uids):
            raise Violation(f"{number} FETCH in a view of {len(self.uids)}")
        known = self.uids[number - 1]
        if uid is None or uid == known:
            return known
        if known is not None:
            raise Violation(f"{number} FETCH: UID {uid}, but this number is UID {known}")
        if not self.fits(number - 1, uid):
            raise Violation(f"{number} FETCH: UID {uid} is out of order")
        self.uids[number - 1] = uid
        return uid

    def begin_command(self):
        self.touched = {}
        self.own = {}

    def apply_silent(self, uids, change):
        """What this session's own STORE.SILENT did, as far as it can know."""
        for uid in uids:
            if uid not in self.flags:
                continue
            told, own = self.touched.get(uid, -1), self.own.get(uid)
            if told == -1 or (own is not None and told is not None and own > told):
                self.flags[uid] = change(self.flags[uid])
            elif own is None:
                del self.flags[uid]  # others changed it too: only asking tells

    def difference(self, uids, flags):
        """How it differs from the mailbox; empty when it does not."""
        if self.known() != uids or len(self.uids) != len(uids):
            mine = set(self.known())
            return (f"view of {len(self.uids)} with {len(mine)} known UIDs, mailbox of {len(uids)}; "
                    f"only in the view: {sorted(mine - set(uids))[:10]}; "
                    f"only in the mailbox: {sorted(set(uids) - mine)[:10]}")
        wrong = [(uid, sorted(self.flags.get(uid, ())), sorted(flags[uid])) for uid in uids
                 if self.flags.get(uid) != flags[uid]]
        return f"flags (UID, view, mailbox): {wrong[:5]}" if wrong else ""
